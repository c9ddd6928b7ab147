//! The token endpoint (RFC 6749 section 3.2): one file per grant.

mod authorization_code;
mod ciba;
mod client_credentials;
mod device_code;
mod external_exchange;
mod external_identity;
mod issuer_exchange;
mod jwt_bearer;
mod offline;
mod password;
pub(crate) mod polled;
pub(crate) mod refresh_token;
mod token_exchange;

use std::sync::Arc;

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use realmkeep_events::{Event, EventType};
use realmkeep_store::{Batch, Client};

use crate::binding::Binding;
use crate::client_auth::{self, Authenticated};
use crate::context::Context;
use crate::cors;
use crate::dpop;
use crate::error::{OAuthError, no_store};
use crate::form::Form;
use crate::issue::{Prepared, TokenResponse, client_id};
use crate::policies::{self, Check, Effects, PolicyEvent};

/// The grants that work, as metadata lists them.
pub const GRANTS: [&str; 8] = [
    authorization_code::NAME,
    client_credentials::NAME,
    password::NAME,
    refresh_token::NAME,
    device_code::NAME,
    token_exchange::NAME,
    ciba::NAME,
    jwt_bearer::NAME,
];
/// Parameters of which there may be several, for token exchange (RFC 8693 section 2.1).
const REPEATED: [&str; 1] = ["audience"];

pub(crate) async fn endpoint(context: Context, headers: HeaderMap, body: Bytes) -> Response {
    let mut event = context.event(EventType::ClientLogin);
    let mut client = None;
    match grant(&context, &headers, &body, &mut event, &mut client).await {
        Ok(Outcome::ForeignOrigin) => {
            context.emit(
                &event
                    .failed("invalid_request")
                    .detail("reason", "foreign origin"),
            );
            cors::foreign_origin()
        }
        Ok(Outcome::Tokens(tokens)) => {
            // Known before, where the grant changed something.
            event
                .details
                .entry("token_id")
                .or_insert_with(|| tokens.token_id.clone());
            event
                .details
                .entry("scope")
                .or_insert_with(|| tokens.scope.clone());
            context.emit(&event);
            let response = (StatusCode::OK, no_store(), axum::Json(&*tokens)).into_response();
            cors::expose(&context, with_nonce(&context, client.as_ref(), response))
        }
        Err(error) => {
            refuse(&context, event, &error);
            let response = with_nonce(&context, client.as_ref(), error.into_response());
            // A page may read why, once it is clear that it may use the client.
            match client {
                Some(client) if cors::allows(&context, &client.client.representation) => {
                    cors::expose(&context, response)
                }
                _ => response,
            }
        }
    }
}

/// The nonce for the client's next DPoP proof, once it is clear which client it is.
fn with_nonce(context: &Context, client: Option<&Authenticated>, response: Response) -> Response {
    match client {
        Some(known) => dpop::nonce::supply(context, &known.client.representation, response),
        None => response,
    }
}

/// What a grant works with.
pub(crate) struct TokenRequest<'a> {
    pub(crate) context: &'a Context,
    pub(crate) client: &'a Arc<Client>,
    pub(crate) form: &'a Form,
    pub(crate) headers: &'a HeaderMap,
    /// The keys that the sender proved to have.
    pub(crate) binding: Binding,
}

impl<'a> TokenRequest<'a> {
    /// The request as the realm's policies look at it.
    pub(crate) fn check(&self, event: PolicyEvent) -> Check<'a> {
        Check {
            client: Some(&self.client.representation),
            form: Some(self.form),
            headers: Some(self.headers),
            ..Check::new(event, self.context)
        }
    }

    /// Asks the realm's policies. A client that comes under rules for the rotation of its secret for
    /// the first time has a secret that ends from now on.
    ///
    /// # Errors
    /// What a policy refuses the request with.
    pub(crate) async fn enforce(&self, check: Check<'_>) -> Result<Effects, OAuthError> {
        let effects = policies::enforce(check).await?;
        if let Some(rotation) = &effects.rotation {
            let client = &self.client.representation;
            policies::begin_secret_expiry(self.context, client, rotation).await?;
        }
        Ok(effects)
    }

    /// Adds the event of the grant to the batch of what it changes.
    pub(crate) fn stage(&self, event: &mut Event, prepared: &Prepared<'_>, batch: &mut Batch) {
        prepared.note(event);
        let context = self.context;
        context.services.events.stage(&context.realm, batch, event);
    }
}

