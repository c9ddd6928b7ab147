//! Components: providers of a realm with a configuration of their own, key providers among them.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use realmkeep_authn::Services;
use realmkeep_authn::event_listeners::webhook;
use realmkeep_events::{LISTENER_COMPONENT, WEBHOOK};
use realmkeep_keys::providers::{self, ProviderError};
use realmkeep_keys::vault;
use realmkeep_representations::{ComponentRepresentation, KeysMetadataRepresentation};
use realmkeep_store::documents::RealmKey;
use realmkeep_store::{Batch, Store};

use crate::declarative::SecretDigests;
use crate::error::{ApiError, ApiResult};
use crate::merge::merged;
use crate::request::{Cx, Given, new_id};
use crate::rights::Right;
use crate::whole_realm::KEY_PROVIDER;

const REGISTRATION_POLICY: &str =
    "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy";
const REGISTRATION_POLICIES: [&str; 7] = [
    "allowed-client-templates",
    "allowed-protocol-mappers",
    "consent-required",
    "max-clients",
    "registration-web-origins",
    "scope",
    "trusted-hosts",
];
/// Configuration entries that are secrets.
pub const SECRETS: [&str; 5] = [
    "privateKey",
    "secret",
    "bindCredential",
    "keystorePassword",
    "keyPassword",
];
const MASK: &str = "**********";

pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/components", get(list).post(create))
        .route("/components/{id}", get(read).put(update).delete(delete))
        .route("/keys", get(keys))
}

/// Puts masks in the place of secrets.
pub fn mask(component: &mut ComponentRepresentation) {
    for (key, values) in component.config.iter_mut().flatten() {
        if SECRETS.contains(&key.as_str()) {
            for value in values.iter_mut().filter(|v| !vault::is_reference(v)) {
                MASK.clone_into(value);
            }
        }
    }
}

fn masked(mut component: ComponentRepresentation) -> ComponentRepresentation {
    mask(&mut component);
    component
}

async fn list(cx: Cx) -> ApiResult<Json<Vec<ComponentRepresentation>>> {
    cx.require(&[Right::VIEW_REALM])?;
    let all: Vec<ComponentRepresentation> = cx.store().list(&cx.realm.id).await?;
    let fits = |wanted: Option<&str>, value: &Option<String>| {
        wanted.is_none_or(|w| value.as_deref() == Some(w))
    };
    Ok(Json(
        all.into_iter()
            .filter(|c| {
                fits(cx.query("parent"), &c.parent_id)
                    && fits(cx.query("type"), &c.provider_type)
                    && fits(cx.query("name"), &c.name)
            })
            .map(masked)
            .collect(),
    ))
}

async fn create(cx: Cx, given: Given<ComponentRepresentation>) -> ApiResult<Response> {
    cx.require(&[Right::MANAGE_REALM])?;
    let mut component = given.value;
    let given_id = component.id.take().filter(|id| !id.is_empty());
    let id = given_id.unwrap_or_else(new_id);
    component.id = Some(id.clone());
    component
        .parent_id
        .get_or_insert_with(|| cx.realm.id.clone());
    component.config.get_or_insert_default();
    leave_out_empty(&mut component);
    component.name = Some(
        component
            .name
            .or_else(|| component.provider_id.clone())
            .unwrap_or_default(),
    );
    let mut batch = Batch::new();
    match component.provider_type.as_deref() {
        Some(KEY_PROVIDER) => {
            let key = key_of(&cx, &component, None).await?;
            batch.push(cx.store().insert(&cx.realm.id, &key)?);
        }
        Some(REGISTRATION_POLICY) => {
            let provider = component.provider_id.as_deref().unwrap_or_default();
            if !REGISTRATION_POLICIES.contains(&provider) {
                return Err(no_such_provider());
            }
        }
        Some(LISTENER_COMPONENT) => check_listener(&cx, &component)?,
        Some("org.keycloak.storage.UserStorageProvider") => {
            return Err(ApiError::not_supported("user federation"));
        }
        _ => return Err(no_such_provider()),
    }
    batch.push(cx.store().insert(&cx.realm.id, &component)?);
    batch.touch(cx.touch_realm());
    cx.commit_created(batch, &id).await
}

/// What is told of events has to be reachable, and to know who tells it.
fn check_listener(cx: &Cx, component: &ComponentRepresentation) -> ApiResult<()> {
    if component.provider_id.as_deref() != Some(WEBHOOK) {
        return Err(no_such_provider());
    }
    let http = cx.services.remote_keys.http();
    webhook::check(http, component).map_err(ApiError::bad_request)
}

/// A setting without a value is none.
fn leave_out_empty(component: &mut ComponentRepresentation) {
    for values in component
        .config
        .iter_mut()
        .flat_map(|config| config.values_mut())
    {
        values.retain(|value| !value.is_empty());
    }
    if let Some(config) = &mut component.config {
        config.retain(|_, values| !values.is_empty());
    }
}

