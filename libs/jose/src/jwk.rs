//! JSON Web Keys, public part only (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).

use serde::{Deserialize, Serialize};

use crate::encoding::{base64url, sha256};
use crate::error::KeyError;

/// A public key as it stands in a JWK set. What is not understood is not kept, private parts least of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// `RSA`, `EC`, `OKP`; anything else is carried along and never used.
    pub kty: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// `sig` or `enc`; SPIFFE bundles have `jwt-svid`.
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    pub use_: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_ops: Option<Vec<String>>,
    /// RSA modulus, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    /// RSA exponent, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
    /// Curve of an EC or OKP key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// Certificate chain, base64 DER, leaf first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x5c: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x5t: Option<String>,
    #[serde(rename = "x5t#S256", default, skip_serializing_if = "Option::is_none")]
    pub x5t_s256: Option<String>,
}

/// A set of public keys (RFC 7517 section 5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwkSet {
    #[serde(deserialize_with = "understood_keys")]
    pub keys: Vec<Jwk>,
}

impl Jwk {
    /// The RFC 7638 thumbprint (SHA-256), base64url.
    pub fn thumbprint(&self) -> Result<String, KeyError> {
        let member = |value: &Option<String>| value.clone().ok_or(KeyError::Malformed);
        // The required members in lexicographic order, section 3.2 (OKP: RFC 8037 appendix A.3).
        let required: Vec<(&str, String)> = match self.kty.as_str() {
            "RSA" => vec![
                ("e", member(&self.e)?),
                ("kty", self.kty.clone()),
                ("n", member(&self.n)?),
            ],
            "EC" => vec![
                ("crv", member(&self.crv)?),
                ("kty", self.kty.clone()),
                ("x", member(&self.x)?),
                ("y", member(&self.y)?),
            ],
            "OKP" => {
                vec![
                    ("crv", member(&self.crv)?),
                    ("kty", self.kty.clone()),
                    ("x", member(&self.x)?),
                ]
            }
            _ => return Err(KeyError::Malformed),
        };
        let members = required
            .iter()
            .map(|(name, value)| format!("\"{name}\":{}", serde_json::Value::from(value.as_str())))
            .collect::<Vec<_>>()
            .join(",");
        Ok(base64url(sha256(format!("{{{members}}}").as_bytes())))
    }
}

/// Entries that are not even a JWK are left out, as RFC 7517 section 5 asks, instead of failing the set.
fn understood_keys<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Jwk>, D::Error> {
    let entries = Vec::<serde_json::Value>::deserialize(deserializer)?;
    Ok(entries
        .into_iter()
        .filter_map(|entry| serde_json::from_value(entry).ok())
        .collect())
}
