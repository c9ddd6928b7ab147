//! What the admin console asks about the administrator who uses it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use realmkeep_authn::Services;
use realmkeep_model::fresh::{MASTER, REALM_MANAGEMENT};
use serde_json::{Value, json};

use crate::bootstrap::TEMPORARY_ADMIN;
use crate::error::{ApiError, ApiResult};
use crate::realms::Caller;

/// The client as which the console acts.
const CONSOLE_CLIENT: &str = "security-admin-console";

pub fn routes() -> Router<Arc<Services>> {
    Router::new().route("/{realm}/console/whoami", get(who_am_i))
}

async fn who_am_i(
    State(services): State<Arc<Services>>,
    Path(path): Path<BTreeMap<String, String>>,
    caller: Caller,
) -> ApiResult<Json<Value>> {
    let name = path.get("realm").cloned().unwrap_or_default();
    let actor = &caller.actor;
    let client = actor.client.representation.client_id.as_deref();
    if actor.realm.name != name || client != Some(CONSOLE_CLIENT) {
        return Err(ApiError::forbidden());
    }
    let mut access: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for realm in services.store.realm_names().await? {
        if actor.realm.name != MASTER && realm != actor.realm.name {
            continue;
        }
        let Some(realm) = services.store.realm(&realm).await? else {
            continue;
        };
        let rights = actor.rights_in(&services, &realm).await?;
        if !rights.is_empty() {
            access.insert(realm.name.clone(), rights.names());
        }
    }
    if actor.realm.name == MASTER {
        // Roles of the master realm itself.
        let own = access.entry(MASTER.to_owned()).or_default();
        for role in ["admin", "create-realm"] {
            let held = actor
                .realm
                .roles
                .realm_role(role)
                .and_then(|r| r.id.as_ref());
            if held.is_some_and(|id| actor.roles.contains(id)) {
                own.insert(role.to_owned());
            }
        }
    } else if let Some(client) = services
        .store
        .client(&actor.realm, REALM_MANAGEMENT)
        .await?
    {
        let container = client.representation.id.as_deref().unwrap_or_default();
        let whole = actor.realm.roles.client_role(container, "realm-admin");
        if whole
            .and_then(|r| r.id.as_ref())
            .is_some_and(|id| actor.roles.contains(id))
        {
            access
                .entry(name)
                .or_default()
                .insert("realm-admin".to_owned());
        }
    }
    let user = &actor.subject.user;
    let full_name = [&user.first_name, &user.last_name]
        .into_iter()
        .flatten()
        .cloned()
        .collect::<Vec<_>>()
        .join(" ");
    let display_name = if full_name.is_empty() {
        user.username.clone().unwrap_or_default()
    } else {
        full_name
    };
    let attribute = |key: &str| {
        let attributes = user.attributes.as_ref()?;
        attributes.get(key)?.first().cloned()
    };
    Ok(Json(json!({
        "userId": user.id,
        "realm": actor.realm.name,
        "displayName": display_name,
        "locale": attribute("locale")
            .or_else(|| actor.realm.settings.default_locale.clone())
            .unwrap_or_else(|| "en".to_owned()),
        "temporary": attribute(TEMPORARY_ADMIN).is_some_and(|v| v == "true"),
        "createRealm": actor.can_create_realms(),
        "realm_access": access,
    })))
}
