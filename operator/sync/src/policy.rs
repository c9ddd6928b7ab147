//! What a resource may not ask for without a grant of the realm's owner.

use realmkeep_crds::{Client, ClientSettings, RoleGrants};
use serde_json::Value;

/// Clients whose roles administer the realm or impersonate its users.
const ADMIN_CLIENTS: [&str; 2] = ["realm-management", "broker"];
const ADMIN_ROLES: [&str; 2] = ["admin", "create-realm"];

/// The first privilege of `client` that needs `allowedClients.adminRoles: Allow`, and why.
pub fn denied_privilege(client: &Client) -> Option<String> {
    let roles = client.spec.service_account_roles.as_ref();
    let mapper = client.spec.settings.as_ref().and_then(privileged_mapper);
    let privilege = roles.and_then(admin_role).or(mapper)?;
    Some(format!(
        "{privilege}; the realm's owner can allow it with spec.allowedClients.adminRoles: Allow"
    ))
}

fn admin_role(roles: &RoleGrants) -> Option<String> {
    let realm = roles.realm.iter().flatten();
    let mut of_realm = realm.filter(|role| ADMIN_ROLES.contains(&role.as_str()));
    if let Some(role) = of_realm.next() {
        let field = "spec.serviceAccountRoles.realm";
        return Some(format!("{field}: the role {role} administers the server"));
    }
    let clients = roles.clients.iter().flatten();
    for (client, roles) in clients {
        let admin = ADMIN_CLIENTS.contains(&client.as_str()) || client.ends_with("-realm");
        if admin && !roles.is_empty() {
            let field = format!("spec.serviceAccountRoles.clients.{client}");
            return Some(format!("{field}: its roles administer the realm"));
        }
    }
    None
}

/// A mapper that runs code in the server or writes an administrator's role into tokens.
fn privileged_mapper(settings: &ClientSettings) -> Option<String> {
    let mappers = settings.fields().get("protocolMappers")?.as_array()?;
    let text = |value: &Value, key: &str| {
        let text = value.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    mappers.iter().enumerate().find_map(|(i, mapper)| {
        let kind = text(mapper, "protocolMapper");
        let field = format!("spec.settings.protocolMappers[{i}]");
        if kind.starts_with("script-") || kind.contains("script-based") {
            return Some(format!(
                "{field}: the mapper {kind} runs a script in the server"
            ));
        }
        if !kind.ends_with("hardcoded-role-mapper") {
            return None;
        }
        let role = text(mapper.get("config")?, "role");
        let (client, role) = role.rsplit_once('.').unwrap_or(("", &role));
        let admin = ADMIN_CLIENTS.contains(&client)
            || client.ends_with("-realm")
            || (client.is_empty() && ADMIN_ROLES.contains(&role));
        admin.then(|| format!("{field}: the mapper writes an administrator's role into tokens"))
    })
}
