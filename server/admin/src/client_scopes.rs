//! Client scopes, and which of them new clients are linked to.

use std::sync::Arc;

use axum::response::Response;
use axum::routing::{get, put};
use axum::{Json, Router};
use http::StatusCode;
use realmkeep_authn::Services;
use realmkeep_representations::{
    ClientRepresentation, ClientScopeRepresentation, RealmRepresentation,
};
use realmkeep_store::{Batch, Store};
use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};
use crate::merge::merged;
use crate::request::{Cx, Given, new_id};
use crate::rights::Right;
use crate::whole_realm::number_mappers;
use crate::{protocol_mappers, role_mappings};

pub const VIEW: &[Right] = &[Right::VIEW_CLIENTS];
pub const MANAGE: &[Right] = &[Right::MANAGE_CLIENTS];

pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/", get(list).post(create))
        .route("/{scope}", get(read).put(update).delete(delete))
        .nest("/{scope}/protocol-mappers", protocol_mappers::routes())
        .nest("/{scope}/scope-mappings", role_mappings::scope_routes())
}

/// `/default-default-client-scopes` and `/default-optional-client-scopes`.
pub fn default_routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/default-default-client-scopes", get(list_default))
        .route(
            "/default-default-client-scopes/{scope}",
            put(add_default).delete(remove_default),
        )
        .route("/default-optional-client-scopes", get(list_optional))
        .route(
            "/default-optional-client-scopes/{scope}",
            put(add_optional).delete(remove_default),
        )
}

/// The scope in the request's path.
///
/// # Errors
/// 404 when the realm has none with this id.
pub fn here(cx: &Cx) -> ApiResult<&ClientScopeRepresentation> {
    cx.realm
        .client_scopes
        .iter()
        .find(|s| s.id.as_deref() == Some(cx.param("scope")))
        .ok_or_else(|| ApiError::not_found("Could not find client scope"))
}

async fn list(cx: Cx) -> ApiResult<Json<Vec<ClientScopeRepresentation>>> {
    cx.require(VIEW)?;
    Ok(Json(cx.realm.client_scopes.clone()))
}

async fn create(cx: Cx, given: Given<ClientScopeRepresentation>) -> ApiResult<Response> {
    cx.require(MANAGE)?;
    let mut scope = given.value;
    check(&scope)?;
    let id = scope.id.get_or_insert_with(new_id).clone();
    scope.attributes.get_or_insert_default();
    scope
        .protocol
        .get_or_insert_with(|| "openid-connect".to_owned());
    for mapper in scope.protocol_mappers.iter().flatten() {
        protocol_mappers::check(mapper)?;
    }
    number_mappers(scope.protocol_mappers.as_mut());
    let mut batch = Batch::new();
    batch.push(cx.store().insert(&cx.realm.id, &scope)?);
    batch.touch(cx.touch_realm());
    cx.commit_created(batch, &id).await
}

fn check(scope: &ClientScopeRepresentation) -> ApiResult<()> {
    let name = scope.name.as_deref().unwrap_or_default();
    // A scope name is a token of RFC 6749 section 3.3, and may carry a `:` parameter.
    let good = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\'));
    if !good {
        return Err(ApiError::bad_request(format!(
            "Unexpected name \"{name}\" for ClientScope"
        )));
    }
    match scope.protocol.as_deref() {
        None | Some("openid-connect" | "saml" | "oid4vc") => Ok(()),
        Some(other) => Err(ApiError::bad_request(format!(
            "Unexpected protocol \"{other}\" for ClientScope"
        ))),
    }
}

async fn read(cx: Cx) -> ApiResult<Json<ClientScopeRepresentation>> {
    cx.require(VIEW)?;
    Ok(Json(here(&cx)?.clone()))
}

