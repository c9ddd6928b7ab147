//! Recipients' keys, parsed once: the public half encrypts, the private half decrypts.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::agreement::PrivateKey;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand;
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::key_agreement::{
    self, Curve, Parties, agreed_key, point_of, public_jwk as ec_public_jwk,
};
use super::message::EncryptedJwt;
use super::{ContentEncryption, JweError, KeyManagement, content};
use crate::encoding::{base64url, from_base64url};
use crate::jwk::Jwk;

/// Somebody's public key, for one algorithm. Cloning shares it.
#[derive(Clone)]
pub struct EncryptionKey {
    alg: KeyManagement,
    kid: Option<String>,
    public: Arc<Public>,
}

enum Public {
    Rsa(OaepPublicEncryptingKey),
    Ec(Curve, Vec<u8>),
}

/// Our own private key, for one algorithm. Cloning shares it.
#[derive(Clone)]
pub struct DecryptionKey(Arc<Inner>);

struct Inner {
    alg: KeyManagement,
    kid: String,
    public: Jwk,
    private: Private,
}

enum Private {
    Rsa(OaepPrivateDecryptingKey, Zeroizing<Vec<u8>>),
    Ec(Curve, PrivateKey),
}

impl EncryptionKey {
    /// A public key that may be used for `alg`.
    ///
    /// # Errors
    /// When it is for something else: another use, algorithm or type, RSA below 2048 bits.
    pub fn from_jwk(jwk: &Jwk, alg: KeyManagement) -> Result<Self, JweError> {
        let other_use = jwk.use_.as_deref().is_some_and(|use_| use_ != "enc");
        let other_alg = jwk.alg.as_deref().is_some_and(|name| name != alg.as_str());
        if other_use || other_alg {
            return Err(JweError::WrongKey);
        }
        let public = if alg.is_rsa() {
            Public::Rsa(rsa_public(jwk)?)
        } else {
            let (curve, point) = point_of(jwk)?;
            Public::Ec(curve, point)
        };
        Ok(Self {
            alg,
            kid: jwk.kid.clone(),
            public: Arc::new(public),
        })
    }

    /// The first of the keys that may be used for `alg`, a key marked for encryption before others.
    pub fn choose(keys: &[Jwk], alg: KeyManagement) -> Option<Self> {
        let marked = |jwk: &&Jwk| jwk.use_.as_deref() == Some("enc");
        let others = keys.iter().filter(|jwk| !marked(jwk));
        keys.iter()
            .filter(marked)
            .chain(others)
            .find_map(|jwk| Self::from_jwk(jwk, alg).ok())
    }

    /// Encrypts `plaintext`; `cty` is `JWT` when that is a signed token.
    ///
    /// # Errors
    /// When the cryptographic library refuses.
    pub fn encrypt(
        &self,
        enc: ContentEncryption,
        cty: Option<&str>,
        plaintext: &[u8],
    ) -> Result<String, JweError> {
        let mut header = Map::new();
        header.insert("alg".to_owned(), self.alg.as_str().into());
        header.insert("enc".to_owned(), enc.as_str().into());
        if let Some(cty) = cty {
            header.insert("cty".to_owned(), cty.into());
        }
        if let Some(kid) = &self.kid {
            header.insert("kid".to_owned(), kid.as_str().into());
        }
        let (key, encrypted_key) = match &*self.public {
            Public::Rsa(public) => {
                let key = fresh_key(enc)?;
                let mut out = vec![0; public.ciphertext_size()];
                let length = public
                    .encrypt(oaep(self.alg)?, &key, &mut out, None)
                    .map_err(|_| JweError::Crypto)?
                    .len();
                out.truncate(length);
                (key, out)
            }
            Public::Ec(curve, point) => {
                let own = PrivateKey::generate(curve.algorithm()).map_err(|_| JweError::Crypto)?;
                let epk = ec_public_jwk(*curve, &own)?;
                header.insert("epk".to_owned(), json!(epk));
                let agreed = agreed_key(self.alg, enc, &own, point, &Parties::default())?;
                if self.alg == KeyManagement::EcdhEs {
                    (agreed, Vec::new())
                } else {
                    let key = fresh_key(enc)?;
                    let wrapped = key_agreement::wrap(&agreed, &key)?;
                    (key, wrapped)
                }
            }
        };
        let aad = base64url(Value::Object(header).to_string());
        let sealed = content::encrypt(enc, &key, aad.as_bytes(), plaintext)?;
        Ok(format!(
            "{aad}.{}.{}.{}.{}",
            base64url(encrypted_key),
            base64url(sealed.iv),
            base64url(sealed.ciphertext),
            base64url(sealed.tag)
        ))
    }
}

