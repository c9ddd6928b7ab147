//! Public keys, parsed once, and the choice among them.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};

use crate::algorithm::{Algorithm, KeyType};
use crate::encoding::from_base64url;
use crate::error::KeyError;
use crate::jwk::{Jwk, JwkSet};
use crate::signing::{SigningKey, hmac_key};

/// A key that verifies, with the algorithms it may be used for. Cloning shares the key.
#[derive(Clone)]
pub struct VerifyingKey {
    kid: Option<Arc<str>>,
    /// One entry per algorithm: an RSA key without `alg` has six.
    parsed: Arc<[(Algorithm, Parsed)]>,
}

enum Parsed {
    Public(ParsedPublicKey),
    Secret(Box<hmac::Key>),
}

impl VerifyingKey {
    /// Parses a public key. Its `alg`, or else its type and curve, fix the algorithms.
    ///
    /// Refused: keys for encryption, shared secrets, RSA keys below 2048 bits, points that are not
    /// on their curve.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        if jwk.use_.as_deref().is_some_and(|use_| use_ != "sig")
            || jwk
                .key_ops
                .as_ref()
                .is_some_and(|ops| !ops.iter().any(|op| op == "verify"))
        {
            return Err(KeyError::Malformed);
        }
        Self::from_key_material(jwk)
    }

    /// As [`VerifyingKey::from_jwk`], whatever `use` and `key_ops` say. For key sets with their own
    /// values of `use`, as in SPIFFE bundles; the caller has to look at it.
    pub fn from_key_material(jwk: &Jwk) -> Result<Self, KeyError> {
        let key_type = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => KeyType::Rsa,
            ("EC", Some("P-256")) => KeyType::P256,
            ("EC", Some("P-384")) => KeyType::P384,
            ("EC", Some("P-521")) => KeyType::P521,
            ("OKP", Some("Ed25519")) => KeyType::Ed25519,
            _ => return Err(KeyError::Malformed),
        };
        let named = jwk.alg.as_deref().map(str::parse::<Algorithm>);
        let algorithms: Vec<Algorithm> = match named {
            Some(Ok(algorithm)) if algorithm.key_type() == key_type => vec![algorithm],
            Some(Ok(algorithm)) => return Err(KeyError::WrongType(algorithm)),
            Some(Err(_)) => return Err(KeyError::Malformed),
            None => Algorithm::ASYMMETRIC
                .into_iter()
                .filter(|a| a.key_type() == key_type)
                .collect(),
        };
        let parsed = algorithms
            .into_iter()
            .map(|algorithm| Ok((algorithm, Parsed::Public(parse_public(jwk, algorithm)?))))
            .collect::<Result<_, KeyError>>()?;
        Ok(Self {
            kid: jwk.kid.as_deref().map(Arc::from),
            parsed,
        })
    }

    /// A shared secret as a verification key, for tokens that are ours or a client's own.
    pub fn from_secret(algorithm: Algorithm, kid: &str, secret: &[u8]) -> Result<Self, KeyError> {
        Ok(Self::hmac(algorithm, kid, hmac_key(algorithm, secret)?))
    }

    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether the key may verify tokens of this algorithm.
    pub fn allows(&self, algorithm: Algorithm) -> bool {
        self.parsed.iter().any(|(allowed, _)| *allowed == algorithm)
    }

    pub(crate) fn hmac(algorithm: Algorithm, kid: &str, key: hmac::Key) -> Self {
        Self {
            kid: Some(Arc::from(kid)),
            parsed: Arc::new([(algorithm, Parsed::Secret(Box::new(key)))]),
        }
    }

    /// Whether `signature` over `message` is good. `Err` when the key is not for this algorithm.
    pub fn verify_signature(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, KeyError> {
        let (_, key) = self
            .parsed
            .iter()
            .find(|(allowed, _)| *allowed == algorithm)
            .ok_or(KeyError::AlgorithmNotAllowed(algorithm))?;
        Ok(match key {
            Parsed::Public(key) => key.verify_sig(message, signature).is_ok(),
            Parsed::Secret(key) => hmac::verify(key, message, signature).is_ok(),
        })
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms: Vec<&str> = self.parsed.iter().map(|(a, _)| a.as_str()).collect();
        f.debug_struct("VerifyingKey")
            .field("kid", &self.kid)
            .field("algorithms", &algorithms)
            .finish_non_exhaustive()
    }
}

/// Verification keys of one issuer.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<VerifyingKey>,
}

impl KeySet {
    /// Keys beyond this number in one set are ignored.
    pub const MAX_KEYS: usize = 100;

