//! Proofs that a request's sender holds a key (RFC 9449 section 4.2).

use realmkeep_jose::{JoseError, SigningKey, base64url, sha256};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

/// A proof by `key` for one request (section 4.2). `token` is the access token it goes with, if any.
pub fn proof(key: &SigningKey, request: &ProofRequest<'_>) -> Result<String, JoseError> {
    let mut jwk = key.public_jwk().ok_or(JoseError::Serialization)?.clone();
    // Section 4.2 asks for the key alone.
    jwk.kid = None;
    jwk.use_ = None;
    jwk.alg = None;
    let header = json!({"typ": "dpop+jwt", "alg": key.algorithm().as_str(), "jwk": jwk});
    let mut claims = json!({
        "jti": Uuid::new_v4().to_string(),
        "htm": request.method,
        "htu": without_query(request.url).unwrap_or_default(),
        "iat": request.now,
    });
    if let Value::Object(claims) = &mut claims {
        if let Some(token) = request.token {
            let hash = base64url(sha256(token.as_bytes()));
            claims.insert("ath".to_owned(), hash.into());
        }
        if let Some(nonce) = request.nonce {
            claims.insert("nonce".to_owned(), nonce.into());
        }
    }
    let input = format!(
        "{}.{}",
        base64url(header.to_string()),
        base64url(claims.to_string())
    );
    let signature = key.signature(input.as_bytes())?;
    Ok(format!("{input}.{}", base64url(signature)))
}

/// What a new proof is about.
#[derive(Clone, Copy, Debug)]
pub struct ProofRequest<'a> {
    pub method: &'a str,
    pub url: &'a str,
    pub token: Option<&'a str>,
    /// What the server asked to be in it (section 8).
    pub nonce: Option<&'a str>,
    /// Seconds since the epoch.
    pub now: i64,
}

fn without_query(url: &str) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    Some(url.into())
}
