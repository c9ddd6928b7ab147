//! What others need to know to talk to a realm: metadata (OpenID Connect Discovery, RFC 8414), keys
//! (RFC 7517), and the realm's public page. Only what works is listed.

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use realmkeep_authn::authorization_request::{Prompt, ResponseMode, ResponseType};
use realmkeep_jose::{Algorithm, ContentEncryption, KeyManagement};
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
    // A key for an algorithm that the realm has none for is made when it is first asked for.
    let mut signing: Vec<&str> = Vec::new();
    for algorithm in keys
        .signing_algorithms()
        .into_iter()
        .chain(Algorithm::ASYMMETRIC)
    {
        if !signing.contains(&algorithm.as_str()) {
            signing.push(algorithm.as_str());
        }
    }
    let userinfo_signing: Vec<&str> = signing.iter().copied().chain(["none"]).collect();
    let key_management = KeyManagement::ALL.map(KeyManagement::as_str);
    let content_encryption = ContentEncryption::ALL.map(ContentEncryption::as_str);
    let readable: Vec<&str> = keys
        .encryption_algorithms()
        .into_iter()
        .map(KeyManagement::as_str)
        .collect();
    let levels = acr_values(&context);
    // Those with a secret are for client_secret_jwt.
    let assertion_signing: Vec<&str> = Algorithm::ASYMMETRIC
        .into_iter()
        .chain(Algorithm::SYMMETRIC)
        .map(Algorithm::as_str)
        .collect();
    let request_signing: Vec<&str> = Algorithm::ASYMMETRIC
        .into_iter()
        .chain(Algorithm::SYMMETRIC)
        .map(Algorithm::as_str)
        .collect();
    let registers = context.realm.settings.registration_allowed == Some(true);
    let prompts: Vec<&str> = Prompt::NAMES
        .into_iter()
        .chain(registers.then_some("create"))
        .collect();
    // Issued by the authorization endpoint alone.
    let grants: Vec<&str> = token::GRANTS.into_iter().chain(["implicit"]).collect();
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
        .collect();
    scopes.insert(0, crate::scopes::OPENID);
    let mut metadata = json!({
        "issuer": context.issuer,
        "authorization_endpoint": format!("{protocol}/auth"),
        "token_endpoint": format!("{protocol}/token"),
        "introspection_endpoint": format!("{protocol}/token/introspect"),
        "userinfo_endpoint": format!("{protocol}/userinfo"),
        "end_session_endpoint": format!("{protocol}/logout"),
        "jwks_uri": format!("{protocol}/certs"),
        "revocation_endpoint": format!("{protocol}/revoke"),
        "grant_types_supported": grants,
        "acr_values_supported": levels,
        "response_types_supported": ResponseType::NAMES,
        "response_modes_supported": ResponseMode::NAMES,
        "subject_types_supported": ["public", "pairwise"],
        "prompt_values_supported": prompts,
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
        "claims_parameter_supported": true,
        "scopes_supported": scopes,
        "request_parameter_supported": true,
        "request_uri_parameter_supported": true,
        "require_request_uri_registration": true,
        "request_object_signing_alg_values_supported": request_signing,
        "pushed_authorization_request_endpoint": format!("{protocol}/ext/par/request"),
        "require_pushed_authorization_requests": false,
        "authorization_signing_alg_values_supported": signing,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true
    });
    let bound = bound_tokens(&context.issuer, &signing);
    if let (Some(all), Value::Object(more)) = (metadata.as_object_mut(), bound) {
        all.extend(more);
    }
    // In two parts, as the macro takes no more at once.
    let more = json!({
        "registration_endpoint": format!("{}/clients-registrations/openid-connect", context.issuer),
        "check_session_iframe": format!("{protocol}/login-status-iframe.html"),
        "frontchannel_logout_supported": true,
        "frontchannel_logout_session_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "id_token_encryption_alg_values_supported": key_management,
        "id_token_encryption_enc_values_supported": content_encryption,
        "userinfo_signing_alg_values_supported": userinfo_signing,
        "userinfo_encryption_alg_values_supported": key_management,
        "userinfo_encryption_enc_values_supported": content_encryption,
        "authorization_encryption_alg_values_supported": key_management,
        "authorization_encryption_enc_values_supported": content_encryption,
        "request_object_encryption_alg_values_supported": readable,
        "request_object_encryption_enc_values_supported": content_encryption
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut metadata, more) {
        all.extend(more);
    }
    public(axum::Json(metadata).into_response())
}

/// Other devices (RFC 8628, CIBA), and what tokens can be bound to (RFC 8705, RFC 9449).
fn bound_tokens(issuer: &str, signing: &[&str]) -> Value {
    let protocol = format!("{issuer}/protocol/openid-connect");
    let asymmetric = Algorithm::ASYMMETRIC.map(Algorithm::as_str);
    let device = format!("{protocol}/auth/device");
    let ciba = format!("{protocol}/ext/ciba/auth");
    json!({
        "device_authorization_endpoint": device,
        "backchannel_authentication_endpoint": ciba,
        "backchannel_token_delivery_modes_supported": ["poll", "ping"],
        "backchannel_authentication_request_signing_alg_values_supported": asymmetric,
        "tls_client_certificate_bound_access_tokens": true,
        "dpop_signing_alg_values_supported": asymmetric,
        "introspection_signing_alg_values_supported": signing,
        // Certificates are shown at the same addresses.
        "mtls_endpoint_aliases": {
            "token_endpoint": format!("{protocol}/token"),
            "revocation_endpoint": format!("{protocol}/revoke"),
            "introspection_endpoint": format!("{protocol}/token/introspect"),
            "device_authorization_endpoint": device,
            "registration_endpoint": format!("{issuer}/clients-registrations/openid-connect"),
            "userinfo_endpoint": format!("{protocol}/userinfo"),
            "pushed_authorization_request_endpoint": format!("{protocol}/ext/par/request"),
            "backchannel_authentication_endpoint": ciba,
        },
    })
}

pub(crate) async fn certs(context: Context) -> Response {
    match context.services.keys.jwks(&context.realm).await {
        Ok(jwks) => public(axum::Json(jwks).into_response()),
        Err(e) => OAuthError::internal(&chain(&e)).into_response(),
    }
}

/// The names that the realm gives to levels of authentication, lowest first; without any, whether the
/// user was asked (1) or known already (0).
fn acr_values(context: &Context) -> Vec<String> {
    let attributes = context.realm.settings.attributes.as_ref();
    let map = attributes.and_then(|all| all.get("acr.loa.map"));
    let map: BTreeMap<String, i64> = map
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    if map.is_empty() {
        return vec!["0".to_owned(), "1".to_owned()];
    }
    let mut named: Vec<(i64, String)> = map.into_iter().map(|(name, loa)| (loa, name)).collect();
    named.sort();
    named.into_iter().map(|(_, name)| name).collect()
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
