//! The device authorization endpoint (RFC 8628 section 3.1).

use std::sync::Arc;

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use realmkeep_authn::device::{DeviceRequest, normal_user_code, user_code};
use realmkeep_authn::random;
use realmkeep_events::{Event, EventType};
use realmkeep_store::pending::{PendingGrant, PendingKind, PendingStatus};
use realmkeep_store::{Batch, Client, Store, StoreError};
use serde::Serialize;

use crate::binding::Binding;
use crate::client_auth;
use crate::context::Context;
use crate::cors;
use crate::dpop;
use crate::error::{OAuthError, no_store};
use crate::form::Form;
use crate::policies::{self, Check, PolicyEvent};
use crate::scopes::Scopes;
use crate::token::{note_client, polled, refuse};

/// Client attribute that lets a client use the grant.
const ENABLED: &str = "oauth2.device.authorization.grant.enabled";
/// Where a realm is silent, in seconds.
const LIFESPAN: i64 = 600;
const INTERVAL: i64 = 5;
/// Longest life that is given, in seconds.
const MAX_LIFESPAN: i64 = 86_400;
/// A user code that is taken is very rare: so often another one is tried.
const TRIES: usize = 5;

#[derive(Serialize)]
struct Answer {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: String,
    /// Seconds.
    expires_in: i64,
    /// Seconds.
    interval: i64,
}

pub(crate) async fn endpoint(context: Context, headers: HeaderMap, body: Bytes) -> Response {
    let mut event = context.event(EventType::Oauth2DeviceAuth);
    let mut client = None;
    match authorize(&context, &headers, &body, &mut event, &mut client).await {
        Ok((answer, client)) => {
            context.emit(&event);
            let response = (StatusCode::OK, no_store(), axum::Json(answer)).into_response();
            let response = dpop::nonce::supply(&context, &client.representation, response);
            if cors::allows(&context, &client.representation) {
                cors::expose(&context, response)
            } else {
                response
            }
        }
        Err(error) => {
            refuse(&context, event, &error);
            let response = error.into_response();
            match client {
                Some(client) => dpop::nonce::supply(&context, &client.representation, response),
                None => response,
            }
        }
    }
}

/// Whether the client may use the grant.
///
/// # Errors
/// `unauthorized_client` when it may not.
pub(crate) fn check_enabled(client: &Client) -> Result<(), OAuthError> {
    if attribute(client, ENABLED) == Some("true") {
        return Ok(());
    }
    Err(OAuthError::new(
        StatusCode::BAD_REQUEST,
        "unauthorized_client",
        "The client is not allowed the OAuth 2.0 Device Authorization Grant",
    )
    .event("not_allowed")
    .because(format!("the client's attribute {ENABLED} is not true")))
}

async fn authorize(
    context: &Context,
    headers: &HeaderMap,
    body: &Bytes,
    event: &mut Event,
    known: &mut Option<Arc<Client>>,
) -> Result<(Answer, Arc<Client>), OAuthError> {
    let form = Form::from_body(headers, body)?;
    let authenticated = client_auth::authenticate(context, headers, &form).await?;
    note_client(event, &authenticated);
    let client = known.insert(authenticated.client).clone();
    check_enabled(&client)?;
    policies::enforce(Check {
        client: Some(&client.representation),
        form: Some(&form),
        headers: Some(headers),
        scope: Some(form.value("scope").unwrap_or_default()),
        ..Check::new(PolicyEvent::DeviceAuthorization, context)
    })
    .await?;
    let binding =
        Binding::of_request(context, headers, "auth/device", &client.representation).await?;
    let scopes = Scopes::resolve(&context.realm, &client.representation, form.value("scope"))?;
    let request = DeviceRequest {
        scope: scopes.all(),
        code_challenge: challenge(&client, &form)?,
        code_challenge_method: form.value("code_challenge_method").map(str::to_owned),
        dpop_jkt: binding.jkt,
    };
    let settings = &context.realm.settings;
    let lifespan = seconds(
        &client,
        "oauth2.device.code.lifespan",
        settings.oauth2_device_code_lifespan,
    );
    let lifespan = lifespan.unwrap_or(LIFESPAN).min(MAX_LIFESPAN);
    let interval = seconds(
        &client,
        "oauth2.device.polling.interval",
        settings.oauth2_device_polling_interval,
    );
    let interval = interval.unwrap_or(INTERVAL);
    let device_code = random::token(32);
    let shown = put(context, &client, &device_code, request, lifespan, interval).await?;
    let verification_uri = format!("{}/device", context.issuer);
    let short = settings.attributes.as_ref();
    let short = short.and_then(|all| all.get("shortVerificationUri"));
    let answer = Answer {
        device_code,
        verification_uri_complete: format!("{verification_uri}?user_code={shown}"),
        user_code: shown,
        verification_uri: short
            .filter(|uri| !uri.is_empty())
            .cloned()
            .unwrap_or(verification_uri),
        expires_in: lifespan,
        interval,
    };
    Ok((answer, client))
}

/// Puts the request down under a user code that nobody else has now; returns it as it is shown.
async fn put(
    context: &Context,
    client: &Client,
    device_code: &str,
    request: DeviceRequest,
    lifespan: i64,
    interval: i64,
) -> Result<String, OAuthError> {
    let mut grant = PendingGrant {
        id: polled::key(device_code),
        client_id: client.representation.id.clone().unwrap_or_default(),
        user_code: None,
        status: PendingStatus::Pending,
        poll_every: interval,
        next_poll: context.now,
        expires: context.now.saturating_add(lifespan),
        request,
        approval: None,
    };
    for _ in 0..TRIES {
        let shown = user_code();
        grant.user_code = normal_user_code(&shown);
        let mut batch = Batch::new();
        batch.push(Store::put_pending(
            &context.realm.id,
            PendingKind::Device,
            &grant,
        )?);
        match context.services.store.commit(batch).await {
            Ok(_) => return Ok(shown),
            Err(StoreError::Guard(_)) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Err(OAuthError::overloaded().because("no free user code was found"))
}

/// PKCE, as at the authorization endpoint: a client that is set to use it has to.
fn challenge(client: &Client, form: &Form) -> Result<Option<String>, OAuthError> {
    let required = attribute(client, "pkce.code.challenge.method");
    let method = form.value("code_challenge_method");
    let Some(challenge) = form.value("code_challenge") else {
        return match required {
            Some(_) => Err(OAuthError::invalid_request(
                "Missing parameter: code_challenge",
            )),
            None => Ok(None),
        };
    };
    if !matches!(method, None | Some("S256" | "plain"))
        || required.is_some_and(|required| method.unwrap_or("plain") != required)
    {
        return Err(OAuthError::invalid_request(
            "Invalid parameter: code_challenge_method",
        ));
    }
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    if !(43..=128).contains(&challenge.len()) || !challenge.bytes().all(unreserved) {
        return Err(OAuthError::invalid_request(
            "Invalid parameter: code_challenge",
        ));
    }
    Ok(Some(challenge.to_owned()))
}

fn seconds(client: &Client, name: &str, general: Option<i32>) -> Option<i64> {
    attribute(client, name)
        .and_then(|value| value.parse().ok())
        .or(general.map(i64::from))
        .filter(|seconds| *seconds > 0)
}

fn attribute<'a>(client: &'a Client, name: &str) -> Option<&'a str> {
    let attributes = client.representation.attributes.as_ref()?;
    attributes.get(name).map(String::as_str)
}
