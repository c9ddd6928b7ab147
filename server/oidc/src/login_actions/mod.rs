//! What the login form is sent to.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use realmkeep_authn::login_state::{
    AuthorizationRequest, BROWSER_COOKIE, BrowserId, FormError, FormKeys, open_form,
};
use realmkeep_authn::{LoginFailure, Services, verify_password};
use realmkeep_events::EventType;
use realmkeep_model::redirect_uri;
use realmkeep_store::Client;

use crate::authorize::{
    LoggedIn, Shown, alive_session, complete, redirect_entry_root, requested_client, show_form,
};
use crate::browser::{Cookies, PageError};
use crate::context::Context;
use crate::error::chain;
use crate::form::Form;

/// `…/login-actions/authenticate`.
pub(crate) fn routes() -> Router<Arc<Services>> {
    Router::new().route(
        "/realms/{realm}/login-actions/authenticate",
        get(show).post(submit),
    )
}

/// Somebody reloads the page that a sent form led to, or opens its address anew.
async fn show(context: Context, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let answer = async {
        let (request, keys, expired) = opened(&context, query.as_deref(), &headers)?;
        still_allowed(&context, &request).await?;
        let shown = Shown {
            notice: expired.then_some("expired-again"),
            ..Shown::default()
        };
        show_form(&context, &headers, request, Some(keys.tab_id), shown).await
    };
    finish(&context, answer.await)
}

/// Somebody sends the form.
async fn submit(
    context: Context,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answer = authenticate(&context, query.as_deref(), &headers, &body).await;
    finish(&context, answer)
}

async fn authenticate(
    context: &Context,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Response, PageError> {
    let (request, keys, expired) = opened(context, query, headers)?;
    let client = still_allowed(context, &request).await?;
    let tab = Some(keys.tab_id.clone());
    if expired {
        let shown = Shown {
            notice: Some("expired-again"),
            ..Shown::default()
        };
        return show_form(context, headers, request, tab, shown).await;
    }
    let form = Form::from_body(headers, body).map_err(|_| {
        PageError::bad_request("page-parameter-invalid", "invalid_request").about("the form")
    })?;
    let before = alive_session(context, headers).await?;

    // Who was asked to prove again who they are is the only one who may.
    let again = match &request.reauthenticate {
        None => None,
        Some(id) => match before.as_ref().filter(|found| found.session.id == *id) {
            Some(found) => found.subject.user.username.clone(),
            None => {
                let shown = Shown {
                    notice: Some("expired-again"),
                    ..Shown::default()
                };
                return show_form(context, headers, request, tab, shown).await;
            }
        },
    };
    let username = again
        .as_deref()
        .or_else(|| form.value("username"))
        .unwrap_or_default();
    let password = form.value("password").unwrap_or_default();
    let remember_me =
        context.realm.settings.remember_me == Some(true) && form.value("rememberMe").is_some();

    match verify_password(&context.services, &context.realm, username, password).await {
        Ok(subject) => {
            let done = LoggedIn::Now {
                subject,
                remember_me,
                form: keys,
                before,
            };
            let status = StatusCode::SEE_OTHER;
            complete(context, &client, request, done, headers, status).await
        }
        Err(LoginFailure::Refused { reason, user_id }) => {
            let mut event = context
                .event(EventType::Login)
                .client(&request.client_id)
                .detail("username", shortened(username))
                .detail("redirect_uri", request.redirect_uri.as_str());
            if let Some(user_id) = &user_id {
                event = event.user(user_id);
            }
            context.emit(&event.failed(reason.code()));
            let shown = Shown {
                error: Some("login-failed"),
                username: Some(username),
                remember_me,
                ..Shown::default()
            };
            show_form(context, headers, request, tab, shown).await
        }
        Err(LoginFailure::Overloaded) => {
            let shown = Shown {
                error: Some("overloaded"),
                username: Some(username),
                remember_me,
                ..Shown::default()
            };
            let mut response = show_form(context, headers, request, tab, shown).await?;
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
            Ok(response)
        }
        Err(failure) => {
            tracing::error!(cause = chain(&failure), "a login could not be decided");
            Err(PageError {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                message: "page-internal",
                argument: None,
                event: None,
            })
        }
    }
}

/// The request behind the form's address, and whether the form was open for too long.
fn opened(
    context: &Context,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<(AuthorizationRequest, FormKeys, bool), PageError> {
    let lost = || PageError::bad_request("page-state-lost", "invalid_code");
    let query = Form::parse(query.unwrap_or_default().as_bytes()).map_err(|_| lost())?;
    let part = |name: &str| query.value(name).unwrap_or_default().to_owned();
    let keys = FormKeys {
        session_code: part("session_code"),
        execution: part("execution"),
        client_id: part("client_id"),
        tab_id: part("tab_id"),
        client_data: part("client_data"),
    };
    let cookies = Cookies::of(headers);
    let mut browsers = cookies
        .all(BROWSER_COOKIE)
        .filter_map(|value| BrowserId::open(&context.services, &context.realm, value))
        .peekable();
    if browsers.peek().is_none() {
        return Err(PageError::bad_request(
            "page-cookies-missing",
            "cookie_not_found",
        ));
    }
    for browser in browsers {
        match open_form(&context.services, &context.realm, &browser, &keys) {
            Ok(state) => return Ok((state.request, keys, false)),
            Err(FormError::Expired(request)) => return Ok((*request, keys, true)),
            Err(FormError::NotOurs) => {}
        }
    }
    Err(lost())
}

/// The client may have been changed while the form was open.
async fn still_allowed(
    context: &Context,
    request: &AuthorizationRequest,
) -> Result<Arc<Client>, PageError> {
    let client = requested_client(context, Some(&request.client_id)).await?;
    let representation = &client.representation;
    let root = redirect_entry_root(context, representation);
    let registered = representation
        .redirect_uris
        .iter()
        .flatten()
        .map(String::as_str);
    let allowed = redirect_uri::allowed(&request.redirect_uri, registered, root.as_deref());
    if allowed.is_none() || representation.standard_flow_enabled == Some(false) {
        return Err(PageError::bad_request(
            "page-redirect-uri",
            "invalid_redirect_uri",
        ));
    }
    Ok(client)
}

fn finish(context: &Context, answer: Result<Response, PageError>) -> Response {
    answer.unwrap_or_else(|error| {
        if let Some(code) = error.event {
            context.emit(&context.event(EventType::Login).failed(code));
        }
        error.into_response(context)
    })
}

/// What people type into the username field may be anything, even a password.
fn shortened(username: &str) -> String {
    username.chars().take(64).collect()
}
