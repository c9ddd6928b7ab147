//! ECDH-ES (RFC 7518 section 4.6): curves, the agreed key, and its wrapping.

use aws_lc_rs::agreement::{
    Algorithm, ECDH_P256, ECDH_P384, ECDH_P521, PrivateKey, UnparsedPublicKey, X25519, agree,
};
use aws_lc_rs::kdf::{SskdfDigestAlgorithmId, get_sskdf_digest_algorithm, sskdf_digest};
use aws_lc_rs::key_wrap::{self, AesKek, KeyWrap};
use zeroize::Zeroizing;

use super::{ContentEncryption, JweError, KeyManagement};
use crate::encoding::{base64url, from_base64url};
use crate::jwk::Jwk;

/// A curve by its name in JSON Web Keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
    X25519,
}

impl Curve {
    pub(super) fn named(name: &str) -> Result<Self, JweError> {
        Ok(match name {
            "P-256" => Self::P256,
            "P-384" => Self::P384,
            "P-521" => Self::P521,
            "X25519" => Self::X25519,
            _ => return Err(JweError::WrongKey),
        })
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            Self::X25519 => "X25519",
        }
    }

    pub(super) fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::P256 => &ECDH_P256,
            Self::P384 => &ECDH_P384,
            Self::P521 => &ECDH_P521,
            Self::X25519 => &X25519,
        }
    }

    /// Bytes of one coordinate.
    const fn size(self) -> usize {
        match self {
            Self::P256 | Self::X25519 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// The curve and point of a public key.
pub(super) fn point_of(jwk: &Jwk) -> Result<(Curve, Vec<u8>), JweError> {
    let curve = Curve::named(jwk.crv.as_deref().unwrap_or_default())?;
    let coordinate = |value: &Option<String>| {
        let bytes = value.as_deref().and_then(from_base64url);
        bytes
            .filter(|bytes| bytes.len() == curve.size())
            .ok_or(JweError::WrongKey)
    };
    let point = match (curve, jwk.kty.as_str()) {
        (Curve::X25519, "OKP") => coordinate(&jwk.x)?,
        (Curve::P256 | Curve::P384 | Curve::P521, "EC") => {
            [vec![4], coordinate(&jwk.x)?, coordinate(&jwk.y)?].concat()
        }
        _ => return Err(JweError::WrongKey),
    };
    Ok((curve, point))
}

/// The public half of a key pair, without `use`, `alg` and `kid`.
pub(super) fn public_jwk(curve: Curve, private: &PrivateKey) -> Result<Jwk, JweError> {
    let public = private.compute_public_key().map_err(|_| JweError::Crypto)?;
    let point = public.as_ref();
    let mut jwk = Jwk {
        crv: Some(curve.name().to_owned()),
        ..Jwk::default()
    };
    if curve == Curve::X25519 {
        jwk.kty = "OKP".to_owned();
        jwk.x = Some(base64url(point));
    } else {
        let (x, y) = point
            .get(1..)
            .and_then(|xy| xy.split_at_checked(curve.size()))
            .ok_or(JweError::Crypto)?;
        jwk.kty = "EC".to_owned();
        jwk.x = Some(base64url(x));
        jwk.y = Some(base64url(y));
    }
    Ok(jwk)
}

/// The parties' names for themselves, as the header has them.
#[derive(Default)]
pub(super) struct Parties {
    pub(super) apu: Vec<u8>,
    pub(super) apv: Vec<u8>,
}

/// The key that both sides come to (section 4.6.2).
pub(super) fn agreed_key(
    alg: KeyManagement,
    enc: ContentEncryption,
    private: &PrivateKey,
    peer: &[u8],
    parties: &Parties,
) -> Result<Zeroizing<Vec<u8>>, JweError> {
    let (name, length) = match alg {
        KeyManagement::EcdhEs => (enc.as_str(), enc.key_length()),
        KeyManagement::EcdhEsA128Kw => (alg.as_str(), 16),
        KeyManagement::EcdhEsA256Kw => (alg.as_str(), 32),
        KeyManagement::RsaOaep | KeyManagement::RsaOaep256 => return Err(JweError::WrongKey),
    };
    let bits = u32::try_from(length * 8).map_err(|_| JweError::Crypto)?;
    let mut info = Vec::new();
    for part in [name.as_bytes(), &parties.apu, &parties.apv] {
        let length = u32::try_from(part.len()).map_err(|_| JweError::Crypto)?;
        info.extend_from_slice(&length.to_be_bytes());
        info.extend_from_slice(part);
    }
    info.extend_from_slice(&bits.to_be_bytes());
    let digest =
        get_sskdf_digest_algorithm(SskdfDigestAlgorithmId::Sha256).ok_or(JweError::Crypto)?;
    let peer = UnparsedPublicKey::new(private.algorithm(), peer);
    agree(private, peer, JweError::Decryption, |secret| {
        let mut key = Zeroizing::new(vec![0; length]);
        sskdf_digest(digest, secret, &info, &mut key).map_err(|_| JweError::Crypto)?;
        Ok(key)
    })
}

pub(super) fn wrap(kek: &[u8], key: &[u8]) -> Result<Vec<u8>, JweError> {
    let mut out = vec![0; key.len() + 8];
    let wrapped = kek_of(kek)?
        .wrap(key, &mut out)
        .map_err(|_| JweError::Crypto)?
        .len();
    out.truncate(wrapped);
    Ok(out)
}

pub(super) fn unwrap(kek: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, JweError> {
    let mut out = Zeroizing::new(vec![0; wrapped.len()]);
    let length = kek_of(kek)?
        .unwrap(wrapped, &mut out)
        .map_err(|_| JweError::Decryption)?
        .len();
    out.truncate(length);
    Ok(out)
}

fn kek_of(kek: &[u8]) -> Result<AesKek, JweError> {
    let cipher = match kek.len() {
        16 => &key_wrap::AES_128,
        32 => &key_wrap::AES_256,
        _ => return Err(JweError::Crypto),
    };
    AesKek::new(cipher, kek).map_err(|_| JweError::Crypto)
}
