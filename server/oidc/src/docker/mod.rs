//! Tokens for Docker registries (Docker Registry v2 authentication, token specification): a registry
//! sends the Docker client here, the client sends the user's name and password, and what it gets is
//! for the registry alone. No session begins, and nothing can be refreshed.

mod access;
pub mod allow_all;
mod key_id;

use std::sync::Arc;

use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use realmkeep_authn::{LoginFailure, docker_login};
use realmkeep_events::{Event, EventType};
use realmkeep_jose::Algorithm;
use realmkeep_representations::{ClientRepresentation, ProtocolMapperTypeRepresentation};
use realmkeep_store::{Client, Subject};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use access::Access;

use crate::context::Context;
use crate::error::{OAuthError, chain, no_store};
use crate::form::Form;
use crate::lifespans;
use crate::token::refuse;

/// `protocol` of the clients that stand for registries.
pub const PROTOCOL: &str = "docker-v2";

/// The kinds of mappers that decide what a token allows.
pub(crate) fn mapper_types() -> Vec<ProtocolMapperTypeRepresentation> {
    vec![allow_all::representation()]
}

/// What the registry takes as proof.
#[derive(Serialize)]
struct Claims<'a> {
    jti: String,
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    access: Vec<Access>,
}

#[derive(Serialize)]
struct Answer {
    token: String,
    /// Seconds.
    expires_in: i64,
    /// RFC 3339.
    issued_at: String,
}

/// Why there is no token.
enum Refused {
    /// The request is not one.
    Request(OAuthError),
    /// Nobody proved who they are, or who did may not log in.
    Login(OAuthError),
}

impl From<OAuthError> for Refused {
    fn from(error: OAuthError) -> Self {
        Self::Request(error)
    }
}

/// `GET …/protocol/docker-v2/auth`.
pub(crate) async fn endpoint(
    context: Context,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if !context.services.features.docker {
        return OAuthError::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "Tokens for Docker registries are switched off: the server's option features does not name docker",
        )
        .into_response();
    }
    let mut event = context.event(EventType::Login);
    event.details.insert("auth_method", PROTOCOL.to_owned());
    let query = query.unwrap_or_default();
    match answer(&context, &query, &headers, &mut event).await {
        Ok(answer) => {
            context.emit(&event);
            (StatusCode::OK, no_store(), axum::Json(answer)).into_response()
        }
        Err(Refused::Request(error)) => {
            refuse(&context, event, &error);
            error.into_response()
        }
        Err(Refused::Login(error)) => {
            refuse(&context, event, &error);
            unauthorized(&context)
        }
    }
}

async fn answer(
    context: &Context,
    query: &str,
    headers: &HeaderMap,
    event: &mut Event,
) -> Result<Answer, Refused> {
    let form = Form::parse_with(query.as_bytes(), &["scope"])?;
    let client = registry(context, &form, event).await?;
    let wanted = Access::parse_all(form.values("scope"));
    let wanted = wanted.ok_or_else(|| {
        OAuthError::invalid_request(
            "scope: type:name:actions is needed, such as repository:team/app:pull,push",
        )
    })?;
    let subject = user(context, &client, headers, event).await?;
    Ok(issue(context, &client.representation, &subject, &wanted).await?)
}

/// The client that stands for the registry that asks.
async fn registry(
    context: &Context,
    form: &Form,
    event: &mut Event,
) -> Result<Arc<Client>, OAuthError> {
    let service = form
        .value("service")
        .ok_or_else(|| OAuthError::invalid_request("Missing parameter: service"))?;
    event.client_id = Some(service.chars().take(255).collect());
    let unknown = |event, reason| {
        OAuthError::invalid_request("service names no registry of this realm")
            .event(event)
            .because(reason)
    };
    let found = context
        .services
        .store
        .client(&context.realm, service)
        .await?;
    let client = found.ok_or_else(|| unknown("client_not_found", "there is no such client"))?;
    if client.representation.protocol.as_deref() != Some(PROTOCOL) {
        return Err(unknown(
            "invalid_client",
            "the client is not one of the protocol docker-v2",
        ));
    }
    if client.representation.enabled == Some(false) {
        return Err(unknown("client_disabled", "the client is disabled"));
    }
    Ok(client)
}

/// Who the request's credentials prove, by the realm's flow for Docker clients.
async fn user(
    context: &Context,
    client: &Client,
    headers: &HeaderMap,
    event: &mut Event,
) -> Result<Arc<Subject>, Refused> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let authorization = match (sent.next(), sent.next()) {
        (Some(one), None) => one.to_str().ok().map(str::to_owned),
        _ => None,
    };
    let services = &context.services;
    let proven = docker_login(services, &context.realm, client, authorization, &context.ip)
        .await
        .map_err(|failure| match failure {
            LoginFailure::Refused { reason, user_id } => {
                event.user_id = user_id;
                let error = OAuthError::new(
                    StatusCode::UNAUTHORIZED,
                    "unauthorized",
                    "Invalid username or password",
                );
                Refused::Login(error.event(reason.code()).because(reason.code()))
            }
            LoginFailure::Overloaded => Refused::Request(OAuthError::overloaded()),
            other => Refused::Request(OAuthError::internal(&chain(&other))),
        })?;
    event.user_id.clone_from(&proven.subject.user.id);
    services
        .store
        .commit(proven.batch)
        .await
        .map_err(OAuthError::from)?;
    Ok(proven.subject)
}

async fn issue(
    context: &Context,
    client: &ClientRepresentation,
    subject: &Subject,
    wanted: &[Access],
) -> Result<Answer, OAuthError> {
    let mut access = Vec::new();
    for mapper in client.protocol_mappers.iter().flatten() {
        if mapper.protocol_mapper.as_deref() == Some(allow_all::ID) {
            allow_all::apply(wanted, &mut access);
        }
    }
    let now = context.now;
    let expiry = lifespans::access_token_expiry(&context.realm, client, None, now);
    let claims = Claims {
        jti: Uuid::new_v4().to_string(),
        iss: &context.issuer,
        sub: subject.user.username.as_deref().unwrap_or_default(),
        aud: client.client_id.as_deref().unwrap_or_default(),
        iat: now,
        nbf: now,
        exp: expiry,
        access,
    };
    let keys = &context.services.keys;
    let key = keys
        .active_signing(&context.realm, Algorithm::Rs256)
        .await?;
    let public = key.public_key_der().unwrap_or_default();
    let token = key
        .sign_as(&key_id::key_id(&public), "JWT", &claims)
        .map_err(|e| OAuthError::internal(&e))?;
    Ok(Answer {
        token,
        expires_in: expiry.saturating_sub(now),
        issued_at: Timestamp::from_second(now)
            .map_err(|e| OAuthError::internal(&e))?
            .to_string(),
    })
}

/// The refusal as Docker clients read it.
fn unauthorized(context: &Context) -> Response {
    let body = json!({"errors": [{
        "code": "UNAUTHORIZED",
        "message": "Invalid username or password.",
        "detail": [],
    }]});
    let mut response = (StatusCode::UNAUTHORIZED, no_store(), axum::Json(body)).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("Basic realm=\"{}\"", context.realm.name)) {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, value);
    }
    response
}
