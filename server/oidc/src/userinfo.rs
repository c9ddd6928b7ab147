//! The UserInfo endpoint (OpenID Connect Core section 5.3).

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use realmkeep_events::{Event, EventType};
use serde_json::{Map, Value};

use crate::bearer::{self, Bearer, BearerError};
use crate::claims::Target;
use crate::context::Context;
use crate::cors;
use crate::error::{OAuthError, chain, no_store};
use crate::form::Form;
use crate::issue::client_id;
use crate::material::{Material, session_notes};
use crate::scopes::{OPENID, Scopes};
use crate::token::refuse;

pub(crate) async fn get(context: Context, headers: HeaderMap) -> Response {
    answer(&context, bearer::of_header(&headers)).await
}

/// The token may come in the form as well (RFC 6750 section 2.2), but not both ways.
pub(crate) async fn post(context: Context, headers: HeaderMap, body: Bytes) -> Response {
    let form = match Form::from_body(&headers, &body) {
        Ok(form) => form,
        Err(error) => return error.into_response(),
    };
    match (bearer::of_header(&headers), form.value("access_token")) {
        (Some(_), Some(_)) => {
            OAuthError::invalid_request("The access token comes twice").into_response()
        }
        (token, None) => answer(&context, token).await,
        (None, token) => answer(&context, token).await,
    }
}

async fn answer(context: &Context, token: Option<&str>) -> Response {
    let mut event = context.event(EventType::UserInfoRequest);
    let Some(token) = token else {
        context.emit(
            &event
                .failed("invalid_token")
                .detail("reason", "no access token"),
        );
        return challenge(context, StatusCode::UNAUTHORIZED, None);
    };
    let bearer = match bearer::access_token(&context.services, &context.realm, token).await {
        Ok(bearer) => bearer,
        Err(BearerError::Invalid(reason)) => {
            context.emit(&event.failed("invalid_token").detail("reason", reason));
            let error = ("invalid_token", "Token verification failed");
            return challenge(context, StatusCode::UNAUTHORIZED, Some(error));
        }
        Err(BearerError::NotActive(reason)) => {
            context.emit(&event.failed("invalid_token").detail("reason", reason));
            let error = ("invalid_token", reason);
            return challenge(context, StatusCode::UNAUTHORIZED, Some(error));
        }
        Err(e) => return OAuthError::internal(&chain(&e)).into_response(),
    };
    note(&mut event, &bearer);
    let allowed = cors::allows(context, &bearer.client.representation);
    let scope = bearer.token.str("scope").unwrap_or_default();
    if !scope.split(' ').any(|name| name == OPENID) {
        context.emit(
            &event
                .failed("access_denied")
                .detail("reason", "no openid scope"),
        );
        let error = ("insufficient_scope", "Missing openid scope");
        return challenge(context, StatusCode::FORBIDDEN, Some(error));
    }
    match claims(context, &bearer, scope).await {
        Ok(claims) => {
            context.emit(&event);
            let response = (StatusCode::OK, no_store(), axum::Json(claims)).into_response();
            if allowed {
                cors::expose(context, response)
            } else {
                response
            }
        }
        Err(error) => {
            refuse(context, event, &error);
            error.into_response()
        }
    }
}

async fn claims(
    context: &Context,
    bearer: &Bearer,
    scope: &str,
) -> Result<Map<String, Value>, OAuthError> {
    let client = &bearer.client;
    let scopes = Scopes::granted(&context.realm, &client.representation, scope);
    let notes = bearer
        .session
        .as_ref()
        .map(session_notes)
        .unwrap_or_default();
    let material = Material::gather(context, client, &bearer.subject, scopes, notes).await?;
    let mapped = material.claims(Target::UserInfo, None);
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), bearer.subject.user.id.clone().into());
    claims.extend(mapped.values.into_iter().filter(|(name, _)| name != "sub"));
    Ok(claims)
}

fn note(event: &mut Event, bearer: &Bearer) {
    event.client_id = Some(client_id(&bearer.client).to_owned());
    event.user_id.clone_from(&bearer.subject.user.id);
    event.session_id = bearer.session.as_ref().map(|session| session.id.clone());
}

/// RFC 6750 section 3. The texts are constants, so nothing needs quoting.
fn challenge(
    context: &Context,
    status: StatusCode,
    error: Option<(&'static str, &'static str)>,
) -> Response {
    let mut value = format!("Bearer realm=\"{}\"", context.realm.name);
    if let Some((code, description)) = error {
        value.push_str(&format!(
            ", error=\"{code}\", error_description=\"{description}\""
        ));
    }
    let mut response = (status, no_store()).into_response();
    if let Ok(value) = HeaderValue::from_str(&value) {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, value);
    }
    cors::expose(context, response)
}
