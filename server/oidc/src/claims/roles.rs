//! Roles of the realm and of clients.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Claims, Facts, Mapper};

pub(super) fn realm(mapper: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    let prefix = mapper
        .config("usermodel.realmRoleMapping.rolePrefix")
        .unwrap_or_default();
    let names: Vec<String> = facts
        .roles
        .iter()
        .filter(|role| role.client_role != Some(true))
        .filter_map(|role| role.name.as_deref())
        .map(|name| format!("{prefix}{name}"))
        .collect();
    put(mapper, claims, names, &[]);
}

pub(super) fn client(mapper: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    let only = mapper.config("usermodel.clientRoleMapping.clientId");
    let prefix = mapper
        .config("usermodel.clientRoleMapping.rolePrefix")
        .unwrap_or_default();
    let mut by_client: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for role in facts.roles {
        if role.client_role == Some(true)
            && let Some(container) = role.container_id.as_deref()
            && let Some(client) = facts.client_names.get(container)
            && let Some(name) = role.name.as_deref()
            && only.is_none_or(|only| only == client)
        {
            let names = by_client.entry(client).or_default();
            names.push(format!("{prefix}{name}"));
        }
    }
    for (client, names) in by_client {
        put(mapper, claims, names, &[("client_id", client)]);
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
        Value::from(names)
    };
    mapper.put_value(claims, value, variables);
}
