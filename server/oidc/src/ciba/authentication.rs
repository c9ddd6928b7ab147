//! The backchannel authentication endpoint (CIBA Core section 7).

use std::sync::Arc;

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use realmkeep_authn::{brute_force, random};
use realmkeep_events::{Event, EventType};
use realmkeep_jose::validate::{Audience, Checks};
use realmkeep_jose::{UnverifiedJwt, Verified, base64url, sha256, verify};
use realmkeep_store::pending::{PendingGrant, PendingKind, PendingStatus};
use realmkeep_store::single_use::Space;
use realmkeep_store::{Batch, Client, Store, Subject};
use serde::Serialize;
use serde_json::Value;

use super::channel::{self, Delegation};
use super::{CibaRequest, attribute, check_enabled};
use crate::client_auth;
use crate::context::Context;
use crate::error::{OAuthError, no_store};
use crate::form::Form;
use crate::policies::{self, Check, PolicyEvent, SignedObject};
use crate::scopes::Scopes;
use crate::token::{note_client, polled, refuse};

/// Where a realm is silent, in seconds.
const EXPIRES_IN: i64 = 120;
const INTERVAL: i64 = 5;
/// Longest life that is given, in seconds.
const MAX_EXPIRES_IN: i64 = 3_600;
/// Longest binding message, in characters.
const MAX_MESSAGE: usize = 50;
/// Longest notification token (section 7.1).
const MAX_NOTIFICATION_TOKEN: usize = 1024;
/// Longest life of a signed request, in seconds (section 7.1.1).
const MAX_REQUEST_LIFE: u32 = 3_600;

#[derive(Serialize)]
struct Answer {
    auth_req_id: String,
    /// Seconds.
    expires_in: i64,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<i64>,
}

pub(crate) async fn endpoint(context: Context, headers: HeaderMap, body: Bytes) -> Response {
    let mut event = context.event(EventType::Login);
    event.details.insert("auth_method", "oidc-ciba".to_owned());
    match authenticate(&context, &headers, &body, &mut event).await {
        Ok(answer) => (StatusCode::OK, no_store(), axum::Json(answer)).into_response(),
        Err(error) => {
            refuse(&context, event, &error);
            error.into_response()
        }
    }
}

async fn authenticate(
    context: &Context,
    headers: &HeaderMap,
    body: &Bytes,
    event: &mut Event,
) -> Result<Answer, OAuthError> {
    let form = Form::from_body(headers, body)?;
    let authenticated = client_auth::authenticate(context, headers, &form).await?;
    note_client(event, &authenticated);
    let client = &authenticated.client;
    check_enabled(client)?;
    let sent = form;
    let (form, object) = match sent.value("request") {
        Some(request) => {
            let (form, object) = signed(context, client, request).await?;
            (form, Some(object))
        }
        None if attribute(client, "ciba.backchannel.auth.request.signing.alg").is_some() => {
            return Err(OAuthError::invalid_request(
                "The client has to send a signed authentication request",
            ));
        }
        None => (Form::from_pairs(sent.pairs().to_vec()), None),
    };
    policies::enforce(Check {
        client: Some(&client.representation),
        form: Some(&sent),
        headers: Some(headers),
        object: object.as_ref(),
        scope: Some(form.value("scope").unwrap_or_default()),
        ..Check::new(PolicyEvent::BackchannelAuthentication, context)
    })
    .await?;
    let scope = form
        .value("scope")
        .ok_or_else(|| OAuthError::invalid_request("Missing parameter: scope"))?;
    let scopes = Scopes::resolve(&context.realm, &client.representation, Some(scope))?;
    if !scopes.openid {
        return Err(OAuthError::invalid_scope("The scope openid is missing"));
    }
    let message = form
        .value("binding_message")
        .map(check_message)
        .transpose()?;
    let settings = Settings::of(context, client, &form)?;
    let subject = user(context, &form).await?;
    let user_id = subject.user.id.clone().unwrap_or_default();
    event.user_id = Some(user_id.clone());
    let auth_req_id = random::token(32);
    let ping = settings
        .ping(&form)?
        .map(|ping| channel::seal_ping(context, &auth_req_id, ping))
        .transpose()?;
    let grant = PendingGrant {
        id: polled::key(&auth_req_id),
        client_id: client.representation.id.clone().unwrap_or_default(),
        user_code: None,
        status: PendingStatus::Pending,
        poll_every: settings.interval,
        next_poll: context.now,
        expires: context.now.saturating_add(settings.expires_in),
        request: CibaRequest {
            user_id,
            scope: scopes.all(),
            ping,
        },
        approval: None,
    };
    let store = &context.services.store;
    let mut batch = Batch::new();
    batch.push(Store::put_pending(
        &context.realm.id,
        PendingKind::Ciba,
        &grant,
    )?);
    store.commit(batch).await?;
    let delegation = Delegation {
        login_hint: subject.user.username.clone().unwrap_or_default(),
        scope: scopes.shown(),
        is_consent_required: client.representation.consent_required == Some(true),
        binding_message: message.map(str::to_owned),
        acr_values: form.value("acr_values").map(str::to_owned),
    };
    if let Err(error) = channel::delegate(context, client, &grant, &delegation).await {
        let mut batch = Batch::new();
        batch.push(Store::take_pending(&grant.id, PendingStatus::Pending));
        store.commit(batch).await?;
        return Err(error);
    }
    Ok(Answer {
        auth_req_id,
        expires_in: settings.expires_in,
        interval: Some(settings.interval),
    })
}