fn no_such_provider() -> ApiError {
    ApiError::error(
        StatusCode::BAD_REQUEST,
        "Invalid provider type or no such provider",
    )
}

/// The key that a component describes; `old` is the one it has.
async fn key_of(
    cx: &Cx,
    component: &ComponentRepresentation,
    old: Option<RealmKey>,
) -> ApiResult<RealmKey> {
    let (realm, now) = (cx.realm.name.clone(), cx.services.clock.now());
    let component = component.clone();
    let sources = cx.services.keys.sources();
    let make = move || providers::apply_from(&sources, &component, old.as_ref(), &realm, now);
    tokio::task::spawn_blocking(make)
        .await
        .map_err(ApiError::internal)?
        .map_err(|error| match error {
            ProviderError::UnknownProvider => no_such_provider(),
            ProviderError::Invalid(text) | ProviderError::Unsupported(text) => {
                ApiError::bad_request(text)
            }
            ProviderError::Keys(error) => error.into(),
        })
}

async fn here(cx: &Cx) -> ApiResult<ComponentRepresentation> {
    cx.store()
        .find::<ComponentRepresentation>(&cx.realm.id, cx.param("id"))
        .await?
        .ok_or_else(|| ApiError::not_found("Could not find component"))
}

async fn read(cx: Cx) -> ApiResult<impl IntoResponse> {
    cx.require(&[Right::VIEW_REALM])?;
    let component = here(&cx).await?;
    let digests = SecretDigests::of_component(&cx, &component)?;
    Ok(digests.beside(masked(component)))
}

async fn update(cx: Cx, given: Given<ComponentRepresentation>) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    let old = here(&cx).await?;
    let mut new = merged(&old, &given.json, &[])?;
    new.id.clone_from(&old.id);
    new.provider_id.clone_from(&old.provider_id);
    new.provider_type.clone_from(&old.provider_type);
    leave_out_empty(&mut new);
    for (key, values) in new.config.iter_mut().flatten() {
        let kept = old.config.as_ref().and_then(|c| c.get(key));
        if SECRETS.contains(&key.as_str())
            && values.iter().any(|v| v == MASK)
            && let Some(kept) = kept
        {
            values.clone_from(kept);
        }
    }
    if new.provider_type.as_deref() == Some(LISTENER_COMPONENT) {
        check_listener(&cx, &new)?;
    }
    let mut batch = Batch::new();
    let id = new.id.clone().unwrap_or_default();
    if let Some(old) = cx.store().find::<RealmKey>(&cx.realm.id, &id).await? {
        let key = key_of(&cx, &new, Some(old.clone())).await?;
        if key.status != "ACTIVE" || key.algorithm != old.algorithm {
            require_other_key(&cx, &old).await?;
        }
        batch.push(cx.store().update(&cx.realm.id, &key)?);
    }
    batch.push(cx.store().update(&cx.realm.id, &new)?);
    batch.touch(cx.touch_realm());
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete(cx: Cx) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    let component = here(&cx).await?;
    let id = component.id.clone().unwrap_or_default();
    let mut batch = Batch::new();
    if let Some(key) = cx.store().find::<RealmKey>(&cx.realm.id, &id).await? {
        require_other_key(&cx, &key).await?;
        batch.push(Store::delete::<RealmKey>(&cx.realm.id, &id));
    }
    let all: Vec<ComponentRepresentation> = cx.store().list(&cx.realm.id).await?;
    let mut open = vec![id];
    while let Some(id) = open.pop() {
        open.extend(
            all.iter()
                .filter(|c| c.parent_id.as_ref() == Some(&id))
                .filter_map(|c| c.id.clone()),
        );
        batch.push(Store::delete::<ComponentRepresentation>(&cx.realm.id, &id));
    }
    batch.touch(cx.touch_realm());
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Without a key no token could be issued.
async fn require_other_key(cx: &Cx, key: &RealmKey) -> ApiResult<()> {
    let settings = &cx.realm.settings;
    let default = settings.default_signature_algorithm.as_deref();
    let needed =
        key.algorithm == "HS512" || Some(key.algorithm.as_str()) == default.or(Some("RS256"));
    let others: Vec<RealmKey> = cx.store().list(&cx.realm.id).await?;
    let other = others
        .iter()
        .any(|k| k.id != key.id && k.algorithm == key.algorithm && k.status == "ACTIVE");
    if needed && !other {
        return Err(ApiError::bad_request(format!(
            "this is the realm's only active {} key; add another one first",
            key.algorithm
        )));
    }
    Ok(())
}

async fn keys(cx: Cx) -> ApiResult<Json<KeysMetadataRepresentation>> {
    cx.require(&[Right::VIEW_REALM])?;
    let all: Vec<RealmKey> = cx.store().list(&cx.realm.id).await?;
    Ok(Json(providers::metadata(all)))
}