    /// Parses what can be used and leaves out the rest: unknown types, other uses, weak keys,
    /// shared secrets. A set may come out empty.
    pub fn from_jwks(jwks: &JwkSet) -> Self {
        let keys = jwks
            .keys
            .iter()
            .filter_map(|jwk| VerifyingKey::from_jwk(jwk).ok())
            .take(Self::MAX_KEYS)
            .collect();
        Self { keys }
    }

    /// The keys that verify what `keys` sign, shared secrets included.
    pub fn from_signing_keys<'a>(
        keys: impl IntoIterator<Item = &'a SigningKey>,
    ) -> Result<Self, KeyError> {
        let keys = keys
            .into_iter()
            .map(SigningKey::verifying_key)
            .collect::<Result<_, _>>()?;
        Ok(Self { keys })
    }

    /// A set of keys parsed elsewhere.
    pub fn from_keys(keys: Vec<VerifyingKey>) -> Self {
        Self { keys }
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether some key has this `kid`.
    pub fn contains(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid() == Some(kid))
    }

    /// The key for a token's header. Without a `kid` there must be exactly one key that fits.
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&VerifyingKey, KeyError> {
        let mut fitting = self.keys.iter().filter(|key| key.allows(algorithm));
        match kid {
            Some(kid) => match fitting.find(|key| key.kid() == Some(kid)) {
                Some(key) => Ok(key),
                None if self.contains(kid) => Err(KeyError::AlgorithmNotAllowed(algorithm)),
                None => Err(KeyError::UnknownKid),
            },
            None => match (fitting.next(), fitting.next()) {
                (Some(key), None) => Ok(key),
                (Some(_), Some(_)) => Err(KeyError::Ambiguous(algorithm)),
                (None, _) => Err(KeyError::NoKeyFor(algorithm)),
            },
        }
    }
}

fn parse_public(jwk: &Jwk, algorithm: Algorithm) -> Result<ParsedPublicKey, KeyError> {
    match algorithm.key_type() {
        KeyType::Rsa => {
            let n = bytes(jwk.n.as_deref())?;
            let e = bytes(jwk.e.as_deref())?;
            // Leading zeros are not RFC 7518's form, but seen in the wild.
            let n = without_leading_zeros(&n);
            let e = without_leading_zeros(&e);
            let bits = n.len() * 8 - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
            if !(2048..=8192).contains(&bits) {
                return Err(KeyError::Size);
            }
            // An exponent of 1 would make every padded message its own signature; even ones are no keys.
            if e.len() > 8 || matches!(e, [] | [1]) || e.last().is_some_and(|byte| byte % 2 == 0) {
                return Err(KeyError::Malformed);
            }
            RsaPublicKeyComponents { n, e }
                .to_parsed_public_key(rsa_parameters(algorithm)?)
                .map_err(|_| KeyError::Malformed)
        }
        KeyType::P256 => ec(jwk, &ECDSA_P256_SHA256_FIXED, 32),
        KeyType::P384 => ec(jwk, &ECDSA_P384_SHA384_FIXED, 48),
        KeyType::P521 => ec(jwk, &ECDSA_P521_SHA512_FIXED, 66),
        KeyType::Ed25519 => {
            let x = bytes(jwk.x.as_deref())?;
            if x.len() != 32 {
                return Err(KeyError::Malformed);
            }
            ParsedPublicKey::new(&ED25519, &x).map_err(|_| KeyError::Malformed)
        }
        KeyType::Oct => Err(KeyError::WrongType(algorithm)),
    }
}

fn ec(
    jwk: &Jwk,
    verification: &'static dyn VerificationAlgorithm,
    length: usize,
) -> Result<ParsedPublicKey, KeyError> {
    let (x, y) = (bytes(jwk.x.as_deref())?, bytes(jwk.y.as_deref())?);
    if x.len() != length || y.len() != length {
        return Err(KeyError::Malformed);
    }
    let point = [&[4_u8][..], &x, &y].concat();
    ParsedPublicKey::new(verification, &point).map_err(|_| KeyError::Malformed)
}

fn bytes(member: Option<&str>) -> Result<Vec<u8>, KeyError> {
    member.and_then(from_base64url).ok_or(KeyError::Malformed)
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

fn rsa_parameters(algorithm: Algorithm) -> Result<&'static RsaParameters, KeyError> {
    match algorithm {
        Algorithm::Rs256 => Ok(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Ok(&RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Ok(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => Ok(&RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Ok(&RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => Ok(&RSA_PSS_2048_8192_SHA512),
        _ => Err(KeyError::WrongType(algorithm)),
    }
}
