//! The way to other identity providers: `…/broker/{alias}/login`. What waits there is not built yet,
//! and says so.

use std::collections::HashMap;

use axum::extract::{Path, RawQuery};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use realmkeep_authn::login_state::{LoginState, new_form};
use realmkeep_events::EventType;
use url::Url;

use crate::authorize::still_allowed;
use crate::browser::{PageError, protect};
use crate::context::Context;

use super::address::{Opened, append, browsers};
use super::finish;
use super::show::remember_browser;

/// Sends the browser to where the login with the provider begins.
pub(super) fn go(
    context: &Context,
    headers: &HeaderMap,
    state: &LoginState,
    tab_id: Option<String>,
    alias: &str,
) -> Result<Response, PageError> {
    let (services, realm) = (&context.services, &context.realm);
    let known = browsers(context, headers).into_iter().next();
    let is_known = known.is_some();
    let browser = known.unwrap_or_default();
    // The place belongs to no execution.
    let keys = new_form(services, realm, &browser, state, "", tab_id)?;
    let mut url = Url::parse(&context.issuer).map_err(|e| PageError::internal(&e))?;
    if let Ok(mut path) = url.path_segments_mut() {
        path.extend(["broker", alias, "login"]);
    }
    append(&mut url.query_pairs_mut(), &keys, None);
    if let Some(hint) = &state.request.login_hint {
        url.query_pairs_mut().append_pair("login_hint", hint);
    }
    let location = HeaderValue::from_str(url.as_str()).map_err(|e| PageError::internal(&e))?;
    let mut sent = HeaderMap::new();
    sent.insert(header::LOCATION, location);
    sent.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    protect(&mut sent, context);
    let mut response = (StatusCode::SEE_OTHER, sent).into_response();
    if !is_known {
        remember_browser(context, &mut response, &browser)?;
    }
    Ok(response)
}

/// Where the login with a provider begins.
pub(super) async fn login(
    context: Context,
    Path(path): Path<HashMap<String, String>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let alias = path.get("alias").map(String::as_str).unwrap_or_default();
    let answer = begin(&context, alias, query.as_deref(), &headers).await;
    finish(&context, query.as_deref(), answer).await
}

async fn begin(
    context: &Context,
    alias: &str,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, PageError> {
    let opened = match Opened::of(context, query, headers) {
        Ok(opened) => opened,
        Err(lost) => return lost.answer(context, headers).await,
    };
    let request = opened.state.request;
    still_allowed(context, &request).await?;
    let event = |code| {
        let event = context.event(EventType::IdentityProviderLogin);
        let event = event
            .client(&request.client_id)
            .detail("identity_provider", alias)
            .detail("redirect_uri", request.redirect_uri.as_str());
        context.emit(&event.failed(code));
    };
    let provider = context.realm.identity_provider(alias);
    let provider = provider.filter(|provider| provider.enabled != Some(false));
    let (code, message, status) = match provider {
        None => (
            "identity_provider_not_found",
            "identityProviderNotFoundMessage",
            StatusCode::BAD_REQUEST,
        ),
        Some(_) => (
            "identity_provider_error",
            "page-broker-missing",
            StatusCode::NOT_IMPLEMENTED,
        ),
    };
    event(code);
    Err(PageError {
        status,
        message,
        argument: None,
        event: None,
    })
}
