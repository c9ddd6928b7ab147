//! JSON Web Encryption in the compact form (RFC 7516), with the algorithms that aws-lc-rs has
//! (RFC 7518 sections 4 and 5).
//!
//! As with signatures, the key decides the algorithm: a [`DecryptionKey`] opens only what was made for
//! its own. Why a message does not open is never told: an answer that differs would be an oracle.

mod algorithm;
mod content;
mod key;
mod key_agreement;
mod message;

pub use algorithm::{ContentEncryption, KeyManagement};
pub use key::{DecryptionKey, EncryptionKey};
pub use message::{EncryptedJwt, MAX_ENCRYPTED_BYTES};

/// What can be wrong with an encrypted message, or with a key for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    #[error("the message is not an encrypted JWT in compact form")]
    Malformed,
    #[error("the message is longer than {MAX_ENCRYPTED_BYTES} bytes")]
    TooLong,
    #[error("the message's header parameter `{0}` is missing, malformed or not supported")]
    Header(&'static str),
    #[error("no key has the message's `kid` and algorithm")]
    NoKey,
    #[error("the message cannot be decrypted")]
    Decryption,
    #[error("the key is not one for this algorithm")]
    WrongKey,
    #[error("the cryptographic library refused the operation")]
    Crypto,
}
