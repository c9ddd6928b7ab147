//! A role that every token of the client carries. It has to be known before other mappers look at
//! the roles, so it is no mapper like them.

use realmkeep_representations::ProtocolMapperRepresentation;

use super::Mapper;

const ID: &str = "oidc-hardcoded-role-mapper";

/// Names of roles that mappers add: `role` of the realm, or `client.role`.
pub fn granted_roles<'a>(
    mappers: impl IntoIterator<Item = &'a ProtocolMapperRepresentation>,
) -> Vec<&'a str> {
    mappers
        .into_iter()
        .filter(|mapper| mapper.protocol_mapper.as_deref() == Some(ID))
        .filter_map(|mapper| Mapper(mapper).config("role"))
        .collect()
}
