//! The UserInfo endpoint (OpenID Connect Core section 5.3).

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use realmkeep_events::{Event, EventType};
use serde_json::{Map, Value};

use crate::bearer::{self, Bearer, BearerError, Scheme};
use crate::claims::Target;
use crate::context::Context;
use crate::cors;
use crate::dpop;
use crate::encryption::Encryption;
use crate::error::{OAuthError, chain, no_store};
use crate::form::Form;
use crate::issue::{client_id, signing_key};
use crate::material;
use crate::policies::{self, Check, PolicyEvent};
use crate::scopes::{OPENID, Scopes};
use crate::token::refuse;

pub(crate) async fn get(context: Context, headers: HeaderMap) -> Response {
    answer(
        &context,
        &headers,
        &Method::GET,
        bearer::presented(&headers),
    )
    .await
}

/// The token may come in the form as well (RFC 6750 section 2.2), but not both ways.
pub(crate) async fn post(context: Context, headers: HeaderMap, body: Bytes) -> Response {
    let form = match Form::from_body(&headers, &body) {
        Ok(form) => form,
        Err(error) => return error.into_response(),
    };
    let token = match (bearer::presented(&headers), form.value("access_token")) {
        (Some(_), Some(_)) => {
            return OAuthError::invalid_request("The access token comes twice").into_response();
        }
        (token, None) => token,
        (None, Some(token)) => Some((Scheme::Bearer, token)),
    };
    answer(&context, &headers, &Method::POST, token).await
}

