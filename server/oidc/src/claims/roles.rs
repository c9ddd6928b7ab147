//! Roles of the realm and of clients.

use std::collections::BTreeMap;

use serde_json::Value;

use super::mapper_type::{MULTIVALUED, MapperType, Property};
use super::{Claims, EVERYWHERE, Facts, Mapper, typed};

pub(super) const REALM_ROLES: MapperType = MapperType {
    priority: 40,
    named: true,
    own: &[
        Property::text(
            "usermodel.realmRoleMapping.rolePrefix",
            "usermodel.realmRoleMapping.rolePrefix.label",
            "Stands before each role's name.",
        ),
        MULTIVALUED.or("true"),
    ],
    ..MapperType::new(
        "oidc-usermodel-realm-role-mapper",
        "User Realm Role",
        "Puts the names of the user's realm roles into a claim.",
        EVERYWHERE,
        realm,
    )
};

pub(super) const CLIENT_ROLES: MapperType = MapperType {
    priority: 40,
    named: true,
    own: &[
        Property::text(
            "usermodel.clientRoleMapping.clientId",
            "usermodel.clientRoleMapping.clientId.label",
            "The client whose roles are put into the claim; all clients when empty.",
        )
        .of_kind("ClientList"),
        Property::text(
            "usermodel.clientRoleMapping.rolePrefix",
            "usermodel.clientRoleMapping.rolePrefix.label",
            "Stands before each role's name.",
        ),
        MULTIVALUED.or("true"),
    ],
    ..MapperType::new(
        "oidc-usermodel-client-role-mapper",
        "User Client Role",
        "Puts the names of the user's client roles into a claim; '${client_id}' in its name is the client's.",
        EVERYWHERE,
        client,
    )
};

fn realm(mapper: &Mapper<'_>, _: &Facts<'_>, claims: &mut Claims) {
    let prefix = mapper
        .config("usermodel.realmRoleMapping.rolePrefix")
        .unwrap_or_default();
    let names: Vec<String> = claims
        .roles
        .iter()
        .filter(|role| role.client.is_none())
        .map(|role| format!("{prefix}{}", role.name))
        .collect();
    put(mapper, claims, names, &[]);
}

fn client(mapper: &Mapper<'_>, _: &Facts<'_>, claims: &mut Claims) {
    let only = mapper.config("usermodel.clientRoleMapping.clientId");
    let prefix = mapper
        .config("usermodel.clientRoleMapping.rolePrefix")
        .unwrap_or_default();
    let mut by_client: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for role in &claims.roles {
        if let Some(client) = &role.client
            && only.is_none_or(|only| only == client)
        {
            let names = by_client.entry(client.clone()).or_default();
            names.push(format!("{prefix}{}", role.name));
        }
    }
    for (client, names) in by_client {
        put(mapper, claims, names, &[("client_id", &client)]);
    }
}

fn put(mapper: &Mapper<'_>, claims: &mut Claims, names: Vec<String>, variables: &[(&str, &str)]) {
    if names.is_empty() {
        return;
    }
    // Roles are a list unless the mapper says they are one text.
    let value = if mapper.config("multivalued") == Some("false") {
        Value::from(names.join(","))
    } else {
        let label = mapper.config("jsonType.label");
        let typed = names.iter().filter_map(|name| typed(name, label));
        Value::Array(typed.collect())
    };
    mapper.put_value(claims, value, variables);
}
