//! Reads one object as the server has it.

use realmkeep_admin_client::{AdminClient, Error, FoundExt};
use realmkeep_plan::{DesiredObject, ObjectKey, SERVICE_ACCOUNT_ROLES};
use serde_json::{Map, Value, json};

use crate::drift;

/// The object that `desired` is about, or `None` when it does not exist.
///
/// # Errors
/// The server cannot be asked.
pub async fn observe(
    server: &AdminClient,
    desired: &DesiredObject,
) -> Result<Option<Value>, Error> {
    let mut observed = object(server, &desired.key).await?;
    if let Some(observed) = &mut observed {
        drift::unmask(server, desired, observed).await?;
    }
    if let Some(observed) = &mut observed
        && let Some(grants) = desired.fields.get(SERVICE_ACCOUNT_ROLES)
    {
        let roles = service_account_roles(server, desired.key.realm(), observed, grants).await?;
        if let Some(observed) = observed.as_object_mut() {
            observed.insert(SERVICE_ACCOUNT_ROLES.into(), roles);
        }
    }
    Ok(observed)
}

pub(crate) async fn object(server: &AdminClient, key: &ObjectKey) -> Result<Option<Value>, Error> {
    match key {
        ObjectKey::Realm { realm } => server.realm(realm).await.found(),
        ObjectKey::IdentityProvider { realm, alias } => {
            server.identity_provider(realm, alias).await.found()
        }
        ObjectKey::Client { realm, client_id } => {
            let found = server.client_by_client_id(realm, client_id).await.found()?;
            Ok(found.flatten())
        }
    }
}

/// The roles that `grants` speaks of, as the service account has them.
async fn service_account_roles(
    server: &AdminClient,
    realm: &str,
    client: &Value,
    grants: &Value,
) -> Result<Value, Error> {
    let Some(user) = service_account(server, realm, client).await? else {
        return Ok(json!({}));
    };
    let mut roles = Map::new();
    if grants.get("realm").is_some() {
        let default_role = format!("default-roles-{}", realm.to_lowercase());
        let names = names(&server.user_roles(realm, &user, None).await?);
        let names: Vec<_> = names.into_iter().filter(|n| *n != default_role).collect();
        roles.insert("realm".into(), json!(names));
    }
    if let Some(clients) = grants.get("clients").and_then(Value::as_object) {
        let mut of_clients = Map::new();
        for client_id in clients.keys() {
            if let Some(id) = client_uuid(server, realm, client_id).await? {
                let names = names(&server.user_roles(realm, &user, Some(&id)).await?);
                of_clients.insert(client_id.clone(), json!(names));
            }
        }
        roles.insert("clients".into(), Value::Object(of_clients));
    }
    Ok(Value::Object(roles))
}

/// The id of the user that stands for the client; `None` when service accounts are off.
pub(crate) async fn service_account(
    server: &AdminClient,
    realm: &str,
    client: &Value,
) -> Result<Option<String>, Error> {
    let text = |key: &str| client.get(key).and_then(Value::as_str);
    if client.get("serviceAccountsEnabled") != Some(&Value::Bool(true)) {
        return Ok(None);
    }
    let Some(id) = text("id") else {
        return Ok(None);
    };
    let user = server.service_account_user(realm, id).await.found()?;
    Ok(user.and_then(|user| Some(user.get("id")?.as_str()?.to_owned())))
}

/// A client's internal id.
pub(crate) async fn client_uuid(
    server: &AdminClient,
    realm: &str,
    client_id: &str,
) -> Result<Option<String>, Error> {
    let client = server.client_by_client_id(realm, client_id).await?;
    Ok(client.and_then(|client| Some(client.get("id")?.as_str()?.to_owned())))
}

fn names(roles: &[Value]) -> Vec<String> {
    let names = roles.iter().filter_map(|role| role.get("name")?.as_str());
    names.map(str::to_owned).collect()
}