/// Parameters of a signed request (section 7.1.1); those outside it do not count.
async fn signed(
    context: &Context,
    client: &Arc<Client>,
    request: &str,
) -> Result<(Form, SignedObject), OAuthError> {
    let refused = |reason: String| {
        OAuthError::invalid_request("The signed authentication request cannot be used")
            .because(reason)
    };
    let jwt = UnverifiedJwt::parse(request).map_err(|e| refused(e.to_string()))?;
    let pinned = attribute(client, "ciba.backchannel.auth.request.signing.alg");
    let algorithm = jwt.unverified_algorithm();
    if algorithm.is_symmetric() || pinned.is_some_and(|pinned| pinned != algorithm.as_str()) {
        return Err(refused(
            "another signature algorithm than the client's".to_owned(),
        ));
    }
    let key = client_auth::client_key(context, client, &jwt)
        .await
        .map_err(|e| refused(e.reason.unwrap_or_default()))?;
    let token = verify(&jwt, &key).map_err(|e| refused(e.to_string()))?;
    let audience = [context.issuer.clone()];
    let checks = Checks {
        leeway: 10,
        issuer: client.representation.client_id.as_deref(),
        audience: Audience::AnyOf(&audience),
        require_jti: true,
        max_age: Some(MAX_REQUEST_LIFE),
        max_lifetime: Some(MAX_REQUEST_LIFE),
        ..Checks::new(context.now)
    };
    checks.check(&token).map_err(|e| refused(e.to_string()))?;
    if token.nbf().is_none() || token.iat().is_none() {
        return Err(refused("it has no nbf or no iat".to_owned()));
    }
    once(context, client, &token).await?;
    let mut pairs = Vec::new();
    for (name, value) in token.claims() {
        match value {
            Value::String(text) => pairs.push((name.clone(), text.clone())),
            Value::Number(number) => pairs.push((name.clone(), number.to_string())),
            _ => {}
        }
    }
    let object = SignedObject {
        claims: token.claims().clone(),
        encrypted: false,
    };
    Ok((Form::from_pairs(pairs), object))
}

/// A request counts once, by its `jti`: who overhears it cannot trouble the user with it again.
async fn once(context: &Context, client: &Client, token: &Verified) -> Result<(), OAuthError> {
    let own = client.representation.id.as_deref().unwrap_or_default();
    let jti = token.jti().unwrap_or_default();
    let key = base64url(sha256(format!("ciba\n{own}\n{jti}").as_bytes()));
    let until = token.exp().unwrap_or(context.now).saturating_add(11);
    let store = &context.services.store;
    if store.mark_used(Space::GrantAssertion, &key, until).await? {
        return Ok(());
    }
    Err(
        OAuthError::invalid_request("The signed authentication request was used before")
            .because("its jti was used before"),
    )
}

fn check_message(message: &str) -> Result<&str, OAuthError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._+/!?#".contains(c);
    if message.len() <= MAX_MESSAGE && message.chars().all(plain) {
        return Ok(message);
    }
    Err(OAuthError::new(
        StatusCode::BAD_REQUEST,
        "invalid_binding_message",
        "the binding_message is longer than 50 characters, or has others than letters, digits and -._+/!?#",
    ))
}

