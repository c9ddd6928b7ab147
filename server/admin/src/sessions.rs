//! Sessions: seen and ended.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::routing::{delete, get, post};
use axum::{Json, Router};
use http::StatusCode;
use realmkeep_authn::session::is_alive;
use realmkeep_authn::{Services, session_end};
use realmkeep_oidc::logout;
use realmkeep_representations::{ClientRepresentation, UserSessionRepresentation};
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

/// Offline sessions that a client has tokens for.
pub async fn offline_of_client(cx: Cx) -> ApiResult<Json<Vec<UserSessionRepresentation>>> {
    cx.require(clients::VIEW)?;
    let id = clients::here(&cx).await?.id.unwrap_or_default();
    let found = cx
        .store()
        .offline_sessions_of_client(&cx.realm.id, &id, cx.page_or(100)?)
        .await?;
    shown(&cx, found).await
}

/// As [`offline_of_client`], counted.
pub async fn count_offline_of_client(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(clients::VIEW)?;
    let id = clients::here(&cx).await?.id.unwrap_or_default();
    let count = cx.store().count_offline_client_sessions(&id).await?;
    Ok(Json(json!({ "count": count })))
}

/// A user's offline sessions in which one client takes part.
pub async fn offline_of_user(cx: Cx) -> ApiResult<Json<Vec<UserSessionRepresentation>>> {
    cx.require(users::VIEW)?;
    let user = users::here(&cx).await?.id.unwrap_or_default();
    let client = cx.param("client");
    if cx
        .store()
        .find::<ClientRepresentation>(&cx.realm.id, client)
        .await?
        .is_none()
    {
        return Err(ApiError::not_found("Client not found"));
    }
    let mut found = Vec::new();
    let sessions = cx
        .store()
        .offline_sessions_of_user(&cx.realm.id, &user)
        .await?;
    for session in sessions {
        let parts = cx.store().client_sessions(&session.id).await?;
        if parts.iter().any(|part| part.client_id == client) {
            found.push(session);
        }
    }
    shown(&cx, found).await
}

/// Sessions that have not ended, as the API shows them.
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
    for step in session_end::end_of_user(&cx.services, &cx.realm, &id).await? {
        batch.push(step);
    }
    users::push_update(&cx, &mut batch, &user).await?;
    cx.commit(batch).await?;
    logout::deliver_soon(&cx.services);
    Ok(StatusCode::NO_CONTENT)
}

async fn end(cx: Cx) -> ApiResult<StatusCode> {
    cx.require(users::MANAGE)?;
    let id = cx.param("session");
    let known = cx.store().find_session(&cx.realm.id, id).await?;
    let session = known.ok_or_else(|| ApiError::not_found("Session not found"))?;
    let mut batch = Batch::new();
    for step in session_end::end(&cx.services, &cx.realm, &session).await? {
        batch.push(step);
    }
    cx.commit(batch).await?;
    logout::deliver_soon(&cx.services);
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all sessions, offline ones excepted. Clients with a back-channel logout URL are told of each
/// session, those with an admin URL that all logins until now have ended.
async fn end_all(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(users::MANAGE)?;
    let now = cx.services.clock.now();
    logout::end_back_channel_sessions(&cx.services, &cx.realm).await?;
    let mut batch = Batch::new();
    batch.push(Store::end_sessions_of_realm(&cx.realm.id));
    cx.commit(batch).await?;
    let mut pushed = logout::Pushed::default();
    for client in clients::all(&cx).await? {
        pushed.add(logout::push_logout(&cx.services, &cx.realm, &client, now).await);
    }
    Ok(told(pushed))
}

/// The admin URLs that took an order, and those that did not.
fn told(pushed: logout::Pushed) -> Json<Value> {
    let mut result = serde_json::Map::new();
    for (name, list) in [
        ("successRequests", pushed.succeeded),
        ("failedRequests", pushed.failed),
    ] {
        if !list.is_empty() {
            result.insert(name.to_owned(), json!(list));
        }
    }
    Json(Value::Object(result))
}

/// Tells the not-before time to clients at their admin URL: to one, or to all that have one.
pub async fn push_revocation(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(&[Right::MANAGE_REALM, Right::MANAGE_CLIENTS])?;
    let realm = cx.realm.settings.not_before.unwrap_or(0);
    let mut pushed = logout::Pushed::default();
    for client in clients::all(&cx).await? {
        if cx.has_param("client") && client.id.as_deref() != Some(cx.param("client")) {
            continue;
        }
        let not_before = realm.max(client.not_before.unwrap_or(0));
        let not_before = i64::from(not_before);
        pushed.add(logout::push_not_before(&cx.services, &cx.realm, &client, not_before).await);
    }
    Ok(told(pushed))
}

async fn stats(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(&[Right::VIEW_REALM])?;
    let mut list = Vec::new();
    for client in clients::all(&cx).await? {
        let id = client.id.unwrap_or_default();
        let active = cx.store().count_client_sessions(&id).await?;
        let offline = cx.store().count_offline_client_sessions(&id).await?;
        if active > 0 || offline > 0 {
            list.push(json!({
                "id": id, "clientId": client.client_id, "active": active.to_string(),
                "offline": offline.to_string(),
            }));
        }
    }
    Ok(Json(list))
}
