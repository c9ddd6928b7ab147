//! Changes on the server that a plan cannot see by itself: of a secret that is masked, and since the plan
//! was made. Both need additions of our own server; on a Keycloak nothing is known and nothing done.

use realmkeep_admin_client::{AdminClient, Error};
use realmkeep_plan::{Change, DesiredObject, ObjectKey, SERVICE_ACCOUNT_ROLES};
use realmkeep_representations::SecretString;
use serde_json::{Map, Value};

/// What stands in the place of a masked secret that is not the declared one.
const ANOTHER: &str = "(another value)";

/// Puts something else in the place of masks behind which another secret is than the declared one, so that
/// the plan sets it again. What is right stays masked, and is not written.
///
/// # Errors
/// The server cannot be asked.
pub(crate) async fn unmask(
    server: &AdminClient,
    desired: &DesiredObject,
    observed: &mut Value,
) -> Result<(), Error> {
    let mut masked: Vec<(&str, &SecretString)> = Vec::new();
    for (path, secret) in &desired.secrets {
        if at(observed, path).is_some_and(|found| is_masked(found)) {
            masked.push((path.as_str(), &secret.value));
        }
    }
    if masked.is_empty() {
        return Ok(());
    }
    let realm = desired.key.realm();
    let path = path(&desired.key, observed);
    let Some(equal) = server.compare_secrets(realm, &path, &masked).await? else {
        return Ok(());
    };
    for ((field, _), equal) in masked.iter().zip(equal) {
        if !equal && let Some(found) = at(observed, field) {
            *found = Value::from(ANOTHER);
        }
    }
    Ok(())
}

/// The server, for a change that goes through only while the object is as the plan saw it; where the server
/// has no entity tags, the server as it is.
///
/// # Errors
/// [`Error::Changed`] when it is not any more, or the server cannot be asked.
pub(crate) async fn guarded(server: &AdminClient, change: &Change) -> Result<AdminClient, Error> {
    let (now, tag) = match (&change.object, &change.id) {
        (ObjectKey::Realm { realm }, _) => server.realm_tagged(realm).await?,
        (ObjectKey::IdentityProvider { realm, alias }, _) => {
            server.identity_provider_tagged(realm, alias).await?
        }
        (ObjectKey::Client { realm, .. }, Some(id)) => server.client_tagged(realm, id).await?,
        (ObjectKey::Client { .. }, None) => return Ok(server.clone()),
    };
    let Some(tag) = tag else {
        return Ok(server.clone());
    };
    let mut seen = change.seen.expose().clone();
    if let Some(fields) = seen.as_object_mut() {
        fields.shift_remove(SERVICE_ACCOUNT_ROLES);
    }
    match is_same(&now, &seen) {
        true => Ok(server.only_at(&tag)),
        false => Err(Error::Changed {
            object: change.object.to_string(),
        }),
    }
}

/// Where the object is, below the realm.
fn path(key: &ObjectKey, observed: &Value) -> String {
    match key {
        ObjectKey::Realm { .. } => String::new(),
        ObjectKey::IdentityProvider { alias, .. } => {
            format!("identity-provider/instances/{alias}")
        }
        ObjectKey::Client { .. } => {
            let id = observed.get("id").and_then(Value::as_str);
            format!("clients/{}", id.unwrap_or_default())
        }
    }
}

/// The value at `field` or `map.key`; the key may have dots.
fn at<'o>(observed: &'o mut Value, path: &str) -> Option<&'o mut Value> {
    match path.split_once('.') {
        None => observed.get_mut(path),
        Some((map, key)) => observed.get_mut(map)?.get_mut(key),
    }
}

fn is_masked(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| SecretString::new(text).is_masked())
}

/// Whether nothing changed; what the server masks now was compared by itself.
fn is_same(now: &Value, seen: &Value) -> bool {
    match (now, seen) {
        (Value::Object(now), Value::Object(seen)) => same_fields(now, seen),
        _ => now == seen || is_masked(now),
    }
}

fn same_fields(now: &Map<String, Value>, seen: &Map<String, Value>) -> bool {
    now.len() == seen.len()
        && now
            .iter()
            .all(|(key, now)| seen.get(key).is_some_and(|seen| is_same(now, seen)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mask_is_the_same_as_what_was_put_in_its_place() {
        let now = json!({"a": {"secret": "**********", "x": [1]}});
        assert!(is_same(&now, &json!({"a": {"x": [1], "secret": ANOTHER}})));
        assert!(!is_same(&now, &json!({"a": {"x": [2], "secret": ANOTHER}})));
        assert!(!is_same(&now, &json!({"a": {"x": [1]}})));
    }
}
