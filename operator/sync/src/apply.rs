//! Carries out one change by ordered calls.

use std::collections::{BTreeMap, BTreeSet};

use realmkeep_admin_client::{AdminClient, Error, FoundExt, ScopeAssignment};
use realmkeep_plan::{Change, ObjectKey, Operation, SERVICE_ACCOUNT_ROLES};
use serde_json::{Map, Value};

use crate::{
    SyncError,
    drift::guarded,
    observe::{client_uuid, object, service_account},
};

/// Applies a change and returns the object's id on the server, where it has one.
///
/// # Errors
/// The server cannot be asked, or refuses. What was sent before stays; the next plan goes on
/// from there.
pub async fn apply(server: &AdminClient, change: &Change) -> Result<Option<String>, SyncError> {
    let body = change.body.expose();
    match (&change.object, change.op) {
        (ObjectKey::Realm { realm }, Operation::Create) => server.create_realm(realm, body).await?,
        (ObjectKey::Realm { realm }, Operation::Update) => {
            let server = guarded(server, change).await?;
            server.update_realm(realm, body).await?;
        }
        (ObjectKey::Realm { realm }, Operation::Delete) => {
            server.delete_realm(realm).await.found()?;
        }
        (ObjectKey::IdentityProvider { realm, .. }, Operation::Create) => {
            server.create_identity_provider(realm, body).await?;
        }
        (ObjectKey::IdentityProvider { realm, alias }, Operation::Update) => {
            let server = guarded(server, change).await?;
            server.update_identity_provider(realm, alias, body).await?;
        }
        (ObjectKey::IdentityProvider { realm, alias }, Operation::Delete) => {
            server
                .delete_identity_provider(realm, alias)
                .await
                .found()?;
        }
        (ObjectKey::Client { realm, client_id }, Operation::Delete) => {
            let id = match &change.id {
                Some(id) => Some(id.clone()),
                None => client_uuid(server, realm, client_id).await?,
            };
            if let Some(id) = id {
                server.delete_client(realm, &id).await.found()?;
            }
        }
        (ObjectKey::Client { realm, .. }, Operation::Create | Operation::Update) => {
            return client(server, realm, change).await.map(Some);
        }
    }
    Ok(change.id.clone())
}

async fn client(server: &AdminClient, realm: &str, change: &Change) -> Result<String, SyncError> {
    let mut body = change.body.expose().clone();
    let fields = body.as_object_mut();
    let roles = fields.and_then(|fields| fields.shift_remove(SERVICE_ACCOUNT_ROLES));
    let touches = |part: &str| change.fields.iter().any(|f| f.path.starts_with(part));
    // Before anything is written: whether everything that is named exists.
    if touches("defaultClientScopes") || touches("optionalClientScopes") {
        known_scopes(server, realm, &body).await?;
    }
    if let Some(roles) = &roles
        && touches(SERVICE_ACCOUNT_ROLES)
    {
        wanted_roles(server, realm, roles).await?;
    }
    let id = match (change.op, &change.id) {
        (Operation::Update, Some(id)) => {
            let guarded = guarded(server, change).await?;
            guarded.update_client(realm, id, &body).await?;
            id.clone()
        }
        _ => server.create_client(realm, &body).await?,
    };
    // Some servers take these only at their own paths once the client exists.
    let parts = [
        "defaultClientScopes",
        "optionalClientScopes",
        "protocolMappers",
    ];
    let changed = change
        .fields
        .iter()
        .any(|field| parts.iter().any(|part| field.path.starts_with(part)));
    if changed && let Some(stored) = object(server, &change.object).await? {
        scopes(server, realm, &id, &body, &stored).await?;
        mappers(server, realm, &id, &body, &stored).await?;
    }
    if let Some(roles) = roles
        && let Some(stored) = object(server, &change.object).await?
    {
        service_account_roles(server, realm, &stored, &roles).await?;
    }
    Ok(id)
}

async fn scopes(
    server: &AdminClient,
    realm: &str,
    id: &str,
    wanted: &Value,
    stored: &Value,
) -> Result<(), SyncError> {
    let mut gone = Vec::new();
    let mut new = Vec::new();
    for (field, kind) in [
        ("defaultClientScopes", ScopeAssignment::Default),
        ("optionalClientScopes", ScopeAssignment::Optional),
    ] {
        if let Some(wanted) = names(wanted.get(field)) {
            let stored = names(stored.get(field)).unwrap_or_default();
            gone.extend(stored.difference(&wanted).map(|s| (kind, s.clone())));
            new.extend(wanted.difference(&stored).map(|s| (kind, s.clone())));
        }
    }
    if gone.is_empty() && new.is_empty() {
        return Ok(());
    }
    let known = known_scopes(server, realm, wanted).await?;
    // A scope that moves from one list to the other must leave the one before it enters the other.
    for (kind, scope) in &gone {
        if let Some(scope) = known.get(scope) {
            server
                .unassign_client_scope(realm, id, *kind, scope)
                .await?;
        }
    }
    for (kind, scope) in &new {
        if let Some(scope) = known.get(scope) {
            server.assign_client_scope(realm, id, *kind, scope).await?;
        }
    }
    Ok(())
}

