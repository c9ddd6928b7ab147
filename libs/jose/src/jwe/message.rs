//! The compact form (RFC 7516 section 7.1).

use std::fmt;

use serde_json::{Map, Value};

use super::content::Sealed;
use super::key_agreement::Parties;
use super::{ContentEncryption, JweError, KeyManagement};
use crate::encoding::from_base64url;
use crate::jwk::Jwk;
use crate::strict_json;

/// Longer messages are refused unread.
pub const MAX_ENCRYPTED_BYTES: usize = 64 * 1024;

/// An encrypted message that is well-formed, and nothing more.
pub struct EncryptedJwt {
    pub(super) header: Map<String, Value>,
    /// The header as it stands in the message: it is authenticated.
    pub(super) aad: String,
    pub(super) encrypted_key: Vec<u8>,
    iv: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
    alg: KeyManagement,
    enc: ContentEncryption,
}

impl EncryptedJwt {
    /// # Errors
    /// When it is something else, or asks for what is not supported.
    pub fn parse(message: &str) -> Result<Self, JweError> {
        if message.len() > MAX_ENCRYPTED_BYTES {
            return Err(JweError::TooLong);
        }
        let segments: Vec<&str> = message.splitn(6, '.').collect();
        let [header, key, iv, ciphertext, tag] = segments.as_slice() else {
            return Err(JweError::Malformed);
        };
        let bytes = |segment: &str| from_base64url(segment).ok_or(JweError::Malformed);
        let parsed = strict_json::object(&bytes(header)?).ok_or(JweError::Malformed)?;
        for unsupported in ["crit", "zip"] {
            if parsed.contains_key(unsupported) {
                return Err(JweError::Header(unsupported));
            }
        }
        let text = |name: &'static str| match parsed.get(name) {
            Some(Value::String(text)) => Ok(text.as_str()),
            _ => Err(JweError::Header(name)),
        };
        if parsed.get("kid").is_some_and(|kid| !kid.is_string()) {
            return Err(JweError::Header("kid"));
        }
        Ok(Self {
            alg: text("alg")?.parse()?,
            enc: text("enc")?.parse()?,
            aad: (*header).to_owned(),
            encrypted_key: bytes(key)?,
            iv: bytes(iv)?,
            ciphertext: bytes(ciphertext)?,
            tag: bytes(tag)?,
            header: parsed,
        })
    }

    pub fn algorithm(&self) -> KeyManagement {
        self.alg
    }

    pub fn encryption(&self) -> ContentEncryption {
        self.enc
    }

    pub fn kid(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    /// What the content is; `JWT` for a signed token inside (RFC 7519 section 5.2).
    pub fn content_type(&self) -> Option<&str> {
        self.header.get("cty").and_then(Value::as_str)
    }

    /// The sender's key for this message.
    pub(super) fn ephemeral_key(&self) -> Result<Jwk, JweError> {
        let epk = self.header.get("epk").ok_or(JweError::Header("epk"))?;
        serde_json::from_value(epk.clone()).map_err(|_| JweError::Header("epk"))
    }

    pub(super) fn parties(&self) -> Result<Parties, JweError> {
        let bytes = |name: &'static str| match self.header.get(name) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => from_base64url(text).ok_or(JweError::Header(name)),
            Some(_) => Err(JweError::Header(name)),
        };
        Ok(Parties {
            apu: bytes("apu")?,
            apv: bytes("apv")?,
        })
    }

    pub(super) fn sealed(&self) -> Sealed {
        Sealed {
            iv: self.iv.clone(),
            ciphertext: self.ciphertext.clone(),
            tag: self.tag.clone(),
        }
    }
}

impl fmt::Debug for EncryptedJwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptedJwt")
            .field("alg", &self.alg)
            .field("enc", &self.enc)
            .finish_non_exhaustive()
    }
}
