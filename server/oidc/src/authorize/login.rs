//! The login that an authorization request leads to: whose browser it is, and the form.

use std::sync::Arc;

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use realmkeep_authn::authorization_request::AuthorizationRequest;
use realmkeep_authn::login_state::{IDENTITY_COOKIE, Identity};
use realmkeep_authn::session;
use realmkeep_store::sessions::UserSession;
use realmkeep_store::{StoreError, Subject};

use crate::browser::{Cookies, PageError};
use crate::context::Context;
use crate::login_actions::{Start, start};

use super::redirect::requested_client;

/// The login that a browser's identity cookie leads to.
pub(crate) struct FoundSession {
    pub(crate) session: UserSession,
    pub(crate) subject: Arc<Subject>,
}

/// What the first page says besides its fields.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) notice: Option<&'static str>,
}

/// The session that the browser is signed in to, if it is alive and its user may still log in.
pub(crate) async fn alive_session(
    context: &Context,
    headers: &HeaderMap,
) -> Result<Option<FoundSession>, StoreError> {
    let services = &context.services;
    let realm = &context.realm;
    let identity = Cookies::of(headers)
        .all(IDENTITY_COOKIE)
        .find_map(|value| Identity::open(services, realm, value));
    let Some(identity) = identity else {
        return Ok(None);
    };
    let found = services
        .store
        .find_session(&realm.id, &identity.session_id)
        .await?;
    let alive = found.filter(|s| {
        s.user_id == identity.user_id
            && !s.detail.offline
            && session::is_alive(realm, s, context.now)
    });
    let Some(session) = alive else {
        return Ok(None);
    };
    let subject = services.store.subject(realm, &session.user_id).await?;
    Ok(subject
        .filter(|s| s.user.enabled == Some(true))
        .filter(|s| i64::from(s.user.not_before.unwrap_or(0)) <= session.started)
        .map(|subject| FoundSession { session, subject }))
}

/// Begins the login for the request; writes nothing but the browser's cookie.
pub(crate) async fn show_form(
    context: &Context,
    headers: &HeaderMap,
    request: AuthorizationRequest,
    tab_id: Option<String>,
    shown: Shown,
) -> Result<Response, PageError> {
    let client = requested_client(context, Some(&request.client_id)).await?;
    let how = Start {
        tab_id,
        status: StatusCode::SEE_OTHER,
        shown: shown
            .notice
            .map(realmkeep_authn::flow::Shown::notice)
            .unwrap_or_default(),
        ..Start::default()
    };
    Box::pin(start(context, &client, request, headers, how)).await
}