/// The realm's client scopes by name, all of `client`'s among them.
async fn known_scopes(
    server: &AdminClient,
    realm: &str,
    client: &Value,
) -> Result<BTreeMap<String, String>, SyncError> {
    let scopes = server.client_scopes(realm).await?;
    let known: BTreeMap<_, _> = scopes
        .iter()
        .filter_map(|s| Some((name(s).to_owned(), s.get("id")?.as_str()?.to_owned())))
        .collect();
    for field in ["defaultClientScopes", "optionalClientScopes"] {
        let wanted = names(client.get(field)).unwrap_or_default();
        if let Some(missing) = wanted.into_iter().find(|s| !known.contains_key(s)) {
            return Err(SyncError::Unknown {
                field: format!("spec.settings.{field}"),
                what: format!("client scope {missing:?}"),
            });
        }
    }
    Ok(known)
}

async fn mappers(
    server: &AdminClient,
    realm: &str,
    id: &str,
    wanted: &Value,
    stored: &Value,
) -> Result<(), Error> {
    let items = |value: &Value| -> Option<Vec<Map<String, Value>>> {
        let items = value.get("protocolMappers")?.as_array()?.iter();
        Some(items.filter_map(|m| m.as_object().cloned()).collect())
    };
    let Some(wanted) = items(wanted) else {
        return Ok(());
    };
    let stored = items(stored).unwrap_or_default();
    let named = |items: &[Map<String, Value>], mapper: &Map<String, Value>| {
        let found = items.iter().find(|m| m.get("name") == mapper.get("name"));
        found.cloned()
    };
    let id_of = |mapper: &Map<String, Value>| mapper.get("id")?.as_str().map(str::to_owned);
    for mapper in &stored {
        if named(&wanted, mapper).is_none()
            && let Some(mapper_id) = id_of(mapper)
        {
            let gone = server.delete_client_mapper(realm, id, &mapper_id).await;
            gone.found()?;
        }
    }
    for mapper in &wanted {
        let Some(before) = named(&stored, mapper) else {
            let body = Value::Object(mapper.clone());
            server.create_client_mapper(realm, id, &body).await?;
            continue;
        };
        let mut merged = before.clone();
        merged.extend(mapper.clone());
        if merged != before
            && let Some(mapper_id) = id_of(&before)
        {
            merged.insert("id".into(), Value::from(mapper_id.as_str()));
            let body = Value::Object(merged);
            server
                .update_client_mapper(realm, id, &mapper_id, &body)
                .await?;
        }
    }
    Ok(())
}

/// Roles of the realm (`None`) or of a client (its internal id), as representations.
type WantedRoles = Vec<(Option<String>, Vec<Value>)>;

/// The roles that a client's service account is to have; all of them exist.
async fn wanted_roles(
    server: &AdminClient,
    realm: &str,
    grants: &Value,
) -> Result<WantedRoles, SyncError> {
    let unknown = |field: &str, what: String| SyncError::Unknown {
        field: format!("spec.serviceAccountRoles.{field}"),
        what,
    };
    let mut wanted = WantedRoles::new();
    if let Some(names) = names(grants.get("realm")) {
        let mut roles = Vec::new();
        for role in names {
            let found = server.realm_role(realm, &role).await.found()?;
            roles.push(found.ok_or_else(|| unknown("realm", format!("role {role:?}")))?);
        }
        wanted.push((None, roles));
    }
    let clients = grants.get("clients").and_then(Value::as_object);
    for (client_id, grants) in clients.into_iter().flatten() {
        let field = format!("clients.{client_id}");
        let id = client_uuid(server, realm, client_id).await?;
        let id = id.ok_or_else(|| unknown(&field, format!("client {client_id:?}")))?;
        let mut roles = Vec::new();
        for role in names(Some(grants)).unwrap_or_default() {
            let found = server.client_role(realm, &id, &role).await.found()?;
            roles.push(found.ok_or_else(|| unknown(&field, format!("role {role:?}")))?);
        }
        wanted.push((Some(id), roles));
    }
    Ok(wanted)
}

async fn service_account_roles(
    server: &AdminClient,
    realm: &str,
    client: &Value,
    grants: &Value,
) -> Result<(), SyncError> {
    let Some(user) = service_account(server, realm, client).await? else {
        return Err(SyncError::Unknown {
            field: "spec.serviceAccountRoles".into(),
            what: "a service account (settings.serviceAccountsEnabled: true)".into(),
        });
    };
    let default_role = format!("default-roles-{}", realm.to_lowercase());
    for (client, wanted) in wanted_roles(server, realm, grants).await? {
        let client = client.as_deref();
        let has = server.user_roles(realm, &user, client).await?;
        let among = |roles: &[Value], role: &Value| roles.iter().any(|r| name(r) == name(role));
        let gone: Vec<_> = has
            .iter()
            .filter(|role| !among(&wanted, role))
            .filter(|role| client.is_some() || name(role) != default_role)
            .cloned()
            .collect();
        let new: Vec<_> = wanted
            .iter()
            .filter(|role| !among(&has, role))
            .cloned()
            .collect();
        change_roles(server, realm, &user, client, &gone, &new).await?;
    }
    Ok(())
}

async fn change_roles(
    server: &AdminClient,
    realm: &str,
    user: &str,
    client: Option<&str>,
    gone: &[Value],
    new: &[Value],
) -> Result<(), Error> {
    if !gone.is_empty() {
        server.revoke_roles(realm, user, client, gone).await?;
    }
    if !new.is_empty() {
        server.grant_roles(realm, user, client, new).await?;
    }
    Ok(())
}

fn name(role: &Value) -> &str {
    let name = role.get("name").and_then(Value::as_str);
    name.unwrap_or_default()
}

fn names(value: Option<&Value>) -> Option<BTreeSet<String>> {
    let items = value?.as_array()?.iter();
    Some(items.filter_map(|s| Some(s.as_str()?.to_owned())).collect())
}