async fn update(cx: Cx, given: Given<ClientScopeRepresentation>) -> ApiResult<StatusCode> {
    cx.require(MANAGE)?;
    let old = here(&cx)?.clone();
    let mut new = merged(&old, &given.json, &["attributes"])?;
    new.id.clone_from(&old.id);
    check(&new)?;
    number_mappers(new.protocol_mappers.as_mut());
    let mut batch = Batch::new();
    batch.push(cx.store().update(&cx.realm.id, &new)?);
    if new.name != old.name {
        rename_links(&cx, &mut batch, &old, new.name.as_deref()).await?;
    }
    batch.touch(cx.touch_realm());
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete(cx: Cx) -> ApiResult<StatusCode> {
    cx.require(MANAGE)?;
    let scope = here(&cx)?.clone();
    let id = scope.id.as_deref().unwrap_or_default();
    let mut batch = Batch::new();
    rename_links(&cx, &mut batch, &scope, None).await?;
    batch.push(Store::forget_scope(id));
    batch.push(Store::delete::<ClientScopeRepresentation>(&cx.realm.id, id));
    batch.touch(cx.touch_realm());
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Clients and the realm name a scope; they follow its new name, or lose it.
async fn rename_links(
    cx: &Cx,
    batch: &mut Batch,
    scope: &ClientScopeRepresentation,
    name: Option<&str>,
) -> ApiResult<()> {
    let old = scope.name.as_deref().unwrap_or_default();
    let rename = |list: &mut Option<Vec<String>>| -> bool {
        let Some(list) = list.as_mut().filter(|l| l.iter().any(|n| n == old)) else {
            return false;
        };
        match name {
            Some(name) => list
                .iter_mut()
                .filter(|n| *n == old)
                .for_each(|n| name.clone_into(n)),
            None => list.retain(|n| n != old),
        }
        true
    };
    for mut client in cx
        .store()
        .list::<ClientRepresentation>(&cx.realm.id)
        .await?
    {
        let default = rename(&mut client.default_client_scopes);
        let optional = rename(&mut client.optional_client_scopes);
        if default || optional {
            batch.push(cx.store().update(&cx.realm.id, &client)?);
        }
    }
    let mut settings = cx.realm.settings.clone();
    let default = rename(&mut settings.default_default_client_scopes);
    let optional = rename(&mut settings.default_optional_client_scopes);
    if default || optional {
        batch.push(cx.store().update_realm(&settings)?);
    }
    Ok(())
}

async fn list_default(cx: Cx) -> ApiResult<Json<Value>> {
    listed(&cx, |r| r.default_default_client_scopes.as_ref())
}

async fn list_optional(cx: Cx) -> ApiResult<Json<Value>> {
    listed(&cx, |r| r.default_optional_client_scopes.as_ref())
}

fn listed(
    cx: &Cx,
    list: impl Fn(&RealmRepresentation) -> Option<&Vec<String>>,
) -> ApiResult<Json<Value>> {
    cx.require(VIEW)?;
    Ok(Json(
        list(&cx.realm.settings)
            .into_iter()
            .flatten()
            .filter_map(|name| cx.realm.client_scope(name))
            .map(|s| json!({"id": s.id, "name": s.name, "protocol": s.protocol}))
            .collect(),
    ))
}

async fn add_default(cx: Cx) -> ApiResult<StatusCode> {
    place(cx, Some(true)).await
}

async fn add_optional(cx: Cx) -> ApiResult<StatusCode> {
    place(cx, Some(false)).await
}

async fn remove_default(cx: Cx) -> ApiResult<StatusCode> {
    place(cx, None).await
}

async fn place(cx: Cx, by_default: Option<bool>) -> ApiResult<StatusCode> {
    cx.require(MANAGE)?;
    let name = here(&cx)?.name.clone().unwrap_or_default();
    cx.change_settings(
        |settings, _| {
            let default = settings
                .default_default_client_scopes
                .get_or_insert_default();
            let optional = settings
                .default_optional_client_scopes
                .get_or_insert_default();
            default.retain(|n| *n != name);
            optional.retain(|n| *n != name);
            match by_default {
                Some(true) => default.push(name.clone()),
                Some(false) => optional.push(name.clone()),
                None => {}
            }
            Ok(())
        },
        |()| None,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
