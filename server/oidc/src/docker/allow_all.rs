use realmkeep_representations::{ProtocolMapperRepresentation, ProtocolMapperTypeRepresentation};
use serde_json::Value;

use super::access::Access;

/// Id of the mapper type, and the name that it has in new clients.
pub const ID: &str = "docker-v2-allow-all-mapper";

/// Grants whatever the client asks for.
pub(super) fn apply(wanted: &[Access], granted: &mut Vec<Access>) {
    for access in wanted {
        if !granted.contains(access) {
            granted.push(access.clone());
        }
    }
}

pub(super) fn representation() -> ProtocolMapperTypeRepresentation {
    ProtocolMapperTypeRepresentation {
        id: Some(ID.to_owned()),
        name: Some("Allow All".to_owned()),
        category: Some("Docker Auth Mapper".to_owned()),
        help_text: Some(Value::from(
            "Grants every user whatever the Docker client asks for.",
        )),
        priority: Some(0),
        properties: Some(Vec::new()),
    }
}

/// The mapper as a new client has it.
pub fn of_new_client() -> ProtocolMapperRepresentation {
    ProtocolMapperRepresentation {
        name: Some(ID.to_owned()),
        protocol: Some(super::PROTOCOL.to_owned()),
        protocol_mapper: Some(ID.to_owned()),
        ..ProtocolMapperRepresentation::default()
    }
}