/// The user whom the hint names; unknown, disabled and locked out ones look alike.
async fn user(context: &Context, form: &Form) -> Result<Arc<Subject>, OAuthError> {
    for unsupported in ["login_hint_token", "id_token_hint", "user_code"] {
        if form.value(unsupported).is_some() {
            return Err(OAuthError::invalid_request(format!(
                "{unsupported} is not supported; send login_hint"
            )));
        }
    }
    let hint = form
        .value("login_hint")
        .ok_or_else(|| OAuthError::invalid_request("Missing parameter: login_hint"))?;
    let unknown = |reason: &'static str| {
        OAuthError::new(
            StatusCode::BAD_REQUEST,
            "unknown_user_id",
            "No user is known by this login_hint",
        )
        .event("user_not_found")
        .because(reason)
    };
    let store = &context.services.store;
    let found = store.find_user_named(&context.realm.id, hint).await?;
    let id = found.and_then(|user| user.id);
    let id = id.ok_or_else(|| unknown("there is no such username"))?;
    let subject = store.subject(&context.realm, &id).await?;
    let subject = subject
        .filter(|subject| subject.user.enabled == Some(true))
        .filter(|subject| subject.user.service_account_client_id.is_none())
        .ok_or_else(|| unknown("the user is disabled"))?;
    if !brute_force::may_authenticate(&context.services, &context.realm, &id).await? {
        return Err(unknown("the user is locked out").event("user_temporarily_disabled"));
    }
    Ok(subject)
}

/// How long the request lives, and how the client learns that its user answered.
struct Settings<'a> {
    expires_in: i64,
    interval: i64,
    /// Where to tell, when the client is told.
    notify: Option<&'a str>,
}

impl<'a> Settings<'a> {
    fn of(context: &'a Context, client: &'a Client, form: &Form) -> Result<Self, OAuthError> {
        let realm = |name: &str| {
            let attributes = context.realm.settings.attributes.as_ref()?;
            attributes.get(name).map(String::as_str)
        };
        let seconds = |name: &str| {
            realm(name)
                .and_then(|value| value.parse::<i64>().ok())
                .filter(|seconds| *seconds > 0)
        };
        let mut expires_in = seconds("cibaExpiresIn").unwrap_or(EXPIRES_IN);
        if let Some(requested) = form.value("requested_expiry") {
            expires_in = requested
                .parse::<i64>()
                .ok()
                .filter(|seconds| *seconds > 0)
                .ok_or_else(|| {
                    OAuthError::invalid_request("Invalid parameter: requested_expiry")
                })?;
        }
        let mode = attribute(client, "ciba.backchannel.token.delivery.mode")
            .or(realm("cibaBackchannelTokenDeliveryMode"))
            .unwrap_or("poll");
        let notify = match mode {
            "poll" => None,
            "ping" => {
                let endpoint = attribute(client, "ciba.backchannel.client.notification.endpoint");
                Some(endpoint.ok_or_else(|| {
                    OAuthError::invalid_request(
                        "The client is to be notified and has no notification endpoint",
                    )
                })?)
            }
            other => {
                let shown: String = other.chars().take(20).collect();
                return Err(OAuthError::invalid_request(format!(
                    "The delivery mode {shown} is not supported; set poll or ping"
                )));
            }
        };
        Ok(Self {
            expires_in: expires_in.min(MAX_EXPIRES_IN),
            interval: seconds("cibaInterval").unwrap_or(INTERVAL),
            notify,
        })
    }

    /// Endpoint and token of the notification.
    fn ping(&self, form: &Form) -> Result<Option<(&'a str, String)>, OAuthError> {
        let Some(endpoint) = self.notify else {
            return Ok(None);
        };
        // RFC 6750 section 2.1.
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
        let token = form
            .value("client_notification_token")
            .filter(|token| token.len() <= MAX_NOTIFICATION_TOKEN && token.bytes().all(allowed))
            .ok_or_else(|| {
                OAuthError::invalid_request("Missing or invalid client_notification_token")
            })?;
        Ok(Some((endpoint, token.to_owned())))
    }
}