impl DecryptionKey {
    /// A fresh RSA key (2048, 3072 or 4096 bits) whose `kid` is its thumbprint.
    ///
    /// # Errors
    /// When the size or the algorithm does not fit.
    pub fn generate_rsa(alg: KeyManagement, bits: u32) -> Result<Self, JweError> {
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            _ => return Err(JweError::WrongKey),
        };
        let key = PrivateDecryptingKey::generate(size).map_err(|_| JweError::Crypto)?;
        let der: Pkcs8V1Der<'static> = key.as_der().map_err(|_| JweError::Crypto)?;
        Self::from_pkcs8(alg, "", der.as_ref())
    }

    /// A fresh key on a curve (`P-256`, `P-384`, `P-521`) whose `kid` is its thumbprint.
    ///
    /// # Errors
    /// When curve or algorithm does not fit.
    pub fn generate_ec(alg: KeyManagement, curve: &str) -> Result<Self, JweError> {
        let curve = Curve::named(curve)?;
        let key = PrivateKey::generate(curve.algorithm()).map_err(|_| JweError::Crypto)?;
        Self::of_curve(alg, "", curve, key)
    }

    /// Reads a PKCS#8 key. An empty `kid` stands for the thumbprint.
    ///
    /// # Errors
    /// When it is no key for the algorithm.
    pub fn from_pkcs8(alg: KeyManagement, kid: &str, der: &[u8]) -> Result<Self, JweError> {
        if !alg.is_rsa() {
            for curve in [Curve::P256, Curve::P384, Curve::P521, Curve::X25519] {
                if let Ok(key) = PrivateKey::from_private_key_der(curve.algorithm(), der) {
                    return Self::of_curve(alg, kid, curve, key);
                }
            }
            return Err(JweError::WrongKey);
        }
        let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| JweError::WrongKey)?;
        let public = pair.public_key();
        let jwk = Jwk {
            kty: "RSA".to_owned(),
            n: Some(base64url(
                public.modulus().big_endian_without_leading_zero(),
            )),
            e: Some(base64url(
                public.exponent().big_endian_without_leading_zero(),
            )),
            ..Jwk::default()
        };
        let key = PrivateDecryptingKey::from_pkcs8(der).map_err(|_| JweError::WrongKey)?;
        let key = OaepPrivateDecryptingKey::new(key).map_err(|_| JweError::WrongKey)?;
        let private = Private::Rsa(key, Zeroizing::new(der.to_vec()));
        Self::of(alg, kid, jwk, private)
    }

    fn of_curve(
        alg: KeyManagement,
        kid: &str,
        curve: Curve,
        key: PrivateKey,
    ) -> Result<Self, JweError> {
        if alg.is_rsa() {
            return Err(JweError::WrongKey);
        }
        let jwk = ec_public_jwk(curve, &key)?;
        Self::of(alg, kid, jwk, Private::Ec(curve, key))
    }

    fn of(alg: KeyManagement, kid: &str, mut jwk: Jwk, private: Private) -> Result<Self, JweError> {
        let kid = if kid.is_empty() {
            jwk.thumbprint().map_err(|_| JweError::Crypto)?
        } else {
            kid.to_owned()
        };
        jwk.kid = Some(kid.clone());
        jwk.alg = Some(alg.as_str().to_owned());
        jwk.use_ = Some("enc".to_owned());
        Ok(Self(Arc::new(Inner {
            alg,
            kid,
            public: jwk,
            private,
        })))
    }

    pub fn kid(&self) -> &str {
        &self.0.kid
    }

    pub fn algorithm(&self) -> KeyManagement {
        self.0.alg
    }

    /// The public key with `use: enc`, `alg` and `kid`.
    pub fn public_jwk(&self) -> Jwk {
        self.0.public.clone()
    }

    /// The private key as PKCS#8, to be sealed and stored.
    ///
    /// # Errors
    /// When the cryptographic library refuses.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, JweError> {
        match &self.0.private {
            Private::Rsa(_, der) => Ok(der.clone()),
            Private::Ec(_, key) => {
                let der: Pkcs8V1Der<'static> = key.as_der().map_err(|_| JweError::Crypto)?;
                Ok(Zeroizing::new(der.as_ref().to_vec()))
            }
        }
    }

    /// The content of a message that was made for this key.
    ///
    /// # Errors
    /// When it was not, or was changed on its way; which of these is not told.
    pub fn decrypt(&self, message: &EncryptedJwt) -> Result<Vec<u8>, JweError> {
        let alg = self.0.alg;
        if message.algorithm() != alg {
            return Err(JweError::NoKey);
        }
        let enc = message.encryption();
        let key = match &self.0.private {
            Private::Rsa(private, _) => {
                let mut out = Zeroizing::new(vec![0; private.min_output_size()]);
                let length = private
                    .decrypt(oaep(alg)?, &message.encrypted_key, &mut out, None)
                    .map_err(|_| JweError::Decryption)?
                    .len();
                out.truncate(length);
                out
            }
            Private::Ec(curve, private) => {
                let (theirs, point) = point_of(&message.ephemeral_key()?)?;
                if theirs != *curve {
                    return Err(JweError::Decryption);
                }
                let agreed = agreed_key(alg, enc, private, &point, &message.parties()?)?;
                if alg != KeyManagement::EcdhEs {
                    key_agreement::unwrap(&agreed, &message.encrypted_key)?
                } else if message.encrypted_key.is_empty() {
                    agreed
                } else {
                    return Err(JweError::Decryption);
                }
            }
        };
        if key.len() != enc.key_length() {
            return Err(JweError::Decryption);
        }
        content::decrypt(enc, &key, message.aad.as_bytes(), message.sealed())
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptionKey")
            .field("alg", &self.alg)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptionKey")
            .field("alg", &self.0.alg)
            .field("kid", &self.0.kid)
            .finish_non_exhaustive()
    }
}

