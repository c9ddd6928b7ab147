//! What others need to know to talk to a realm: metadata (OpenID Connect Discovery, RFC 8414), keys
//! (RFC 7517), and the realm's public page. Only what works is listed.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use realmkeep_jose::Algorithm;
use serde_json::{Map, Value, json};

use crate::client_auth;
use crate::context::Context;
use crate::error::{OAuthError, chain};
use crate::token;

pub(crate) async fn metadata(context: Context) -> Response {
    let keys = match context.services.keys.of(&context.realm).await {
        Ok(keys) => keys,
        Err(e) => return OAuthError::internal(&chain(&e)).into_response(),
    };
    let protocol = format!("{}/protocol/openid-connect", context.issuer);
    let signing: Vec<&str> = keys
        .signing_algorithms()
        .into_iter()
        .map(Algorithm::as_str)
        .collect();
    let assertion_signing: Vec<&str> = Algorithm::ASYMMETRIC
        .into_iter()
        .map(Algorithm::as_str)
        .collect();
    // Whose answer depends on who asks is for clients that can prove who they are.
    let proving: Vec<&str> = client_auth::METHODS
        .into_iter()
        .filter(|method| *method != "none")
        .collect();
    let mut scopes: Vec<&str> = context
        .realm
        .client_scopes
        .iter()
        .filter(|scope| scope.protocol.as_deref() != Some("saml"))
        .filter_map(|scope| scope.name.as_deref())
        .filter(|name| *name != crate::scopes::OFFLINE_ACCESS)
        .collect();
    scopes.insert(0, crate::scopes::OPENID);
    let metadata = json!({
        "issuer": context.issuer,
        "authorization_endpoint": format!("{protocol}/auth"),
        "token_endpoint": format!("{protocol}/token"),
        "introspection_endpoint": format!("{protocol}/token/introspect"),
        "userinfo_endpoint": format!("{protocol}/userinfo"),
        "end_session_endpoint": format!("{protocol}/logout"),
        "jwks_uri": format!("{protocol}/certs"),
        "revocation_endpoint": format!("{protocol}/revoke"),
        "grant_types_supported": token::GRANTS,
        "acr_values_supported": ["0", "1"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["public"],
        "prompt_values_supported": ["none", "login"],
        "id_token_signing_alg_values_supported": signing,
        "token_endpoint_auth_methods_supported": client_auth::METHODS,
        "token_endpoint_auth_signing_alg_values_supported": assertion_signing,
        "introspection_endpoint_auth_methods_supported": proving,
        "introspection_endpoint_auth_signing_alg_values_supported": assertion_signing,
        "revocation_endpoint_auth_methods_supported": client_auth::METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": assertion_signing,
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "auth_time", "name", "given_name", "family_name",
            "preferred_username", "email", "acr", "azp", "nonce"
        ],
        "claim_types_supported": ["normal"],
        "claims_parameter_supported": false,
        "scopes_supported": scopes,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true
    });
    public(axum::Json(metadata).into_response())
}

pub(crate) async fn certs(context: Context) -> Response {
    match context.services.keys.jwks(&context.realm).await {
        Ok(jwks) => public(axum::Json(jwks).into_response()),
        Err(e) => OAuthError::internal(&chain(&e)).into_response(),
    }
}

/// What older adapters read instead of metadata.
pub(crate) async fn realm(context: Context) -> Response {
    let keys = match context.services.keys.of(&context.realm).await {
        Ok(keys) => keys,
        Err(e) => return OAuthError::internal(&chain(&e)).into_response(),
    };
    let mut body = Map::new();
    body.insert("realm".to_owned(), Value::from(context.realm.name.as_str()));
    if let Some(key) = keys.rsa_public_key() {
        body.insert("public_key".to_owned(), Value::from(key));
    }
    let protocol = format!("{}/protocol/openid-connect", context.issuer);
    body.insert("token-service".to_owned(), Value::from(protocol));
    let account = format!("{}/account", context.issuer);
    body.insert("account-service".to_owned(), Value::from(account));
    let not_before = context.realm.settings.not_before.unwrap_or(0);
    body.insert("tokens-not-before".to_owned(), Value::from(not_before));
    public(axum::Json(body).into_response())
}

/// Any page may read it; caches ask again, so that a new key is seen at once.
fn public(mut response: Response) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    *response.status_mut() = StatusCode::OK;
    response
}
