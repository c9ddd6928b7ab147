//! Token introspection (RFC 7662): whether a token is good, told only to its audience.

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use realmkeep_events::{Event, EventType};
use serde_json::{Value, json};

use crate::bearer::{self, Bearer, BearerError};
use crate::client_auth;
use crate::context::Context;
use crate::error::{OAuthError, chain, no_store};
use crate::form::Form;
use crate::issue::client_id;
use crate::token::{note_client, refuse};

pub(crate) async fn endpoint(context: Context, headers: HeaderMap, body: Bytes) -> Response {
    let mut event = context.event(EventType::IntrospectToken);
    match introspect(&context, &headers, &body, &mut event).await {
        Ok(answer) => {
            context.emit(&event);
            (StatusCode::OK, no_store(), axum::Json(answer)).into_response()
        }
        Err(error) => {
            refuse(&context, event, &error);
            error.into_response()
        }
    }
}

async fn introspect(
    context: &Context,
    headers: &HeaderMap,
    body: &Bytes,
    event: &mut Event,
) -> Result<Value, OAuthError> {
    let form = Form::from_body(headers, body)?;
    let caller = client_auth::authenticate(context, headers, &form)
        .await
        .map_err(|error| match error.error {
            "unauthorized_client" => OAuthError {
                error: "invalid_client",
                description: "Client authentication failed.".into(),
                ..error
            },
            _ => error,
        })?;
    note_client(event, &caller);
    if caller.client.representation.public_client == Some(true) {
        return Err(OAuthError::new(
            StatusCode::FORBIDDEN,
            "invalid_request",
            "Client not allowed.",
        ));
    }
    let text = form
        .value("token")
        .ok_or_else(|| OAuthError::invalid_request("Token not provided."))?;
    match form.value("token_type_hint") {
        None | Some("access_token" | "refresh_token") => {}
        Some(_) => return Err(OAuthError::invalid_request("Unsupported token type.")),
    }
    let found = match bearer::signed_by_us(&context.services, &context.realm, text).await {
        Ok(token) => bearer::active(&context.services, &context.realm, token).await,
        Err(e) => Err(e),
    };
    let inactive = json!({ "active": false });
    match found {
        Ok(bearer) if bearer.token.aud().contains(&client_id(&caller.client)) => Ok(answer(bearer)),
        Ok(_) => {
            event.details.insert(
                "reason",
                "the caller is not in the token's audience".to_owned(),
            );
            Ok(inactive)
        }
        Err(BearerError::Invalid(reason)) => {
            event.details.insert("reason", reason);
            Ok(inactive)
        }
        Err(BearerError::NotActive(reason)) => {
            event.details.insert("reason", reason.to_owned());
            Ok(inactive)
        }
        Err(e) => Err(OAuthError::internal(&chain(&e))),
    }
}

/// The token's claims with what RFC 7662 section 2.2 adds.
fn answer(bearer: Bearer) -> Value {
    let username = bearer.subject.user.username.clone();
    let mut claims = bearer.token.into_claims();
    claims.insert(
        "client_id".to_owned(),
        Value::from(client_id(&bearer.client)),
    );
    claims.insert("username".to_owned(), Value::from(username));
    let kind = claims.get("typ").cloned().unwrap_or(Value::Null);
    claims.insert("token_type".to_owned(), kind);
    claims.insert("active".to_owned(), Value::Bool(true));
    Value::Object(claims)
}
