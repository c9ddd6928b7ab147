//! The frame by which a page notices that its user's session has ended elsewhere (OpenID Connect
//! Session Management 1.0), and the two that find out whether such frames can see cookies.
//!
//! What a page asks about is the session's id, which it has as `session_state` and `sid`. The browser
//! keeps the hash of it in a cookie that scripts can read; the id itself is in no such cookie.

use std::sync::Arc;

use axum::Router;
use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use realmkeep_authn::Services;
use realmkeep_jose::{base64url, sha256};

use crate::browser::{csp_hash, protect, set_script_cookie};
use crate::context::Context;
use crate::cors;
use crate::form::Form;

/// Marks an answer that any site may show in a frame: it gets no `X-Frame-Options`.
#[derive(Clone, Copy, Debug)]
pub struct FramedAnywhere;

/// Holds the hash of the session's id.
const COOKIE: &str = "KEYCLOAK_SESSION";

const LOGIN_STATUS: &str = include_str!("login-status-iframe.js");
const STEP_1: &str = include_str!("third-party-cookies-step1.js");
const STEP_2: &str = include_str!("third-party-cookies-step2.js");

pub(crate) fn routes() -> Router<Arc<Services>> {
    let path = "/realms/{realm}/protocol/openid-connect";
    let frame = format!("{path}/login-status-iframe.html");
    Router::new()
        .route(&frame, get(async |cx: Context| framed(&cx, LOGIN_STATUS)))
        .route(&format!("{frame}/init"), get(init))
        .route(
            &format!("{path}/3p-cookies/step1.html"),
            get(async |cx: Context| framed(&cx, STEP_1)),
        )
        .route(
            &format!("{path}/3p-cookies/step2.html"),
            get(async |cx: Context| framed(&cx, STEP_2)),
        )
}

/// Lets the frame know of the session that begins; `max_age` in seconds as for the session's cookie.
pub(crate) fn remember(
    headers: &mut HeaderMap,
    context: &Context,
    session_id: &str,
    max_age: Option<i64>,
) {
    let hash = base64url(sha256(session_id.as_bytes()));
    set_script_cookie(headers, context, COOKIE, &hash, max_age);
}

/// Lets the frame know that there is no session any more.
pub(crate) fn forget(headers: &mut HeaderMap, context: &Context) {
    set_script_cookie(headers, context, COOKIE, "", Some(0));
}

/// An empty page with one script, which any site may frame: what it tells is for pages of registered
/// origins only.
fn framed(context: &Context, script: &str) -> Response {
    let text = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>-</title></head><body><script>{script}</script></body></html>"
    );
    let policy = format!(
        "default-src 'none'; script-src '{}'; connect-src 'self'; base-uri 'none'",
        csp_hash(script)
    );
    let mut headers = HeaderMap::new();
    protect(&mut headers, context);
    headers.remove(header::X_FRAME_OPTIONS);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html;charset=utf-8"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, must-revalidate"),
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    let mut response = (StatusCode::OK, headers, text).into_response();
    response.extensions_mut().insert(FramedAnywhere);
    response
}

/// Whether pages of an origin may ask about sessions of a client: 204, or 403.
async fn init(context: Context, RawQuery(query): RawQuery) -> Response {
    let allowed = async {
        let form = Form::parse(query.unwrap_or_default().as_bytes()).ok()?;
        let (client_id, origin) = (form.value("client_id")?, form.value("origin")?);
        let store = &context.services.store;
        let client = store.client(&context.realm, client_id).await.ok()??;
        let client = &client.representation;
        let enabled = client.enabled != Some(false);
        (enabled && cors::is_web_origin(&context, client, origin)).then_some(())
    };
    match allowed.await {
        Some(()) => StatusCode::NO_CONTENT.into_response(),
        None => StatusCode::FORBIDDEN.into_response(),
    }
}