fn rsa_public(jwk: &Jwk) -> Result<OaepPublicEncryptingKey, JweError> {
    if jwk.kty != "RSA" {
        return Err(JweError::WrongKey);
    }
    let member = |value: &Option<String>| {
        let bytes = value.as_deref().and_then(from_base64url);
        bytes.ok_or(JweError::WrongKey)
    };
    let components = RsaPublicKeyComponents {
        n: member(&jwk.n)?,
        e: member(&jwk.e)?,
    };
    if !(256..=1024).contains(&components.n.len()) {
        return Err(JweError::WrongKey);
    }
    let der: PublicKeyX509Der<'static> = components.as_der().map_err(|_| JweError::WrongKey)?;
    let key = PublicEncryptingKey::from_der(der.as_ref()).map_err(|_| JweError::WrongKey)?;
    OaepPublicEncryptingKey::new(key).map_err(|_| JweError::WrongKey)
}

fn oaep(alg: KeyManagement) -> Result<&'static OaepAlgorithm, JweError> {
    match alg {
        KeyManagement::RsaOaep => Ok(&OAEP_SHA1_MGF1SHA1),
        KeyManagement::RsaOaep256 => Ok(&OAEP_SHA256_MGF1SHA256),
        _ => Err(JweError::WrongKey),
    }
}

fn fresh_key(enc: ContentEncryption) -> Result<Zeroizing<Vec<u8>>, JweError> {
    let mut key = Zeroizing::new(vec![0; enc.key_length()]);
    rand::fill(&mut key).map_err(|_| JweError::Crypto)?;
    Ok(key)
}
