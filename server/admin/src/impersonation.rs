//! Acting as a user: the administrator's browser is signed in as that user.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use realmkeep_authn::login_state::{IDENTITY_COOKIE, Identity};
use realmkeep_authn::{random, session, session_end};
use realmkeep_events::{Event, EventType};
use realmkeep_store::sessions::{UserSession, UserSessionDetail};
use realmkeep_store::{Batch, Store};
use serde_json::json;

use crate::error::{ApiError, ApiResult};
use crate::request::Cx;
use crate::rights::Right;
use crate::users;

pub async fn start(cx: Cx) -> ApiResult<Response> {
    cx.require(&[Right::IMPERSONATION])?;
    let user = users::here(&cx).await?;
    let id = user.id.clone().unwrap_or_default();
    // Who acts as somebody has their rights.
    users::require_within_rights(&cx, &id).await?;
    if user.enabled != Some(true) {
        return Err(ApiError::bad_request("User is disabled"));
    }
    if user.service_account_client_id.is_some() {
        return Err(ApiError::bad_request(
            "Service accounts cannot be impersonated",
        ));
    }
    let now = cx.services.clock.now();
    let actor = &cx.actor.subject.user;
    let notes = BTreeMap::from([
        (
            "IMPERSONATOR_ID".to_owned(),
            actor.id.clone().unwrap_or_default(),
        ),
        (
            "IMPERSONATOR_USERNAME".to_owned(),
            actor.username.clone().unwrap_or_default(),
        ),
    ]);
    let login = UserSession {
        id: random::token(18),
        user_id: id.clone(),
        started: now,
        last_refresh: now,
        expires: session::expiry(&cx.realm, false, now, now),
        detail: UserSessionDetail {
            ip_address: cx.ip_address().to_owned(),
            auth_time: now,
            notes,
            ..UserSessionDetail::default()
        },
    };
    let mut batch = Batch::new();
    // In one realm a browser is signed in to one session: the administrator's own ends.
    let same_realm = cx.actor.realm.id == cx.realm.id && cx.actor.session_id.is_some();
    if let Some(own) = cx.actor.session_id.as_deref().filter(|_| same_realm)
        && let Some(own) = cx.store().find_session(&cx.realm.id, own).await?
    {
        for step in session_end::end(&cx.services, &cx.realm, &own).await? {
            batch.push(step);
        }
    }
    batch.push(Store::insert_session(&cx.realm.id, &login)?);
    let mut event = Event::new(EventType::Impersonate, &cx.realm.name, cx.ip_address())
        .user(&id)
        .session(&login.id)
        .detail("impersonator", actor.username.clone().unwrap_or_default())
        .detail("impersonator_realm", cx.actor.realm.name.as_str());
    cx.services.events.stage(&cx.realm, &mut batch, &mut event);
    cx.commit(batch).await?;
    cx.services.events.emit(&event);

    let identity = Identity {
        session_id: login.id,
        user_id: id,
    };
    let value = identity
        .seal(&cx.services, &cx.realm)
        .map_err(ApiError::internal)?;
    let base = &cx.services.base_url;
    let site = if base.is_secure() {
        "Secure; SameSite=None"
    } else {
        "SameSite=Lax"
    };
    let path = format!("{}/realms/{}/", base.path(), cx.realm.name);
    let cookie = format!("{IDENTITY_COOKIE}={value}; Path={path}; HttpOnly; {site}");
    let cookie = HeaderValue::from_str(&cookie).map_err(ApiError::internal)?;
    let body = json!({
        "sameRealm": same_realm,
        "redirect": format!("{}/realms/{}/account/", base.as_str(), cx.realm.name),
    });
    Ok((StatusCode::OK, [(header::SET_COOKIE, cookie)], Json(body)).into_response())
}
