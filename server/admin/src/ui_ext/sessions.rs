//! Sessions of a whole realm, or of one client, with names.

use std::collections::BTreeMap;

use axum::Json;
use realmkeep_authn::session::is_alive;
use realmkeep_store::documents::Page;
use realmkeep_store::sessions::UserSession;
use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};
use crate::request::Cx;
use crate::rights::Right;

/// Sessions looked at for one answer, at most.
const MOST: i64 = 10_000;

pub async fn of_realm(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(&[Right::VIEW_REALM])?;
    let clients = cx.store().client_names(&cx.realm.id).await?;
    let ids = clients.into_iter().map(|(id, _)| id).collect();
    list(&cx, ids).await
}

pub async fn of_client(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(&[Right::VIEW_REALM, Right::VIEW_CLIENTS])?;
    let id = cx
        .query("clientId")
        .ok_or_else(|| ApiError::bad_request("clientId is missing"))?
        .to_owned();
    list(&cx, vec![id]).await
}

async fn list(cx: &Cx, clients: Vec<String>) -> ApiResult<Json<Vec<Value>>> {
    let (regular, offline) = match cx.query("type").unwrap_or("ALL") {
        "ALL" => (true, true),
        "REGULAR" => (true, false),
        "OFFLINE" => (false, true),
        other => {
            return Err(ApiError::bad_request(format!(
                "type: one of ALL, REGULAR, OFFLINE was expected, found {other}"
            )));
        }
    };
    let some = Page {
        first: 0,
        max: MOST,
    };
    // Sessions by when they began, each once.
    let mut found: BTreeMap<(i64, String), UserSession> = BTreeMap::new();
    for client in &clients {
        let mut add = |sessions: Vec<UserSession>| {
            for session in sessions {
                found.insert((session.started, session.id.clone()), session);
            }
        };
        if regular {
            add(cx
                .store()
                .sessions_of_client(&cx.realm.id, client, some)
                .await?);
        }
        if offline {
            add(cx
                .store()
                .offline_sessions_of_client(&cx.realm.id, client, some)
                .await?);
        }
    }
    let now = cx.services.clock.now();
    let search = cx.query("search").map(str::to_lowercase);
    let mut rows = Vec::new();
    for session in found.into_values() {
        if !is_alive(&cx.realm, &session, now) {
            continue;
        }
        let username = cx
            .store()
            .subject(&cx.realm, &session.user_id)
            .await?
            .and_then(|s| s.user.username.clone())
            .unwrap_or_default();
        let fits = |text: &str| {
            search
                .as_ref()
                .is_none_or(|s| text.to_lowercase().contains(s))
        };
        if fits(&username) || fits(&session.detail.ip_address) || fits(&session.id) {
            rows.push((session, username));
        }
    }
    let mut shown = Vec::new();
    for (session, username) in super::paged(cx, rows)? {
        let mut in_clients = BTreeMap::new();
        for part in cx.store().client_sessions(&session.id).await? {
            if let Some(client) = cx.store().client_by_id(&cx.realm, &part.client_id).await? {
                in_clients.insert(part.client_id, client.representation.client_id.clone());
            }
        }
        shown.push(json!({
            "id": session.id,
            "username": username,
            "userId": session.user_id,
            "ipAddress": session.detail.ip_address,
            "start": session.started.saturating_mul(1000),
            "lastAccess": session.last_refresh.saturating_mul(1000),
            "transientUser": false,
            "type": if session.detail.offline { "OFFLINE" } else { "REGULAR" },
            "clients": in_clients,
        }));
    }
    Ok(Json(shown))
}
