//! Trust bundles: the keys that check the SVIDs of a trust domain (SPIFFE Trust Domain and Bundle
//! section 4).

use std::time::Duration;

use realmkeep_jose::{Jwk, JwkSet};
use serde::Deserialize;

/// A bundle, as far as it is understood. Entries of unknown types and uses are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    /// Keys of JWT-SVIDs, as signature keys.
    pub jwt_keys: JwkSet,
    /// Authorities of X.509-SVIDs: base64 DER.
    pub x509_authorities: Vec<String>,
    /// Grows with every change.
    pub sequence: Option<u64>,
    pub refresh_hint: Option<Duration>,
}

/// Why a document is no bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no SPIFFE bundle: {0}")]
pub struct BundleError(String);

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
    #[serde(default)]
    spiffe_sequence: Option<u64>,
    #[serde(default)]
    spiffe_refresh_hint: Option<u64>,
}

impl Bundle {
    /// Reads the JSON of a bundle endpoint. No keys are a bundle as well: nothing of the trust domain
    /// is believed then.
    pub fn from_json(json: &[u8]) -> Result<Self, BundleError> {
        let document: Document = serde_json::from_slice(json)
            .map_err(|error| BundleError(format!("{:?} error", error.classify())))?;
        Ok(Self::from_document(document))
    }

    fn from_document(document: Document) -> Self {
        let mut bundle = Self {
            sequence: document.spiffe_sequence,
            refresh_hint: document.spiffe_refresh_hint.map(Duration::from_secs),
            ..Self::default()
        };
        let keys = document
            .keys
            .into_iter()
            .filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        for mut key in keys {
            match key.use_.as_deref() {
                // Section 4.2.2: `kid` is required. `sig` is not a use of this format: a key set of
                // some other kind must not become a bundle.
                Some("jwt-svid") if key.kid.is_some() => {
                    key.use_ = Some("sig".to_owned());
                    bundle.jwt_keys.keys.push(key);
                }
                Some("x509-svid") => {
                    // The first value only.
                    let first = key.x5c.and_then(|chain| chain.into_iter().next());
                    bundle.x509_authorities.extend(first);
                }
                _ => {}
            }
        }
        bundle
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn uses_are_kept_apart() {
        let bundle = Bundle::from_json(
            json!({
                "spiffe_sequence": 7, "spiffe_refresh_hint": 300,
                "keys": [
                    {"kty": "EC", "use": "jwt-svid", "kid": "a", "crv": "P-256", "x": "x", "y": "y"},
                    {"kty": "EC", "use": "jwt-svid", "crv": "P-256", "x": "x", "y": "y"},
                    {"kty": "EC", "use": "sig", "kid": "b", "crv": "P-256", "x": "x", "y": "y"},
                    {"kty": "EC", "kid": "c", "crv": "P-256", "x": "x", "y": "y"},
                    {"kty": "RSA", "use": "x509-svid", "x5c": ["one", "two"], "n": "n", "e": "AQAB"},
                    {"kty": "RSA", "use": "wit-svid", "kid": "d", "n": "n", "e": "AQAB"},
                    "nonsense",
                ],
            })
            .to_string()
            .as_bytes(),
        )
        .unwrap();
        let kids: Vec<_> = bundle
            .jwt_keys
            .keys
            .iter()
            .map(|key| key.kid.as_deref())
            .collect();
        assert_eq!(kids, [Some("a")]);
        assert_eq!(bundle.jwt_keys.keys[0].use_.as_deref(), Some("sig"));
        assert_eq!(bundle.x509_authorities, ["one"]);
        assert_eq!(bundle.sequence, Some(7));
        assert_eq!(bundle.refresh_hint, Some(Duration::from_secs(300)));
        assert!(
            Bundle::from_json(b"{\"keys\": []}")
                .unwrap()
                .jwt_keys
                .keys
                .is_empty()
        );
        assert!(Bundle::from_json(b"{}").is_err());
    }
}
