//! Descriptions of clients in other formats, as client representations.

use std::collections::BTreeMap;

use axum::Json;
use realmkeep_representations::{ClientRepresentation, SecretString, strict};
use serde_json::Value;

use crate::error::{ApiError, ApiResult};
use crate::request::Cx;
use crate::rights::Right;
use crate::user_credentials::PlainText;

/// What was described; nothing is stored.
pub async fn convert(cx: Cx, text: PlainText) -> ApiResult<Json<ClientRepresentation>> {
    cx.require(&[Right::CREATE_CLIENT])?;
    let text = text.0.trim();
    if text.starts_with('<') {
        return Err(ApiError::not_supported("SAML metadata"));
    }
    let json: Value =
        serde_json::from_str(text).map_err(|_| ApiError::bad_request("Unsupported format"))?;
    if json.get("clientId").is_some() {
        return Ok(Json(strict::refuse_unknown(&json)?));
    }
    if json.get("redirect_uris").is_some() || json.get("client_name").is_some() {
        return Ok(Json(of_metadata(&json)));
    }
    Err(ApiError::bad_request("Unsupported format"))
}

/// Client metadata of RFC 7591 section 2.
fn of_metadata(json: &Value) -> ClientRepresentation {
    let text = |key: &str| json.get(key).and_then(Value::as_str).map(str::to_owned);
    let list = |key: &str| {
        let values = json.get(key)?.as_array()?;
        Some(
            values
                .iter()
                .filter_map(|v| v.as_str().map(str::to_owned))
                .collect::<Vec<_>>(),
        )
    };
    let method = text("token_endpoint_auth_method").unwrap_or_default();
    let grants = list("grant_types").unwrap_or_else(|| vec!["authorization_code".to_owned()]);
    let has = |grant: &str| grants.iter().any(|g| g == grant);
    let mut attributes = BTreeMap::new();
    for (key, attribute) in [
        ("logo_uri", "logoUri"),
        ("policy_uri", "policyUri"),
        ("tos_uri", "tosUri"),
        ("jwks_uri", "jwks.url"),
        ("backchannel_logout_uri", "backchannel.logout.url"),
        ("frontchannel_logout_uri", "frontchannel.logout.url"),
    ] {
        if let Some(value) = text(key) {
            attributes.insert(attribute.to_owned(), value);
        }
    }
    if attributes.contains_key("jwks.url") {
        attributes.insert("use.jwks.url".to_owned(), "true".to_owned());
    }
    ClientRepresentation {
        client_id: text("client_id"),
        name: text("client_name"),
        protocol: Some("openid-connect".to_owned()),
        base_url: text("client_uri"),
        redirect_uris: list("redirect_uris"),
        secret: text("client_secret").map(SecretString::new),
        public_client: Some(method == "none"),
        standard_flow_enabled: Some(has("authorization_code")),
        implicit_flow_enabled: Some(has("implicit")),
        direct_access_grants_enabled: Some(has("password")),
        service_accounts_enabled: Some(has("client_credentials")),
        client_authenticator_type: Some(
            match method.as_str() {
                "private_key_jwt" => "client-jwt",
                "client_secret_jwt" => "client-secret-jwt",
                "tls_client_auth" | "self_signed_tls_client_auth" => "client-x509",
                _ => "client-secret",
            }
            .to_owned(),
        ),
        attributes: Some(attributes),
        ..Default::default()
    }
}
