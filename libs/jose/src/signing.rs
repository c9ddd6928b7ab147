//! Private keys, parsed once.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::algorithm::{Algorithm, KeyType};
use crate::encoding::base64url;
use crate::error::{JoseError, KeyError};
use crate::jwk::Jwk;
use crate::key_set::VerifyingKey;

/// A key that signs with exactly one algorithm. Cloning shares the key.
#[derive(Clone)]
pub struct SigningKey(Arc<Inner>);

struct Inner {
    algorithm: Algorithm,
    kid: String,
    /// Absent for shared secrets.
    public: Option<Jwk>,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Hmac(Box<hmac::Key>),
}

/// The header of what we sign.
#[derive(Serialize)]
struct Header<'a> {
    typ: &'a str,
    alg: Algorithm,
    kid: &'a str,
}

impl SigningKey {
    /// A fresh key (RSA with 2048 bits) whose `kid` is its RFC 7638 thumbprint.
    ///
    /// Symmetric algorithms are refused: see [`SigningKey::hmac`].
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        Self::generate_sized(algorithm, 2048)
    }

    /// As [`SigningKey::generate`], with the size of an RSA key in bits: 2048, 3072, 4096 or 8192.
    /// Other kinds of keys have one size and ignore it.
    pub fn generate_sized(algorithm: Algorithm, rsa_bits: u32) -> Result<Self, KeyError> {
        let pair = match algorithm.key_type() {
            KeyType::Rsa => {
                let size = match rsa_bits {
                    2048 => KeySize::Rsa2048,
                    3072 => KeySize::Rsa3072,
                    4096 => KeySize::Rsa4096,
                    8192 => KeySize::Rsa8192,
                    _ => return Err(KeyError::Size),
                };
                RsaKeyPair::generate(size).map(Pair::Rsa)
            }
            KeyType::P256 | KeyType::P384 | KeyType::P521 => {
                EcdsaKeyPair::generate(ec_signing(algorithm)?).map(Pair::Ec)
            }
            KeyType::Ed25519 => Ed25519KeyPair::generate().map(Pair::Ed),
            KeyType::Oct => return Err(KeyError::WrongType(algorithm)),
        };
        Self::asymmetric(algorithm, "", pair.map_err(|_| KeyError::Crypto)?)
    }

    /// Reads a PKCS#8 key (RFC 5208, 5958). An empty `kid` stands for the RFC 7638 thumbprint.
    pub fn from_pkcs8(algorithm: Algorithm, kid: &str, der: &[u8]) -> Result<Self, KeyError> {
        let pair = match algorithm.key_type() {
            KeyType::Rsa => RsaKeyPair::from_pkcs8(der).map(Pair::Rsa),
            KeyType::P256 | KeyType::P384 | KeyType::P521 => {
                EcdsaKeyPair::from_pkcs8(ec_signing(algorithm)?, der).map(Pair::Ec)
            }
            KeyType::Ed25519 => Ed25519KeyPair::from_pkcs8(der).map(Pair::Ed),
            KeyType::Oct => return Err(KeyError::WrongType(algorithm)),
        };
        Self::asymmetric(algorithm, kid, pair.map_err(|_| KeyError::Malformed)?)
    }

    /// Reads an RSA key in the older `RSAPrivateKey` form (RFC 8017 appendix A.1.2).
    /// An empty `kid` stands for the thumbprint.
    pub fn from_pkcs1(algorithm: Algorithm, kid: &str, der: &[u8]) -> Result<Self, KeyError> {
        if algorithm.key_type() != KeyType::Rsa {
            return Err(KeyError::WrongType(algorithm));
        }
        let pair = RsaKeyPair::from_der(der).map_err(|_| KeyError::Malformed)?;
        Self::asymmetric(algorithm, kid, Pair::Rsa(pair))
    }

    /// A shared secret, at least as long as the hash's output (RFC 7518 section 3.2).
    pub fn hmac(algorithm: Algorithm, kid: &str, secret: &[u8]) -> Result<Self, KeyError> {
        let pair = Pair::Hmac(Box::new(hmac_key(algorithm, secret)?));
        Ok(Self(Arc::new(Inner {
            algorithm,
            kid: kid.to_owned(),
            public: None,
            pair,
        })))
    }

    /// The private key as PKCS#8, to be sealed and stored. Shared secrets have no such form.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        match &self.0.pair {
            Pair::Rsa(pair) => {
                let der: aws_lc_rs::encoding::Pkcs8V1Der<'static> =
                    pair.as_der().map_err(|_| KeyError::Crypto)?;
                Ok(Zeroizing::new(der.as_ref().to_vec()))
            }
            Pair::Ec(pair) => {
                let document = pair.to_pkcs8v1().map_err(|_| KeyError::Crypto)?;
                Ok(Zeroizing::new(document.as_ref().to_vec()))
            }
            Pair::Ed(pair) => {
                let document = pair.to_pkcs8v1().map_err(|_| KeyError::Crypto)?;
                Ok(Zeroizing::new(document.as_ref().to_vec()))
            }
            Pair::Hmac(_) => Err(KeyError::WrongType(self.algorithm())),
        }
    }

    pub fn kid(&self) -> &str {
        &self.0.kid
    }

    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// The public key with `use: sig`, `alg` and `kid`. Shared secrets have none.
    pub fn public_jwk(&self) -> Option<Jwk> {
        self.0.public.clone()
    }

    /// The public key as X.509 SubjectPublicKeyInfo, DER (RFC 5280 section 4.1). Shared secrets have
    /// none.
    pub fn public_key_der(&self) -> Option<Vec<u8>> {
        let der: Result<PublicKeyX509Der<'static>, _> = match &self.0.pair {
            Pair::Rsa(pair) => pair.public_key().as_der(),
            Pair::Ec(pair) => pair.public_key().as_der(),
            Pair::Ed(pair) => pair.public_key().as_der(),
            Pair::Hmac(_) => return None,
        };
        der.ok().map(|der| der.as_ref().to_vec())
    }

    /// The key that verifies what this one signs, under the same `kid` and for its algorithm only.
    pub fn verifying_key(&self) -> Result<VerifyingKey, KeyError> {
        match (&self.0.pair, &self.0.public) {
            (Pair::Hmac(key), _) => Ok(VerifyingKey::hmac(
                self.algorithm(),
                self.kid(),
                hmac::Key::clone(key),
            )),
            (_, Some(jwk)) => VerifyingKey::from_jwk(jwk),
            (_, None) => Err(KeyError::Malformed),
        }
    }

    /// Signs `claims` as a compact JWS with the header `{typ, alg, kid}` (RFC 7515 section 3.1).
    pub fn sign<T: Serialize>(&self, typ: &str, claims: &T) -> Result<String, JoseError> {
        self.sign_as(&self.0.kid, typ, claims)
    }

    /// As [`SigningKey::sign`], under another `kid`: for receivers that know the key by that.
    pub fn sign_as<T: Serialize>(
        &self,
        kid: &str,
        typ: &str,
        claims: &T,
    ) -> Result<String, JoseError> {
        let header = Header {
            typ,
            alg: self.algorithm(),
            kid,
        };
        let header = serde_json::to_vec(&header).map_err(|_| JoseError::Serialization)?;
        let claims = serde_json::to_vec(claims).map_err(|_| JoseError::Serialization)?;
        if claims.first() != Some(&b'{') {
            return Err(JoseError::Serialization);
        }

        // Signing input and signature in one allocation; RSA 4096 gives 683 characters.
        let mut token = String::with_capacity((header.len() + claims.len()) * 4 / 3 + 700);
        URL_SAFE_NO_PAD.encode_string(header, &mut token);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.signature(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// The JWS signature over `message`, in the form of RFC 7518 section 3.
    pub fn signature(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.0.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    rsa_padding(self.algorithm())?,
                    &SystemRandom::new(),
                    message,
                    &mut signature,
                )
                .map_err(|_| KeyError::Crypto)?;
                Ok(signature)
            }
            Pair::Ec(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| KeyError::Crypto),
            Pair::Ed(pair) => pair
                .try_sign(message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| KeyError::Crypto),
            Pair::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
        }
    }

    fn asymmetric(algorithm: Algorithm, kid: &str, pair: Pair) -> Result<Self, KeyError> {
        let mut public = public_parts(algorithm, &pair)?;
        let kid = if kid.is_empty() {
            public.thumbprint()?
        } else {
            kid.to_owned()
        };
        public.kid = Some(kid.clone());
        Ok(Self(Arc::new(Inner {
            algorithm,
            kid,
            public: Some(public),
            pair,
        })))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.0.algorithm)
            .field("kid", &self.0.kid)
            .finish_non_exhaustive()
    }
}

