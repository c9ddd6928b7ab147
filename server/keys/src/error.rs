use realmkeep_jose::{JweError, KeyError};
use realmkeep_store::StoreError;

/// Why a key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("the master key file {path} cannot be used: {reason}")]
    MasterKeyFile { path: String, reason: String },
    #[error("the master key must be 32 bytes, base64")]
    MasterKeyFormat,
    #[error("encryption failed")]
    Seal,
    #[error("realm {realm} has no active {algorithm} key; add a key provider for this algorithm")]
    NoActiveKey { realm: String, algorithm: String },
    #[error("key {kid} of realm {realm} cannot be read: {reason}")]
    Unreadable {
        realm: String,
        kid: String,
        reason: String,
    },
    #[error("a key could not be generated: {0}")]
    Generate(#[from] KeyError),
    #[error("a key could not be made: {0}")]
    Encryption(#[from] JweError),
    #[error("a key for an algorithm that is asked for could not be made: {0}")]
    Fallback(String),
    #[error("a certificate could not be made: {0}")]
    Certificate(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}
