//! Where the user is signed in.

use axum::Json;
use http::StatusCode;
use realmkeep_authn::session::{expiry_of, is_alive};
use realmkeep_authn::session_end;
use realmkeep_events::EventType;
use realmkeep_store::Batch;
use realmkeep_store::sessions::UserSession;
use serde_json::{Value, json};

use crate::caller::{Caller, MANAGE_ACCOUNT, VIEW_PROFILE};
use crate::error::{AccountError, AccountResult};

/// What is said of a browser that is not known.
const UNKNOWN: &str = "Other/Unknown";

async fn own(caller: &Caller) -> AccountResult<Vec<UserSession>> {
    let now = caller.services.clock.now();
    let mut sessions = caller
        .store()
        .sessions_of_user(&caller.realm.id, caller.user_id())
        .await?;
    sessions.retain(|session| is_alive(&caller.realm, session, now));
    Ok(sessions)
}

fn is_current(caller: &Caller, session: &UserSession) -> bool {
    let current = caller.bearer.session.as_ref();
    current.is_some_and(|current| current.id == session.id)
}

async fn shown(caller: &Caller, session: &UserSession) -> AccountResult<Value> {
    let mut clients = Vec::new();
    for part in caller.store().client_sessions(&session.id).await? {
        let client = caller
            .store()
            .client_by_id(&caller.realm, &part.client_id)
            .await?;
        if let Some(client) = client {
            let client = &client.representation;
            clients.push(json!({
                "clientId": client.client_id,
                "clientName": client.name.clone().unwrap_or_default(),
                "userConsentRequired": client.consent_required.unwrap_or(false),
                "inUse": true,
                "offlineAccess": false,
            }));
        }
    }
    Ok(json!({
        "id": session.id,
        "ipAddress": session.detail.ip_address,
        "started": session.started,
        "lastAccess": session.last_refresh,
        "expires": expiry_of(&caller.realm, session, session.last_refresh),
        "clients": clients,
        "browser": UNKNOWN,
        "current": is_current(caller, session),
    }))
}

pub async fn list(caller: Caller) -> AccountResult<Json<Vec<Value>>> {
    caller.require(&[MANAGE_ACCOUNT, VIEW_PROFILE])?;
    let mut rows = Vec::new();
    for session in own(&caller).await? {
        rows.push(shown(&caller, &session).await?);
    }
    Ok(Json(rows))
}

/// Sessions by device. What device a session is on is not kept, so each stands alone.
pub async fn devices(caller: Caller) -> AccountResult<Json<Vec<Value>>> {
    caller.require(&[MANAGE_ACCOUNT, VIEW_PROFILE])?;
    let mut rows = Vec::new();
    let mut sessions = own(&caller).await?;
    sessions.sort_by_key(|session| (!is_current(&caller, session), -session.last_refresh));
    for session in sessions {
        rows.push(json!({
            "id": session.id,
            "os": "Other",
            "osVersion": "Unknown",
            "device": "Other",
            "mobile": false,
            "lastAccess": session.last_refresh,
            "current": is_current(&caller, &session),
            "sessions": [shown(&caller, &session).await?],
        }));
    }
    Ok(Json(rows))
}

/// Ends the user's sessions; the one that asks only when it says so.
pub async fn end_others(caller: Caller) -> AccountResult<StatusCode> {
    caller.require(&[MANAGE_ACCOUNT])?;
    let too = caller.flag("current");
    let mut batch = Batch::new();
    for session in own(&caller).await? {
        if too || !is_current(&caller, &session) {
            let steps = session_end::end(&caller.services, &caller.realm, &session).await?;
            for step in steps {
                batch.push(step);
            }
        }
    }
    let event = caller.event(EventType::Logout);
    caller.commit(batch, event).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn end(caller: Caller) -> AccountResult<StatusCode> {
    caller.require(&[MANAGE_ACCOUNT])?;
    let id = caller.param("session");
    // Another user's session is no session here.
    let own = own(&caller).await?;
    let session = own.iter().find(|session| session.id == id);
    let session = session.ok_or_else(|| AccountError::not_found("Session not found"))?;
    let mut batch = Batch::new();
    for step in session_end::end(&caller.services, &caller.realm, session).await? {
        batch.push(step);
    }
    let event = caller.event(EventType::Logout).session(id);
    caller.commit(batch, event).await?;
    Ok(StatusCode::NO_CONTENT)
}
