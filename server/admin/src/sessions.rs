//! Sessions: seen and ended.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::routing::{delete, get, post};
use axum::{Json, Router};
use http::StatusCode;
use realmkeep_authn::Services;
use realmkeep_authn::session::is_alive;
use realmkeep_representations::UserSessionRepresentation;
use realmkeep_store::sessions::UserSession;
use realmkeep_store::{Batch, Store};
use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};
use crate::request::Cx;
use crate::rights::Right;
use crate::{clients, users};

pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/sessions/{session}", delete(end))
        .route("/logout-all", post(end_all))
        .route("/push-revocation", post(push_revocation))
        .route("/client-session-stats", get(stats))
}

pub async fn of_user(cx: Cx) -> ApiResult<Json<Vec<UserSessionRepresentation>>> {
    cx.require(users::VIEW)?;
    let user = users::here(&cx).await?;
    let id = user.id.as_deref().unwrap_or_default();
    let found = cx.store().sessions_of_user(&cx.realm.id, id).await?;
    shown(&cx, found).await
}

pub async fn of_client(cx: Cx) -> ApiResult<Json<Vec<UserSessionRepresentation>>> {
    cx.require(clients::VIEW)?;
    let id = clients::here(&cx).await?.id.unwrap_or_default();
    let found = cx
        .store()
        .sessions_of_client(&cx.realm.id, &id, cx.page_or(100)?)
        .await?;
    shown(&cx, found).await
}

pub async fn count_of_client(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(clients::VIEW)?;
    let id = clients::here(&cx).await?.id.unwrap_or_default();
    let count = cx.store().count_client_sessions(&id).await?;
    Ok(Json(json!({ "count": count })))
}

/// Offline sessions come with the offline scope; until then there are none.
pub async fn no_offline(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(clients::VIEW)?;
    clients::here(&cx).await?;
    Ok(Json(Vec::new()))
}

/// As [`no_offline`], counted.
pub async fn no_offline_count(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(clients::VIEW)?;
    clients::here(&cx).await?;
    Ok(Json(json!({ "count": 0 })))
}

/// As [`no_offline`], of a user.
pub async fn no_offline_of_user(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(users::VIEW)?;
    users::here(&cx).await?;
    Ok(Json(Vec::new()))
}

async fn shown(
    cx: &Cx,
    sessions: Vec<UserSession>,
) -> ApiResult<Json<Vec<UserSessionRepresentation>>> {
    let now = cx.services.clock.now();
    let client_ids: HashMap<String, String> = clients::all(cx)
        .await?
        .into_iter()
        .filter_map(|c| Some((c.id?, c.client_id?)))
        .collect();
    let mut list = Vec::new();
    for session in sessions {
        if !is_alive(&cx.realm, &session, now) {
            continue;
        }
        let username = cx
            .store()
            .find_user(&cx.realm.id, &session.user_id)
            .await?
            .and_then(|u| u.username);
        let parts = cx.store().client_sessions(&session.id).await?;
        let in_clients: BTreeMap<String, String> = parts
            .into_iter()
            .filter_map(|part| {
                let name = client_ids.get(&part.client_id)?.clone();
                Some((part.client_id, name))
            })
            .collect();
        list.push(UserSessionRepresentation {
            id: Some(session.id),
            username,
            user_id: Some(session.user_id),
            ip_address: Some(session.detail.ip_address),
            start: Some(session.started.saturating_mul(1000)),
            last_access: Some(session.last_refresh.saturating_mul(1000)),
            remember_me: Some(session.detail.remember_me),
            clients: Some(in_clients),
            transient_user: Some(false),
        });
    }
    Ok(Json(list))
}

/// Ends all sessions of the user; tokens issued before now are no longer good.
pub async fn logout_user(cx: Cx) -> ApiResult<StatusCode> {
    let mut user = users::here_to_manage(&cx).await?;
    let now = cx.services.clock.now();
    user.not_before = Some(i32::try_from(now).unwrap_or(i32::MAX));
    let id = user.id.clone().unwrap_or_default();
    let mut batch = Batch::new();
    batch.push(Store::end_sessions_of_user(&cx.realm.id, &id));
    users::push_update(&cx, &mut batch, &user).await?;
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn end(cx: Cx) -> ApiResult<StatusCode> {
    cx.require(users::MANAGE)?;
    let id = cx.param("session");
    let known = cx.store().find_session(&cx.realm.id, id).await?;
    if known.is_none() {
        return Err(ApiError::not_found("Session not found"));
    }
    let mut batch = Batch::new();
    batch.push(Store::end_session(&cx.realm.id, id));
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn end_all(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(users::MANAGE)?;
    let mut batch = Batch::new();
    batch.push(Store::end_sessions_of_realm(&cx.realm.id));
    cx.commit(batch).await?;
    Ok(Json(json!({})))
}

/// Tells clients the not-before time at their admin address. Clients of this server check tokens
/// themselves, so there is nobody to tell unless a client has such an address.
pub async fn push_revocation(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(&[Right::MANAGE_REALM, Right::MANAGE_CLIENTS])?;
    let told = clients::all(&cx).await?.into_iter().find(|client| {
        client.admin_url.as_deref().is_some_and(|u| !u.is_empty())
            && (!cx.has_param("client") || client.id.as_deref() == Some(cx.param("client")))
    });
    match told {
        None => Ok(Json(json!({}))),
        Some(client) => Err(ApiError::not_supported(&format!(
            "pushing the not-before time to the admin URL of client '{}'",
            client.client_id.unwrap_or_default()
        ))),
    }
}

async fn stats(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(&[Right::VIEW_REALM])?;
    let mut list = Vec::new();
    for client in clients::all(&cx).await? {
        let id = client.id.unwrap_or_default();
        let active = cx.store().count_client_sessions(&id).await?;
        if active > 0 {
            list.push(json!({
                "id": id, "clientId": client.client_id, "active": active.to_string(), "offline": "0",
            }));
        }
    }
    Ok(Json(list))
}
