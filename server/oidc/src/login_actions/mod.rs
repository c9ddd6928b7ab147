//! What the forms of a login are sent to.

mod action_token;
mod address;
mod broker;
mod profile_form;
mod qr_code;
mod run;
mod show;

pub(crate) use run::{Start, start};

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use realmkeep_authn::Services;
use realmkeep_authn::flow::{Binding, Submitted};
use realmkeep_authn::login_state::LoginState;
use realmkeep_events::EventType;
use realmkeep_store::Client;

use crate::authorize::{requested_client, still_allowed};
use crate::browser::PageError;
use crate::context::Context;
use crate::form::Form;

use self::address::Opened;

/// `…/login-actions/authenticate`, `…/required-action`, `…/restart`, the flows that a login page links
/// to, and the way to other identity providers.
pub(crate) fn routes() -> Router<Arc<Services>> {
    let path = |name: &str| format!("/realms/{{realm}}/login-actions/{name}");
    Router::new()
        .route(&path("authenticate"), get(show).post(submit))
        .route(&path("required-action"), get(show).post(submit))
        .route(&path("restart"), get(restart))
        .route(&path("action-token"), get(action_token::open))
        .route(
            "/realms/{realm}/broker/{alias}/login",
            get(broker::login).post(broker::login),
        )
        .route(&path("registration"), get(register).post(submit))
        .route(&path("reset-credentials"), get(reset).post(submit))
}

/// Somebody reloads the page that a sent form led to, or opens its address anew.
async fn show(context: Context, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let answer = async {
        let opened = match Opened::of(&context, query.as_deref(), &headers) {
            Ok(opened) => opened,
            Err(lost) => return lost.answer(&context, &headers).await,
        };
        let client = client_of(&context, &opened.state).await?;
        run::go_on(&context, &client, opened, &headers, None).await
    };
    finish(&context, query.as_deref(), answer.await).await
}

/// Somebody sends the form.
async fn submit(
    context: Context,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answer = async {
        let opened = match Opened::of(&context, query.as_deref(), &headers) {
            Ok(opened) => opened,
            Err(lost) => return lost.answer(&context, &headers).await,
        };
        let client = client_of(&context, &opened.state).await?;
        let form = Submitted::parse(&body).ok_or_else(|| {
            PageError::bad_request("page-parameter-invalid", "invalid_request").about("the form")
        })?;
        run::go_on(&context, &client, opened, &headers, Some(&form)).await
    };
    finish(&context, query.as_deref(), answer.await).await
}

/// The client as it is now. What only does required actions hands nothing out, so it needs no
/// address to hand it out to.
async fn client_of(context: &Context, state: &LoginState) -> Result<Arc<Client>, PageError> {
    if state
        .progress
        .notes
        .contains_key(action_token::ACTIONS_ONLY)
    {
        requested_client(context, Some(&state.request.client_id)).await
    } else {
        still_allowed(context, &state.request).await
    }
}

/// Somebody starts over, maybe as somebody else.
async fn restart(context: Context, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    begin(&context, query.as_deref(), &headers, Binding::Browser).await
}

async fn register(context: Context, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    if context.realm.settings.registration_allowed != Some(true) {
        let error =
            PageError::bad_request("registrationNotAllowedMessage", "registration_disabled");
        return finish(&context, query.as_deref(), Err(error)).await;
    }
    begin(&context, query.as_deref(), &headers, Binding::Registration).await
}

async fn reset(context: Context, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    if context.realm.settings.reset_password_allowed != Some(true) {
        let error = PageError::bad_request("resetCredentialNotAllowedMessage", "not_allowed");
        return finish(&context, query.as_deref(), Err(error)).await;
    }
    begin(
        &context,
        query.as_deref(),
        &headers,
        Binding::ResetCredentials,
    )
    .await
}

/// Begins the flow for the request behind a page's address.
async fn begin(
    context: &Context,
    query: Option<&str>,
    headers: &HeaderMap,
    binding: Binding,
) -> Response {
    let answer = async {
        let opened = match Opened::of(context, query, headers) {
            Ok(opened) => opened,
            Err(lost) => return lost.answer(context, headers).await,
        };
        let LoginState {
            request, progress, ..
        } = opened.state;
        let client = still_allowed(context, &request).await?;
        if binding == Binding::Browser {
            let event = context.event(EventType::RestartAuthentication);
            context.emit(&event.client(&request.client_id));
        }
        let how = Start {
            binding,
            tab_id: Some(opened.form.keys.tab_id),
            status: StatusCode::FOUND,
            // Whose credentials are forgotten may have been said already.
            asked_by: (binding == Binding::ResetCredentials).then_some(progress),
            ..Start::default()
        };
        start(context, &client, request, headers, how).await
    };
    finish(context, query, answer.await).await
}

/// `query` is of a form's address: an error leads back to the application that it names.
async fn finish(
    context: &Context,
    query: Option<&str>,
    answer: Result<Response, PageError>,
) -> Response {
    let error = match answer {
        Ok(response) => return response,
        Err(error) => error,
    };
    let query = query.and_then(|query| Form::parse(query.as_bytes()).ok());
    let client_id = query.as_ref().and_then(|query| query.value("client_id"));
    let client = match client_id {
        Some(_) => requested_client(context, client_id).await.ok(),
        None => None,
    };
    if let Some(code) = error.event {
        let mut event = context.event(EventType::Login);
        if let Some(client_id) = client_id.filter(|_| client.is_some()) {
            event = event.client(client_id);
        }
        context.emit(&event.failed(code));
    }
    error.into_response_for(context, client.as_deref())
}