async fn answer(
    context: &Context,
    headers: &HeaderMap,
    method: &Method,
    token: Option<(Scheme, &str)>,
) -> Response {
    let mut event = context.event(EventType::UserInfoRequest);
    let Some(token) = token else {
        context.emit(
            &event
                .failed("invalid_token")
                .detail("reason", "no access token"),
        );
        return challenge(context, Scheme::Bearer, StatusCode::UNAUTHORIZED, None);
    };
    let scheme = token.0;
    let url = format!("{}/protocol/openid-connect/userinfo", context.issuer);
    let bearer = match bearer::proven_access_token(context, headers, method, &url, token).await {
        Ok(bearer) => bearer,
        Err(BearerError::Invalid(reason)) => {
            context.emit(&event.failed("invalid_token").detail("reason", reason));
            let error = ("invalid_token", "Token verification failed");
            return challenge(context, scheme, StatusCode::UNAUTHORIZED, Some(error));
        }
        Err(BearerError::NotActive(reason)) => {
            context.emit(&event.failed("invalid_token").detail("reason", reason));
            let error = ("invalid_token", reason);
            return challenge(context, scheme, StatusCode::UNAUTHORIZED, Some(error));
        }
        Err(BearerError::Unproven(reason)) => {
            context.emit(&event.failed("invalid_token").detail("reason", reason));
            let error = ("invalid_dpop_proof", reason);
            return challenge(context, scheme, StatusCode::UNAUTHORIZED, Some(error));
        }
        Err(e @ BearerError::NonceWanted) => {
            let event = event.failed("invalid_token");
            context.emit(&event.detail("reason", e.to_string()));
            let error = (dpop::nonce::WANTED, "A DPoP nonce is required");
            let response = unexposed(context, scheme, StatusCode::UNAUTHORIZED, Some(error));
            return cors::expose(context, dpop::nonce::with_nonce(context, response));
        }
        Err(e) => return OAuthError::internal(&chain(&e)).into_response(),
    };
    note(&mut event, &bearer);
    let check = Check {
        client: Some(&bearer.client.representation),
        headers: Some(headers),
        token: Some(&bearer.token),
        ..Check::new(PolicyEvent::UserInfo, context)
    };
    if let Err(violation) = policies::enforce(check).await {
        let error = violation.into();
        refuse(context, event, &error);
        return error.into_response();
    }
    let allowed = cors::allows(context, &bearer.client.representation);
    let scope = bearer.token.str("scope").unwrap_or_default();
    if !scope.split(' ').any(|name| name == OPENID) {
        context.emit(
            &event
                .failed("access_denied")
                .detail("reason", "no openid scope"),
        );
        let error = ("insufficient_scope", "Missing openid scope");
        return challenge(context, scheme, StatusCode::FORBIDDEN, Some(error));
    }
    match claims(context, &bearer, scope).await {
        Ok(claims) => {
            let response = match protected(context, &bearer, claims).await {
                Ok(response) => response,
                Err(error) => {
                    refuse(context, event, &error);
                    return error.into_response();
                }
            };
            context.emit(&event);
            let response = match scheme {
                Scheme::Dpop => {
                    dpop::nonce::supply(context, &bearer.client.representation, response)
                }
                Scheme::Bearer => response,
            };
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
    let material = material::of_bearer(context, bearer, scopes).await?;
    let mapped = material.claims(Target::UserInfo, None);
    let mut claims = Map::new();
    let sub = mapped.values.get("sub").cloned();
    let sub = sub.unwrap_or_else(|| bearer.subject.user.id.clone().into());
    claims.insert("sub".to_owned(), sub);
    claims.extend(mapped.values.into_iter().filter(|(name, _)| name != "sub"));
    Ok(claims)
}

/// The claims as the client wants them: plain, signed, encrypted, or both (section 5.3.2).
async fn protected(
    context: &Context,
    bearer: &Bearer,
    mut claims: Map<String, Value>,
) -> Result<Response, OAuthError> {
    const SIGNATURE: &str = "user.info.response.signature.alg";
    let client = &bearer.client.representation;
    let wanted = client
        .attributes
        .as_ref()
        .and_then(|all| all.get(SIGNATURE));
    let signed = wanted.is_some_and(|alg| !matches!(alg.as_str(), "" | "none" | "unsigned"));
    let encryption = Encryption::wanted(context, client, "user.info.encrypted.response").await?;
    let text = if signed {
        claims.insert("iss".to_owned(), context.issuer.clone().into());
        claims.insert("aud".to_owned(), client_id(&bearer.client).into());
        let key = signing_key(context, client, SIGNATURE).await?;
        let token = key
            .sign("JWT", &claims)
            .map_err(|e| OAuthError::internal(&e))?;
        match encryption {
            Some(encryption) => encryption.nested(&token)?,
            None => token,
        }
    } else {
        match encryption {
            Some(encryption) => encryption.plain(Value::Object(claims).to_string().as_bytes())?,
            None => return Ok((StatusCode::OK, no_store(), axum::Json(claims)).into_response()),
        }
    };
    let kind = [(header::CONTENT_TYPE, "application/jwt")];
    Ok((StatusCode::OK, no_store(), kind, text).into_response())
}

fn note(event: &mut Event, bearer: &Bearer) {
    event.client_id = Some(client_id(&bearer.client).to_owned());
    event.user_id.clone_from(&bearer.subject.user.id);
    event.session_id = bearer.session.as_ref().map(|session| session.id.clone());
}

fn challenge(
    context: &Context,
    scheme: Scheme,
    status: StatusCode,
    error: Option<(&'static str, &'static str)>,
) -> Response {
    cors::expose(context, unexposed(context, scheme, status, error))
}

/// RFC 6750 section 3. The texts are constants, so nothing needs quoting.
fn unexposed(
    context: &Context,
    scheme: Scheme,
    status: StatusCode,
    error: Option<(&'static str, &'static str)>,
) -> Response {
    let realm = &context.realm.name;
    let mut value = match scheme {
        Scheme::Bearer => format!("Bearer realm=\"{realm}\""),
        // RFC 9449 section 7.1.
        Scheme::Dpop => format!("DPoP algs=\"{}\", realm=\"{realm}\"", dpop::algorithms()),
    };
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
    response
}
