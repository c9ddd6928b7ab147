//! Certificates and public keys of clients. A private key that is made here is handed out once and kept
//! nowhere.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::FromRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header;
use realmkeep_keys::{generate_realm_keys, public_key};
use realmkeep_representations::{CertificateRepresentation, ClientRepresentation};
use realmkeep_store::Batch;
use serde_json::Value;

use crate::clients;
use crate::error::{ApiError, ApiResult};
use crate::multipart;
use crate::request::Cx;

/// What a client's certificates are for.
const USES: [&str; 3] = ["jwt.credential", "saml.signing", "saml.encryption"];

fn attribute_prefix(cx: &Cx) -> ApiResult<&str> {
    let name = cx.param("attr");
    if USES.contains(&name) {
        Ok(name)
    } else {
        Err(ApiError::not_found(format!(
            "There are no certificates for '{name}'; one of {} was expected",
            USES.join(", ")
        )))
    }
}

fn shown(client: &ClientRepresentation, prefix: &str) -> CertificateRepresentation {
    let attribute = |end: &str| {
        let attributes = client.attributes.as_ref()?;
        attributes.get(&format!("{prefix}.{end}")).cloned()
    };
    CertificateRepresentation {
        certificate: attribute("certificate"),
        public_key: attribute("public.key"),
        kid: attribute("kid"),
        jwks: attribute("jwks.string"),
        private_key: None,
    }
}

pub async fn read(cx: Cx) -> ApiResult<Json<CertificateRepresentation>> {
    cx.require(clients::VIEW)?;
    let client = clients::here(&cx).await?;
    Ok(Json(shown(&client, attribute_prefix(&cx)?)))
}

/// Makes a key with a certificate that it signs itself; the answer is the only place of the private key.
pub async fn generate(cx: Cx) -> ApiResult<Json<CertificateRepresentation>> {
    let old = clients::here_to_manage(&cx).await?;
    let prefix = attribute_prefix(&cx)?;
    let name = old.client_id.clone().unwrap_or_default();
    let now = cx.services.clock.now();
    let keys = tokio::task::spawn_blocking(move || generate_realm_keys(&name, now))
        .await
        .map_err(ApiError::internal)??;
    let key = keys
        .into_iter()
        .find(|k| k.provider_id == "rsa-generated")
        .ok_or_else(|| ApiError::internal("no RSA key was made"))?;
    let mut entries = BTreeMap::from([("kid", key.kid.clone())]);
    if let Some(certificate) = &key.certificate {
        entries.insert("certificate", certificate.clone());
    }
    let new = store(&cx, &old, prefix, entries).await?;
    Ok(Json(CertificateRepresentation {
        private_key: Some(key.private_key.clone()),
        public_key: public_key(&key).map(|der| STANDARD.encode(der)),
        ..shown(&new, prefix)
    }))
}

/// A form with a file and its format.
pub struct Upload {
    pub format: String,
    pub file: Vec<u8>,
}

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = ApiError;

    async fn from_request(request: axum::extract::Request, state: &S) -> Result<Self, ApiError> {
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|e| ApiError::error(e.status(), e.body_text()))?;
        let parts = multipart::parts(&kind, &body)?;
        let format = parts
            .get("keystoreFormat")
            .map(|p| String::from_utf8_lossy(p.content).trim().to_owned())
            .ok_or_else(|| ApiError::bad_request("keystoreFormat cannot be null"))?;
        Ok(Self {
            format,
            file: multipart::file(&kind, &body)?.to_vec(),
        })
    }
}

pub async fn upload(cx: Cx, given: Upload) -> ApiResult<Json<CertificateRepresentation>> {
    let old = clients::here_to_manage(&cx).await?;
    let prefix = attribute_prefix(&cx)?;
    let text = std::str::from_utf8(&given.file)
        .map_err(|_| ApiError::bad_request("the file is not UTF-8 text"))?
        .trim();
    let entries = match given.format.as_str() {
        "Certificate PEM" => BTreeMap::from([("certificate", der_of(text, "CERTIFICATE")?)]),
        "Public Key PEM" => BTreeMap::from([("public.key", der_of(text, "PUBLIC KEY")?)]),
        "JSON Web Key Set" => {
            let set: Value = serde_json::from_str(text)
                .map_err(|e| ApiError::bad_request(format!("the key set is not JSON: {e}")))?;
            if !set.get("keys").is_some_and(Value::is_array) {
                return Err(ApiError::bad_request("the key set has no keys"));
            }
            BTreeMap::from([("jwks.string", text.to_owned())])
        }
        "JKS" | "PKCS12" | "BCFKS" => return Err(key_store()),
        other => {
            return Err(ApiError::bad_request(format!(
                "keystoreFormat: '{other}' is unknown"
            )));
        }
    };
    let new = store(&cx, &old, prefix, entries).await?;
    Ok(Json(shown(&new, prefix)))
}

/// Key stores with a password around them.
pub async fn download(cx: Cx) -> ApiResult<()> {
    cx.require(clients::MANAGE)?;
    clients::here(&cx).await?;
    Err(key_store())
}

fn key_store() -> ApiError {
    ApiError::not_supported("key store files; use PEM or a JSON Web Key Set")
}

/// The base64 text inside a PEM block, or of DER without one.
pub fn der_of(text: &str, label: &str) -> ApiResult<String> {
    let inside = match text.split_once(&format!("-----BEGIN {label}-----")) {
        Some((_, rest)) => rest
            .split_once(&format!("-----END {label}-----"))
            .map(|(inside, _)| inside)
            .ok_or_else(|| ApiError::bad_request("the PEM block has no end"))?,
        None => text,
    };
    let base64: String = inside.chars().filter(|c| !c.is_whitespace()).collect();
    let der = STANDARD
        .decode(&base64)
        .map_err(|_| ApiError::bad_request(format!("the file is no {label} in PEM")))?;
    // Everything that may stand here is an ASN.1 SEQUENCE.
    if der.first() != Some(&0x30) || der.len() < 16 {
        return Err(ApiError::bad_request(format!("the file is no {label}")));
    }
    Ok(base64)
}

/// Replaces what the client has for this use.
async fn store(
    cx: &Cx,
    old: &ClientRepresentation,
    prefix: &str,
    entries: BTreeMap<&str, String>,
) -> ApiResult<ClientRepresentation> {
    let mut new = old.clone();
    let attributes = new.attributes.get_or_insert_default();
    for end in [
        "certificate",
        "public.key",
        "kid",
        "jwks.string",
        "private.key",
    ] {
        attributes.remove(&format!("{prefix}.{end}"));
    }
    if prefix == "jwt.credential" {
        let by_set = entries.contains_key("jwks.string");
        attributes.insert("use.jwks.string".to_owned(), by_set.to_string());
        if let Some(set) = entries.get("jwks.string") {
            attributes.insert("jwks.string".to_owned(), set.clone());
        }
    }
    for (end, value) in entries {
        attributes.insert(format!("{prefix}.{end}"), value);
    }
    let mut batch = Batch::new();
    clients::push_update(cx, &mut batch, old, &new)?;
    cx.commit(batch).await?;
    Ok(new)
}