/// An HMAC key, refused when shorter than its hash.
pub(crate) fn hmac_key(algorithm: Algorithm, secret: &[u8]) -> Result<hmac::Key, KeyError> {
    let (hash, length) = match algorithm {
        Algorithm::Hs256 => (hmac::HMAC_SHA256, 32),
        Algorithm::Hs384 => (hmac::HMAC_SHA384, 48),
        Algorithm::Hs512 => (hmac::HMAC_SHA512, 64),
        _ => return Err(KeyError::WrongType(algorithm)),
    };
    if secret.len() < length {
        return Err(KeyError::SecretTooShort(length));
    }
    Ok(hmac::Key::new(hash, secret))
}

fn public_parts(algorithm: Algorithm, pair: &Pair) -> Result<Jwk, KeyError> {
    let mut jwk = Jwk {
        use_: Some("sig".to_owned()),
        alg: Some(algorithm.as_str().to_owned()),
        ..Jwk::default()
    };
    match pair {
        Pair::Rsa(pair) => {
            let components = DEFAULT_PROVIDER
                .key_utils
                .rsa_pub_components_from_public_key;
            let (n, e) = components(pair.public_key().as_ref()).map_err(|_| KeyError::Crypto)?;
            jwk.kty = "RSA".to_owned();
            jwk.n = Some(base64url(n));
            jwk.e = Some(base64url(e));
        }
        Pair::Ec(pair) => {
            // Uncompressed point, SEC 1 section 2.3.3: 0x04, x, y.
            let point = pair.public_key().as_ref();
            let (x, y) = point
                .get(1..)
                .and_then(|xy| xy.split_at_checked(xy.len() / 2))
                .ok_or(KeyError::Crypto)?;
            jwk.kty = "EC".to_owned();
            let curve = match algorithm.key_type() {
                KeyType::P521 => "P-521",
                KeyType::P384 => "P-384",
                _ => "P-256",
            };
            jwk.crv = Some(curve.to_owned());
            jwk.x = Some(base64url(x));
            jwk.y = Some(base64url(y));
        }
        Pair::Ed(pair) => {
            jwk.kty = "OKP".to_owned();
            jwk.crv = Some("Ed25519".to_owned());
            jwk.x = Some(base64url(pair.public_key().as_ref()));
        }
        Pair::Hmac(_) => return Err(KeyError::WrongType(algorithm)),
    }
    Ok(jwk)
}

fn ec_signing(algorithm: Algorithm) -> Result<&'static EcdsaSigningAlgorithm, KeyError> {
    match algorithm {
        Algorithm::Es256 => Ok(&ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::Es384 => Ok(&ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::Es512 => Ok(&ECDSA_P521_SHA512_FIXED_SIGNING),
        _ => Err(KeyError::WrongType(algorithm)),
    }
}

fn rsa_padding(algorithm: Algorithm) -> Result<&'static dyn RsaEncoding, KeyError> {
    match algorithm {
        Algorithm::Rs256 => Ok(&RSA_PKCS1_SHA256),
        Algorithm::Rs384 => Ok(&RSA_PKCS1_SHA384),
        Algorithm::Rs512 => Ok(&RSA_PKCS1_SHA512),
        Algorithm::Ps256 => Ok(&RSA_PSS_SHA256),
        Algorithm::Ps384 => Ok(&RSA_PSS_SHA384),
        Algorithm::Ps512 => Ok(&RSA_PSS_SHA512),
        _ => Err(KeyError::WrongType(algorithm)),
    }
}
