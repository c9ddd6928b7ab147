//! The authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3.1.2): who may ask, where the
//! answer may go, and whether the person in front of the browser is known already.

mod login;
mod redirect;
mod request;
mod response;

pub(crate) use login::{FoundSession, LoggedIn, Shown, alive_session, complete, show_form};
pub(crate) use redirect::{redirect_entry_root, requested_client};

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use realmkeep_authn::Services;
use realmkeep_events::EventType;

use crate::browser::PageError;
use crate::context::Context;
use crate::form::Form;

use self::request::{Asked, Refused};

/// `…/protocol/openid-connect/auth`.
pub(crate) fn routes() -> Router<Arc<Services>> {
    Router::new().route(
        "/realms/{realm}/protocol/openid-connect/auth",
        get(by_query).post(by_form),
    )
}

async fn by_query(context: Context, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let form = Form::parse(query.unwrap_or_default().as_bytes()).ok();
    endpoint(&context, form, &headers, StatusCode::FOUND).await
}

async fn by_form(context: Context, headers: HeaderMap, body: Bytes) -> Response {
    let form = Form::from_body(&headers, &body).ok();
    endpoint(&context, form, &headers, StatusCode::SEE_OTHER).await
}

/// `status` is how this request is redirected.
async fn endpoint(
    context: &Context,
    form: Option<Form>,
    headers: &HeaderMap,
    status: StatusCode,
) -> Response {
    let form = form.ok_or_else(|| {
        PageError::bad_request("page-parameter-repeated", "invalid_request")
            .about("one of its parameters")
    });
    let client_id = match &form {
        Ok(form) => form.value("client_id").unwrap_or_default().to_owned(),
        Err(_) => String::new(),
    };
    let answer = match form {
        Ok(form) => authorize(context, &form, headers, status).await,
        Err(e) => Err(e),
    };
    answer.unwrap_or_else(|error| {
        if let Some(code) = error.event {
            let event = context.event(EventType::Login).client(&client_id);
            context.emit(&event.failed(code));
        }
        error.into_response(context)
    })
}

async fn authorize(
    context: &Context,
    form: &Form,
    headers: &HeaderMap,
    status: StatusCode,
) -> Result<Response, PageError> {
    let client = requested_client(context, form.value("client_id")).await?;
    let redirect_uri = redirect::requested_uri(context, &client, form.value("redirect_uri"))?;
    let asked = match request::read(context, &client, &redirect_uri, form) {
        Ok(asked) => asked,
        Err(refused) => return refuse(context, &redirect_uri, form, refused, status),
    };
    let Asked {
        mut request,
        prompt_none,
        prompt_login,
        max_age,
    } = asked;
    let session = alive_session(context, headers).await?;
    let too_old = |auth_time: i64| {
        max_age.is_some_and(|age| age == 0 || context.now.saturating_sub(auth_time) > age)
    };
    if let Some(found) = session {
        if !prompt_login && !too_old(found.session.detail.auth_time) {
            let done = LoggedIn::Again(found);
            return complete(context, &client, request, done, headers, status).await;
        }
        request.reauthenticate = Some(found.session.id);
    }
    if prompt_none {
        let refused = Refused::new("login_required", None);
        return refuse(context, &redirect_uri, form, refused, status);
    }
    show_form(context, headers, request, None, Shown::default()).await
}

/// Tells the application, by the way it asked for.
fn refuse(
    context: &Context,
    redirect_uri: &str,
    form: &Form,
    refused: Refused,
    status: StatusCode,
) -> Result<Response, PageError> {
    let event = context.event(EventType::Login);
    let mut event = event.client(form.value("client_id").unwrap_or_default());
    if let Some(description) = &refused.description {
        event = event.detail("reason", description.as_ref());
    }
    context.emit(&event.failed(refused.error));
    let mut fields = vec![("error", refused.error.to_owned())];
    if let Some(description) = refused.description {
        fields.push(("error_description", description.into_owned()));
    }
    if let Some(state) = form.value("state") {
        fields.push(("state", state.to_owned()));
    }
    let mode = request::error_mode(form);
    response::answer(context, redirect_uri, mode, fields, status)
}
