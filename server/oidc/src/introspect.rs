//! Token introspection (RFC 7662): whether a token is good, told only to its audience.

use std::sync::Arc;

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use realmkeep_events::{Event, EventType};
use realmkeep_jose::Verified;
use realmkeep_store::Client;
use serde_json::{Map, Value, json};

use crate::bearer::{self, Bearer, BearerError};
use crate::client_auth;
use crate::context::Context;
use crate::error::{OAuthError, chain, no_store};
use crate::form::Form;
use crate::issue::{client_id, signing_key};
use crate::material;
use crate::policies::{self, Check, PolicyEvent};
use crate::token::{note_client, refresh_token, refuse};

/// Media type of a signed answer (RFC 9701).
const SIGNED: &str = "application/token-introspection+jwt";
const TOKEN: &str = "application/jwt";

pub(crate) async fn endpoint(context: Context, headers: HeaderMap, body: Bytes) -> Response {
    let mut event = context.event(EventType::IntrospectToken);
    match introspect(&context, &headers, &body, &mut event).await {
        Ok((answer, None)) => {
            context.emit(&event);
            (StatusCode::OK, no_store(), axum::Json(answer)).into_response()
        }
        Ok((_, Some((kind, signed)))) => {
            context.emit(&event);
            let kind = [(header::CONTENT_TYPE, kind)];
            (StatusCode::OK, no_store(), kind, signed).into_response()
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
) -> Result<(Value, Option<(&'static str, String)>), OAuthError> {
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
    policies::enforce(Check {
        client: Some(&caller.client.representation),
        form: Some(&form),
        headers: Some(headers),
        ..Check::new(PolicyEvent::Introspection, context)
    })
    .await?;
    let hint = form.value("token_type_hint");
    let answer = look_up(context, &caller.client, text, hint, event).await?;
    if accepts(headers, SIGNED) {
        let signed = sign(context, &caller.client, &answer).await?;
        return Ok((answer, Some((SIGNED, signed))));
    }
    // The claims as a token of their own: what a lightweight token stands for, to be passed on.
    if accepts(headers, TOKEN) && answer.get("active") == Some(&Value::Bool(true)) {
        let client = &caller.client.representation;
        let key = signing_key(context, client, "introspection.signed.response.alg").await?;
        let token = key
            .sign("JWT", &answer)
            .map_err(|e| OAuthError::internal(&e))?;
        return Ok((answer, Some((TOKEN, token))));
    }
    Ok((answer, None))
}

/// RFC 9701 section 4, RFC 9110 section 12.5.1.
fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|kind| kind.split(';').next())
        .any(|kind| kind.trim().eq_ignore_ascii_case(wanted))
}

/// RFC 9701 section 5.
async fn sign(context: &Context, caller: &Client, answer: &Value) -> Result<String, OAuthError> {
    let representation = &caller.representation;
    let key = signing_key(context, representation, "introspection.signed.response.alg").await?;
    let token = json!({
        "iss": context.issuer,
        "aud": representation.client_id,
        "iat": context.now,
        "token_introspection": answer,
    });
    key.sign("token-introspection+jwt", &token)
        .map_err(|e| OAuthError::internal(&e))
}

async fn look_up(
    context: &Context,
    caller: &Arc<Client>,
    text: &str,
    hint: Option<&str>,
    event: &mut Event,
) -> Result<Value, OAuthError> {
    // Only where it is asked for: a service must not take a refresh token for an access token.
    if hint == Some("refresh_token")
        && let Ok(token) = refresh_token::read(context, text).await
    {
        return of_refresh_token(context, caller, token, event).await;
    }
    let found = match bearer::signed_by_us(&context.services, &context.realm, text).await {
        Ok(token) => bearer::active(&context.services, &context.realm, token).await,
        Err(e) => Err(e),
    };
    let inactive = json!({ "active": false });
    match found {
        Ok(bearer) => {
            let claims = material::introspected(context, &bearer).await?;
            if is_audience(&claims, client_id(caller)) {
                return Ok(answer(&bearer, claims));
            }
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
        Err(BearerError::NotActive(reason) | BearerError::Unproven(reason)) => {
            event.details.insert("reason", reason.to_owned());
            Ok(inactive)
        }
        Err(e) => Err(OAuthError::internal(&chain(&e))),
    }
}

/// A refresh token is nobody's business but its client's.
async fn of_refresh_token(
    context: &Context,
    caller: &Arc<Client>,
    token: Verified,
    event: &mut Event,
) -> Result<Value, OAuthError> {
    let mut inactive = |reason: String| {
        event.details.insert("reason", reason);
        Ok(json!({ "active": false }))
    };
    if token.str("azp") != Some(client_id(caller)) {
        return inactive("the refresh token is another client's".to_owned());
    }
    let place = refresh_token::place(&token);
    let found = match refresh_token::find(context, caller, &token, &place).await {
        Ok(found) if found.is_live(&place) => found,
        Ok(_) => return inactive("the refresh token was replaced".to_owned()),
        Err(error) if error.error == "invalid_grant" => {
            return inactive(error.description.into_owned());
        }
        Err(error) => return Err(error),
    };
    let store = &context.services.store;
    let subject = store
        .subject(&context.realm, &found.session.user_id)
        .await?;
    let Some(subject) = subject.filter(|subject| subject.user.enabled == Some(true)) else {
        return inactive("the user is gone or disabled".to_owned());
    };
    let not_before = [
        context.realm.settings.not_before,
        caller.representation.not_before,
        subject.user.not_before,
    ];
    let not_before = not_before.into_iter().flatten().max().unwrap_or(0);
    if token.iat().unwrap_or(0) < i64::from(not_before) {
        return inactive("the refresh token is from before a not-before time".to_owned());
    }
    let mut claims = token.into_claims();
    for internal in ["fam", "gen"] {
        claims.shift_remove(internal);
    }
    Ok(complete(
        claims,
        client_id(caller),
        subject.user.username.clone(),
    ))
}

fn is_audience(claims: &Map<String, Value>, client_id: &str) -> bool {
    match claims.get("aud") {
        Some(Value::String(one)) => one == client_id,
        Some(Value::Array(several)) => several.iter().any(|name| name == client_id),
        _ => false,
    }
}

fn answer(bearer: &Bearer, claims: Map<String, Value>) -> Value {
    let username = bearer.subject.user.username.clone();
    complete(claims, client_id(&bearer.client), username)
}

/// The token's claims with what RFC 7662 section 2.2 adds.
fn complete(mut claims: Map<String, Value>, client_id: &str, username: Option<String>) -> Value {
    claims.insert("client_id".to_owned(), Value::from(client_id));
    claims.insert("username".to_owned(), Value::from(username));
    let bound_to_key = claims
        .get("cnf")
        .is_some_and(|cnf| cnf.get("jkt").is_some());
    let kind = if bound_to_key {
        Value::from("DPoP")
    } else {
        claims.get("typ").cloned().unwrap_or(Value::Null)
    };
    claims.insert("token_type".to_owned(), kind);
    claims.insert("active".to_owned(), Value::Bool(true));
    Value::Object(claims)
}