enum Outcome {
    Tokens(Box<TokenResponse>),
    ForeignOrigin,
}

async fn grant(
    context: &Context,
    headers: &HeaderMap,
    body: &Bytes,
    event: &mut Event,
    known: &mut Option<Authenticated>,
) -> Result<Outcome, OAuthError> {
    let form = Form::from_body_with(headers, body, &REPEATED)?;
    let name = form
        .value("grant_type")
        .ok_or_else(|| OAuthError::invalid_request("Missing form parameter: grant_type"))?;
    if name != token_exchange::NAME {
        form.check_unrepeated()?;
    }
    event.kind = match name {
        authorization_code::NAME => EventType::CodeToToken,
        refresh_token::NAME => EventType::RefreshToken,
        password::NAME => EventType::Login,
        device_code::NAME => EventType::Oauth2DeviceCodeToToken,
        token_exchange::NAME => EventType::TokenExchange,
        ciba::NAME => EventType::AuthreqidToToken,
        jwt_bearer::NAME => EventType::JwtAuthorizationGrant,
        _ => EventType::ClientLogin,
    };
    event
        .details
        .insert("grant_type", name.chars().take(100).collect());
    let authenticated = known.insert(client_auth::authenticate(context, headers, &form).await?);
    note_client(event, authenticated);
    if !cors::allows(context, &authenticated.client.representation) {
        return Ok(Outcome::ForeignOrigin);
    }
    let client = &authenticated.client;
    let binding = Binding::of_request(context, headers, "token", &client.representation).await?;
    let request = TokenRequest {
        context,
        client,
        form: &form,
        headers,
        binding,
    };
    let tokens = match name {
        authorization_code::NAME => authorization_code::redeem(&request, event).await,
        client_credentials::NAME => client_credentials::issue(&request, event).await,
        password::NAME => password::login(&request, event).await,
        refresh_token::NAME => refresh_token::refresh(&request, event).await,
        device_code::NAME => device_code::redeem(&request, event).await,
        token_exchange::NAME => token_exchange::exchange(&request, event).await,
        ciba::NAME => ciba::redeem(&request, event).await,
        jwt_bearer::NAME => jwt_bearer::redeem(&request, event).await,
        _ => Err(OAuthError::new(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            "Unsupported grant_type",
        )),
    }?;
    Ok(Outcome::Tokens(Box::new(tokens)))
}

/// Notes in the event who the client is and how it proved that.
pub(crate) fn note_client(event: &mut Event, authenticated: &Authenticated) {
    event.client_id = Some(client_id(&authenticated.client).to_owned());
    event
        .details
        .insert("client_auth_method", authenticated.method.to_owned());
    if let Some(assertion) = &authenticated.assertion {
        let details = &mut event.details;
        if let Some(id) = &assertion.id {
            details.insert("client_assertion_id", id.clone());
        }
        details.insert("client_assertion_issuer", assertion.issuer.clone());
        details.insert("client_assertion_sub", assertion.subject.clone());
    }
}

/// Emits the event of a refusal, with its exact reason.
pub(crate) fn refuse(context: &Context, mut event: Event, error: &OAuthError) {
    if let Some(reason) = &error.reason {
        event.details.insert("reason", reason.clone());
    } else {
        event
            .details
            .insert("reason", error.description.clone().into_owned());
    }
    context.emit(&event.failed(error.event));
}
