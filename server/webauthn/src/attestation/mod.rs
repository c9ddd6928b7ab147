//! Attestation statements (section 8): who vouches for an authenticator, a file for each format.

mod android_key;
mod apple;
mod certificate;
mod chain;
mod fido_u2f;
mod none;
mod packed;
mod tpm;

use crate::cbor::Map;
use crate::{Aaguid, PublicKey};

pub(crate) use chain::Usage;
pub use chain::{TrustAnchors, Truststore};

/// Why a statement is not accepted. The text is for logs and events.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttestationError {
    #[error("its format is not supported")]
    Format,
    #[error("it cannot be read")]
    Malformed,
    #[error("its signature is wrong")]
    Signature,
    #[error("its certificate does not meet the format's requirements: {0}")]
    Certificate(&'static str),
    #[error("it is of another key, or of other data")]
    Mismatch,
    #[error("its certificates lead to none that the truststore has, or are not valid now")]
    Untrusted,
    #[error("a certificate of the truststore cannot be read, or it has none")]
    Anchor,
}

/// What a statement proves.
#[derive(Debug)]
pub(crate) enum Evidence {
    None,
    /// That the credential's key made it, whatever holds the key.
    SelfSigned,
    /// That the holder of the first certificate made it; DER, as it was sent.
    Chain {
        certificates: Vec<Vec<u8>>,
        usage: Usage,
    },
}

/// A statement, and what it is about.
pub(crate) struct Statement<'a> {
    pub(crate) map: &'a Map,
    pub(crate) authenticator_data: &'a [u8],
    pub(crate) client_data_hash: &'a [u8; 32],
    pub(crate) relying_party_hash: &'a [u8; 32],
    pub(crate) credential_id: &'a [u8],
    pub(crate) aaguid: Aaguid,
    pub(crate) key: &'a PublicKey,
}

impl Statement<'_> {
    /// What most formats sign.
    pub(crate) fn signed(&self) -> Vec<u8> {
        [self.authenticator_data, self.client_data_hash].concat()
    }

    /// `x5c`, if it is there.
    pub(crate) fn certificates(&self) -> Result<Option<Vec<Vec<u8>>>, AttestationError> {
        let Some(list) = self.map.value("x5c") else {
            return Ok(None);
        };
        let list = list.as_array().ok_or(AttestationError::Malformed)?;
        let certificates: Option<Vec<Vec<u8>>> =
            list.iter().map(|one| one.as_bytes().cloned()).collect();
        certificates
            .filter(|all| (1..=chain::MAX_CERTIFICATES).contains(&all.len()))
            .map(Some)
            .ok_or(AttestationError::Malformed)
    }

    pub(crate) fn bytes(&self, key: &str) -> Result<&[u8], AttestationError> {
        self.map.bytes(key).ok_or(AttestationError::Malformed)
    }
}

/// One format of statements.
pub(crate) trait Format: Sync {
    /// As registered with IANA.
    fn id(&self) -> &'static str;

    fn verify(&self, statement: &Statement<'_>) -> Result<Evidence, AttestationError>;
}

const FORMATS: &[&dyn Format] = &[
    &none::None,
    &packed::Packed,
    &fido_u2f::FidoU2f,
    &tpm::Tpm,
    &apple::Apple,
    &android_key::AndroidKey,
];

/// Verifies the statement by its format; whether whoever made it is trusted, is another question.
pub(crate) fn verify(id: &str, statement: &Statement<'_>) -> Result<Evidence, AttestationError> {
    let format = FORMATS.iter().find(|format| format.id() == id);
    format.ok_or(AttestationError::Format)?.verify(statement)
}
