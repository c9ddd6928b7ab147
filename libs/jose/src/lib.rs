//! JSON Web Signatures, encryption, keys and tokens (RFC 7515, 7516, 7517, 7518, 7519, 7638, 8037, 8725), as the
//! server, the sidecar and the operator use them.
//!
//! The cryptography is aws-lc-rs and the wire types are those of `jsonwebtoken`; what stands here
//! is the order in which they may be used:
//!
//! 1. [`UnverifiedJwt::parse`] bounds and parses a token. Everything it offers is named
//!    `unverified_…` and only good for choosing whose keys to ask.
//! 2. [`KeySet::find`] chooses the key. The key decides the algorithm, never the token.
//! 3. [`verify`] turns the token into [`Verified`], the only type a decision should take.
//! 4. [`Checks`] judges issuer, audience and time of what was verified.
//!
//! Keys are parsed once and shared; a signature costs what aws-lc-rs asks for it and no more.

mod algorithm;
mod checks;
mod encoding;
mod error;
mod jwe;
mod jwk;
mod key_set;
mod signing;
mod strict_json;
mod token;

pub use algorithm::{Algorithm, KeyType};
pub use checks::{Audience, Checks, ClaimError};
pub use encoding::{base64url, from_base64url, sha256};
pub use error::{JoseError, KeyError};
pub use jwe::{
    ContentEncryption, DecryptionKey, EncryptedJwt, EncryptionKey, JweError, KeyManagement,
    MAX_ENCRYPTED_BYTES,
};
pub use jwk::{Jwk, JwkSet};
pub use key_set::{KeySet, VerifyingKey};
pub use signing::SigningKey;
pub use token::{MAX_TOKEN_BYTES, UnverifiedJwt, Verified, verify};

/// The checks on what a verified token says; see [`Checks`].
pub mod validate {
    pub use crate::checks::{Audience, Checks, ClaimError};
}
