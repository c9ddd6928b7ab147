//! Where a person lets a device in (RFC 8628 §3.3): the code that it shows, the login, consent.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use realmkeep_authn::Services;
use realmkeep_authn::authorization_request::{AuthorizationRequest, ResponseType};
use realmkeep_authn::device::{self, DeviceRequest, WaitingDevice, find_by_user_code};
use realmkeep_events::EventType;
use realmkeep_pages::page::{Info, LoginOauth2DeviceVerifyUserCode};
use realmkeep_pages::{Message, Notice};
use realmkeep_store::pending::{Approval, PendingKind};
use realmkeep_store::sessions::{ClientSessionDetail, UserSession};
use realmkeep_store::single_use::Space;
use realmkeep_store::{Client, Step, StoreError};

use crate::browser::{PageError, page};
use crate::context::Context;
use crate::device::check_enabled;
use crate::form::Form;
use crate::login_actions::{Start, start};

use super::refused_by_page;

/// Wrong codes from one address in one [`WINDOW`]; more are not looked at.
const MAX_GUESSES: i64 = 10;
/// Seconds.
const WINDOW: i64 = 60;
/// Longest code that is shown again, in characters.
const MAX_SHOWN: usize = 32;

/// `…/device`.
pub(super) fn routes() -> Router<Arc<Services>> {
    Router::new().route("/realms/{realm}/device", get(by_query).post(by_form))
}

async fn by_query(context: Context, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let form = Form::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let answer = match form.value("user_code") {
        None => ask(&context, StatusCode::OK, "", None),
        Some(code) => verify(&context, code, &headers, StatusCode::FOUND).await,
    };
    refused_by_page(&context, "", answer)
}

async fn by_form(context: Context, headers: HeaderMap, body: Bytes) -> Response {
    let form = Form::from_body(&headers, &body).unwrap_or_default();
    let code = form.value("device_user_code").unwrap_or_default();
    let answer = verify(&context, code, &headers, StatusCode::SEE_OTHER).await;
    refused_by_page(&context, "", answer)
}

/// Begins the login of whoever knows the code.
async fn verify(
    context: &Context,
    code: &str,
    headers: &HeaderMap,
    status: StatusCode,
) -> Result<Response, PageError> {
    if guesses_are_used_up(context).await? {
        return ask(
            context,
            StatusCode::TOO_MANY_REQUESTS,
            code,
            Some("overloaded"),
        );
    }
    let store = &context.services.store;
    let event = context.event(EventType::Oauth2DeviceVerifyUserCode);
    let found = find_by_user_code(store, &context.realm, code, context.now).await?;
    let client = match &found {
        Some(device) => {
            store
                .client_by_id(&context.realm, &device.client_id)
                .await?
        }
        None => None,
    };
    let (Some(device), Some(client)) = (found, client) else {
        note_guess(context).await?;
        context.emit(&event.failed("invalid_oauth2_user_code"));
        let error = "oauth2DeviceInvalidUserCodeMessage";
        return ask(context, StatusCode::BAD_REQUEST, code, Some(error));
    };
    let client_id = client.representation.client_id.clone().unwrap_or_default();
    let event = event.client(&client_id);
    if client.representation.enabled == Some(false) || check_enabled(&client).is_err() {
        context.emit(&event.failed("not_allowed"));
        let mut error = PageError::bad_request(
            "oauth2DeviceAuthorizationGrantDisabledMessage",
            "not_allowed",
        );
        error.event = None;
        return Err(error);
    }
    context.emit(&event);
    let request = AuthorizationRequest {
        client_id,
        response_type: ResponseType::NONE,
        scope: device.request.scope.clone(),
        device: Some(device.id.clone()),
        ..AuthorizationRequest::default()
    };
    let how = Start {
        status,
        ..Start::default()
    };
    start(context, &client, request, headers, how).await
}

