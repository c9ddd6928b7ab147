//! `CollectedClientData` (section 5.8.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use subtle::ConstantTimeEq;

use crate::{RelyingParty, WebauthnError};

/// Longest JSON, in bytes.
const MAX: usize = 8 * 1024;

#[derive(Deserialize)]
struct ClientData {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: Option<bool>,
    #[serde(default, rename = "topOrigin")]
    top_origin: Option<String>,
}

/// Checks that the data are of the ceremony `kind`, for this challenge, from one of our pages; their
/// hash, which is signed.
pub(crate) fn check(
    json: &[u8],
    kind: &str,
    challenge: &[u8],
    relying_party: &RelyingParty,
) -> Result<[u8; 32], WebauthnError> {
    if json.len() > MAX {
        return Err(WebauthnError::ClientData);
    }
    let data: ClientData = serde_json::from_slice(json).map_err(|_| WebauthnError::ClientData)?;
    if data.r#type != kind {
        return Err(WebauthnError::Ceremony);
    }
    let given = URL_SAFE_NO_PAD.decode(data.challenge).unwrap_or_default();
    if challenge.is_empty() || !bool::from(given.ct_eq(challenge)) {
        return Err(WebauthnError::Challenge);
    }
    if !relying_party.origins.contains(&data.origin) {
        return Err(WebauthnError::Origin);
    }
    // Our pages are in nobody's frame.
    if data.cross_origin == Some(true) || data.top_origin.is_some() {
        return Err(WebauthnError::CrossOrigin);
    }
    Ok(crate::relying_party::sha256(json))
}
