//! What objects are called when they are created or looked for.

use anyhow::{Context, bail};
use serde_json::Value;

use crate::connection::Connection;

/// `clients` → `client`: the last word of an endpoint, of one object.
pub(crate) fn singular(endpoint: &str) -> String {
    let word = endpoint
        .split('?')
        .next()
        .unwrap_or_default()
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default();
    word.strip_suffix("ies")
        .map(|stem| format!("{stem}y"))
        .or_else(|| word.strip_suffix('s').map(str::to_owned))
        .unwrap_or_else(|| word.to_owned())
}

/// Id of the user of exactly that name.
pub(crate) async fn user_id(connection: &Connection, name: &str) -> anyhow::Result<String> {
    let found = connection
        .read(&["users"], &[("username", name), ("exact", "true")])
        .await?;
    let user = found.as_array().and_then(|users| {
        users.iter().find(|user| {
            user.get("username")
                .and_then(Value::as_str)
                .is_some_and(|one| one.eq_ignore_ascii_case(name))
        })
    });
    id(user).with_context(|| format!("User not found for username: {name}"))
}

/// Id of the client of that clientId.
pub(crate) async fn client_id(connection: &Connection, name: &str) -> anyhow::Result<String> {
    let found = connection.read(&["clients"], &[("clientId", name)]).await?;
    id(found.as_array().and_then(|clients| clients.first()))
        .with_context(|| format!("Client not found for clientId: {name}"))
}

/// Id of the group at that path (`/parent/child`).
pub(crate) async fn group_id_by_path(
    connection: &Connection,
    path: &str,
) -> anyhow::Result<String> {
    let segments: Vec<&str> = ["group-by-path"]
        .into_iter()
        .chain(path.trim_matches('/').split('/'))
        .collect();
    let found = connection
        .read(&segments, &[])
        .await
        .with_context(|| format!("Group not found for path: {path}"))?;
    id(Some(&found)).with_context(|| format!("Group not found for path: {path}"))
}

/// Id of the one top-level group of that name.
pub(crate) async fn group_id(connection: &Connection, name: &str) -> anyhow::Result<String> {
    let found = connection
        .read(&["groups"], &[("search", name), ("exact", "true")])
        .await?;
    let groups = found.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut named = groups
        .iter()
        .filter(|group| group.get("name").and_then(Value::as_str) == Some(name));
    let first = id(named.next()).with_context(|| format!("Group not found for name: {name}"))?;
    if named.next().is_some() {
        bail!("Multiple groups found for name: {name}; name one by --gpath or --gid");
    }
    Ok(first)
}

fn id(object: Option<&Value>) -> Option<String> {
    object?.get("id")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::singular;

    #[test]
    fn objects_are_named_by_their_endpoint() {
        assert_eq!(singular("clients"), "client");
        assert_eq!(singular("realms/x/identity-provider/instances"), "instance");
        assert_eq!(singular("client-policies"), "client-policy");
    }
}
