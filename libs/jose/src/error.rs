//! What can be wrong with a key or a token. No message holds a key, a signature or a claim's value.

use crate::algorithm::Algorithm;

/// A token that cannot be accepted, or a key that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoseError {
    #[error("the token is {length} bytes long; at most {limit} are accepted")]
    TooLong { length: usize, limit: usize },
    #[error("the token is not a signed JWT: {0}")]
    Malformed(&'static str),
    #[error("the token is encrypted (JWE); a signed one (JWS) is expected")]
    Encrypted,
    #[error("the token's {part} is not a JSON object without repeated names")]
    InvalidJson { part: &'static str },
    #[error("the token's header parameter `{0}` is not supported")]
    UnsupportedHeader(&'static str),
    #[error("the token's header parameter `{0}` is missing")]
    MissingHeader(&'static str),
    #[error("the token's header parameter `{0}` has the wrong type")]
    HeaderType(&'static str),
    /// The name, escaped and cut short, as the token gave it.
    #[error("the signature algorithm {0} is not supported")]
    UnsupportedAlgorithm(String),
    #[error("the claim `{0}` has the wrong type")]
    ClaimType(&'static str),
    #[error("the token's signature does not match")]
    InvalidSignature,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("the claims cannot be written as a JSON object")]
    Serialization,
}

impl JoseError {
    /// For a name that comes from outside: escaped and cut short.
    pub(crate) fn unsupported_algorithm(name: &str) -> Self {
        let short: String = name.chars().take(32).collect();
        Self::UnsupportedAlgorithm(format!("{short:?}"))
    }
}

/// Why there is no key for a token, or why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("no key has the token's `kid`")]
    UnknownKid,
    #[error("no key can verify {0}")]
    NoKeyFor(Algorithm),
    #[error("the token names no `kid`, and more than one key can verify {0}")]
    Ambiguous(Algorithm),
    #[error("the key named by the token's `kid` may not verify {0}")]
    AlgorithmNotAllowed(Algorithm),
    #[error("the key does not fit the algorithm {0}")]
    WrongType(Algorithm),
    #[error("the key is malformed")]
    Malformed,
    #[error("the RSA key has fewer than 2048 or more than 8192 bits")]
    Size,
    #[error("the secret is shorter than the {0} bytes its algorithm needs")]
    SecretTooShort(usize),
    #[error("the cryptographic library refused the operation")]
    Crypto,
}
