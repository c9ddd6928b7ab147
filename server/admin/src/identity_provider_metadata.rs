//! What identity providers say about themselves: their configuration from a discovery document, their
//! certificates and keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use realmkeep_authn::Services;
use realmkeep_keys::certificate_public_key;
use realmkeep_representations::{CertificateRepresentation, IdentityProviderRepresentation};
use serde_json::Value;

use crate::client_certificates::{Upload, der_of};
use crate::error::{ApiError, ApiResult};
use crate::multipart;
use crate::request::Cx;
use crate::rights::Right;

/// Members of a discovery document (OpenID Connect Discovery section 3, RFC 8414) and the entries of a
/// provider's configuration that they become.
const FROM_DISCOVERY: [(&str, &str); 7] = [
    ("issuer", "issuer"),
    ("authorization_endpoint", "authorizationUrl"),
    ("token_endpoint", "tokenUrl"),
    ("userinfo_endpoint", "userInfoUrl"),
    ("end_session_endpoint", "logoutUrl"),
    ("introspection_endpoint", "tokenIntrospectionUrl"),
    ("jwks_uri", "jwksUrl"),
];
/// Longest file with a provider's description, in bytes.
const LONGEST: usize = 1_048_576;

pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/import-config", post(import))
        .route("/upload-certificate", post(upload))
        .route("/instances/{alias}/reload-keys", get(reload))
        .route("/instances/{alias}/export", get(export))
}

/// Where the description of a provider is.
enum Source {
    Url(String),
    File(Vec<u8>),
}

/// A description of a provider: by address, as JSON, or in a form with a file.
struct Described {
    provider: String,
    source: Source,
}

impl Described {
    fn read(headers: &HeaderMap, body: &Bytes) -> ApiResult<Self> {
        let kind = headers.get(header::CONTENT_TYPE);
        let kind = kind.and_then(|v| v.to_str().ok()).unwrap_or_default();
        let bad = || ApiError::error(StatusCode::BAD_REQUEST, "HTTP 400 Bad Request");
        if kind.starts_with("multipart/form-data") {
            let parts = multipart::parts(kind, body)?;
            let provider = parts.get("providerId").ok_or_else(bad)?;
            return Ok(Self {
                provider: String::from_utf8_lossy(provider.content).trim().to_owned(),
                source: Source::File(multipart::file(kind, body)?.to_vec()),
            });
        }
        let given: BTreeMap<String, Value> = serde_json::from_slice(body).map_err(|_| bad())?;
        let text = |name: &str| {
            let value = given.get(name).and_then(Value::as_str);
            value.map(str::to_owned).ok_or_else(bad)
        };
        Ok(Self {
            provider: text("providerId")?,
            source: Source::Url(text("fromUrl")?),
        })
    }
}

/// The configuration that a provider's own description says.
async fn import(
    cx: Cx,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult<Json<BTreeMap<String, String>>> {
    cx.require(&[Right::MANAGE_IDENTITY_PROVIDERS])?;
    let given = Described::read(&headers, &body)?;
    match given.provider.as_str() {
        "oidc" | "keycloak-oidc" => {}
        "saml" => return Err(ApiError::not_supported("import of SAML metadata")),
        other => {
            let shown: String = other.chars().take(100).collect();
            return Err(ApiError::bad_request(format!(
                "providerId: '{shown}' has no description that could be imported; oidc and keycloak-oidc have"
            )));
        }
    }
    let document: Value = match &given.source {
        Source::Url(url) => {
            let http = cx.services.remote_keys.http();
            let fetched = http.get_json(url, "application/json", None).await;
            let (document, _) =
                fetched.map_err(|e| ApiError::bad_request(format!("fromUrl: {e}")))?;
            document
        }
        Source::File(file) if file.len() > LONGEST => {
            return Err(ApiError::bad_request("file: it is longer than 1 MiB"));
        }
        Source::File(file) => serde_json::from_slice(file)
            .map_err(|e| ApiError::bad_request(format!("file: it is not JSON: {e}")))?,
    };
    let mut config = configuration(&document);
    if config.is_empty() {
        return Err(ApiError::bad_request(
            "the document has no issuer and no endpoints; a discovery document of OpenID Connect was expected",
        ));
    }
    if let Source::Url(url) = given.source {
        config.insert("metadataDescriptorUrl".to_owned(), url);
    }
    Ok(Json(config))
}

fn configuration(document: &Value) -> BTreeMap<String, String> {
    let mut config: BTreeMap<String, String> = FROM_DISCOVERY
        .iter()
        .filter_map(|(member, entry)| {
            let value = document.get(member)?.as_str()?;
            Some(((*entry).to_owned(), value.to_owned()))
        })
        .collect();
    if config.contains_key("jwksUrl") {
        for entry in ["validateSignature", "useJwksUrl"] {
            config.insert(entry.to_owned(), "true".to_owned());
        }
    }
    config
}

/// Certificate and public key of a PEM file, to be put into a provider's configuration.
async fn upload(cx: Cx, given: Upload) -> ApiResult<Json<CertificateRepresentation>> {
    cx.require(&[Right::MANAGE_IDENTITY_PROVIDERS])?;
    if given.format != "Certificate PEM" {
        return Err(ApiError::bad_request(
            "keystoreFormat: 'Certificate PEM' is what is read here",
        ));
    }
    let text = std::str::from_utf8(&given.file)
        .map_err(|_| ApiError::bad_request("the file is not UTF-8 text"))?;
    let certificate = der_of(text.trim(), "CERTIFICATE")?;
    let der = STANDARD.decode(&certificate).map_err(ApiError::internal)?;
    let key = certificate_public_key(&der)
        .ok_or_else(|| ApiError::bad_request("the file is no CERTIFICATE"))?;
    Ok(Json(CertificateRepresentation {
        certificate: Some(certificate),
        public_key: Some(STANDARD.encode(key)),
        ..CertificateRepresentation::default()
    }))
}

fn here(cx: &Cx) -> ApiResult<&IdentityProviderRepresentation> {
    let provider = cx.realm.identity_provider(cx.param("alias"));
    provider.ok_or_else(|| ApiError::not_found("Could not find identity provider"))
}

/// Forgets the provider's keys, so that they are fetched anew when they are needed next.
async fn reload(cx: Cx) -> ApiResult<Json<bool>> {
    cx.require(&[Right::MANAGE_IDENTITY_PROVIDERS])?;
    let provider = here(&cx)?;
    let config = provider.config.as_ref();
    let mut known = false;
    for entry in ["jwksUrl", "issuer", "bundleEndpoint"] {
        let address = config.and_then(|config| config.get(entry));
        if let Some(address) = address.filter(|address| !address.is_empty()) {
            cx.services.remote_keys.forget(address);
            known = true;
        }
    }
    Ok(Json(known))
}

/// What the provider has to know of this server: nothing, where OpenID Connect is spoken.
async fn export(cx: Cx) -> ApiResult<StatusCode> {
    cx.require(&[Right::VIEW_IDENTITY_PROVIDERS])?;
    match here(&cx)?.provider_id.as_deref() {
        Some("saml") => Err(ApiError::not_supported("SAML identity providers")),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}