/// Shows the form for the code.
fn ask(
    context: &Context,
    status: StatusCode,
    code: &str,
    error: Option<&'static str>,
) -> Result<Response, PageError> {
    let base = context.services.base_url.path();
    let action = format!("{base}/realms/{}/device", context.realm.name);
    let mut frame = context.frame(context.look(None, None), &action);
    frame.notice = error.map(Notice::error);
    let asked = LoginOauth2DeviceVerifyUserCode {
        user_code: code.chars().take(MAX_SHOWN).collect(),
    };
    let made = context.services.pages.render(&frame, asked)?;
    Ok(page(context, status, made))
}

/// The steps that let the device in.
pub(super) async fn approve(
    context: &Context,
    id: &str,
    client_uuid: &str,
    session: &UserSession,
    detail: &ClientSessionDetail,
) -> Result<Vec<Step>, PageError> {
    let device = waiting(context, id)
        .await?
        .filter(|device| device.client_id == client_uuid)
        .ok_or_else(expired)?;
    let approval = Approval {
        user_id: session.user_id.clone(),
        session_id: session.id.clone(),
    };
    Ok(device::approve_steps(
        &device,
        &approval,
        detail,
        context.now,
    )?)
}

/// The device is told that it is not let in.
pub(super) async fn deny(context: &Context, id: &str) -> Result<(), PageError> {
    if let Some(device) = waiting(context, id).await? {
        device::deny(&context.services.store, &device, context.now).await?;
    }
    Ok(())
}

/// Tells the person how it ended; the device learns it by polling.
pub(super) fn ended(
    context: &Context,
    client: &Client,
    fields: &[(&'static str, String)],
) -> Result<Response, PageError> {
    let refused = fields.iter().find(|(name, _)| *name == "error");
    let (heading, message) = match refused.map(|(_, error)| error.as_str()) {
        None => (
            "oauth2DeviceVerificationCompleteHeader",
            "oauth2DeviceVerificationCompleteMessage",
        ),
        Some("access_denied") => (
            "oauth2DeviceVerificationFailedHeader",
            "oauth2DeviceConsentDeniedMessage",
        ),
        Some(_) => (
            "oauth2DeviceVerificationFailedHeader",
            "oauth2DeviceVerificationFailedMessage",
        ),
    };
    let mut info = Info::new(message);
    info.heading = Some(Message::new(heading));
    let look = context.look(Some(&client.representation), None);
    let frame = context.frame(look, "");
    let made = context.services.pages.render(&frame, info)?;
    Ok(page(context, StatusCode::OK, made))
}

async fn waiting(context: &Context, id: &str) -> Result<Option<WaitingDevice>, StoreError> {
    let store = &context.services.store;
    let found = store
        .find_pending::<DeviceRequest>(&context.realm.id, PendingKind::Device, id)
        .await?;
    Ok(found.filter(|device| device.approval.is_none() && device.expires > context.now))
}

fn expired() -> PageError {
    PageError::bad_request(
        "oauth2DeviceExpiredUserCodeMessage",
        "expired_oauth2_user_code",
    )
}

/// Codes are short enough to be guessed by who may try often (RFC 8628 §5.1).
async fn guesses_are_used_up(context: &Context) -> Result<bool, StoreError> {
    let last = guess(context, MAX_GUESSES - 1);
    let store = &context.services.store;
    let found: Option<()> = store
        .peek_single_use(Space::UserCodeGuess, &last, context.now)
        .await?;
    Ok(found.is_some())
}

async fn note_guess(context: &Context) -> Result<(), StoreError> {
    let until = context.now + WINDOW;
    for n in 0..MAX_GUESSES {
        let key = guess(context, n);
        let store = &context.services.store;
        if store.mark_used(Space::UserCodeGuess, &key, until).await? {
            break;
        }
    }
    Ok(())
}

/// The name of one guess in the present window.
fn guess(context: &Context, n: i64) -> String {
    let window = context.now / WINDOW;
    format!("{} {} {window} {n}", context.realm.id, context.ip)
}
