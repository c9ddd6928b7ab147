//! Public keys of credentials: `COSE_Key` (RFC 9052 section 7).

use aws_lc_rs::signature::{self, RsaParameters, RsaPublicKeyComponents};
use coset::iana::{self, EnumI64 as _};
use coset::{CborSerializable as _, CoseKey, KeyType, Label, RegisteredLabelWithPrivate};
use x509_parser::public_key::PublicKey as CertifiedKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::{Algorithm, WebauthnError};

/// Shortest and longest modulus of an RSA key, in bytes.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// A key, and the one algorithm it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    pub algorithm: Algorithm,
    material: Material,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    /// Of a curve: the point, uncompressed (SEC 1), or the 32 bytes of Ed25519.
    Point(Vec<u8>),
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
}

impl PublicKey {
    /// # Errors
    /// When the algorithm is not one of ours, or the key does not fit it.
    pub fn parse(cose: &[u8]) -> Result<Self, WebauthnError> {
        let key = CoseKey::from_slice(cose).map_err(|_| WebauthnError::PublicKey)?;
        let algorithm = match &key.alg {
            Some(RegisteredLabelWithPrivate::Assigned(algorithm)) => algorithm.to_i64(),
            Some(RegisteredLabelWithPrivate::PrivateUse(number)) => *number,
            _ => return Err(WebauthnError::PublicKey),
        };
        let algorithm =
            Algorithm::from_cose(algorithm).ok_or(WebauthnError::Algorithm(algorithm))?;
        let material = material(&key, algorithm).ok_or(WebauthnError::PublicKey)?;
        Ok(Self {
            algorithm,
            material,
        })
    }

    /// Whether `signature` is of `message` by this key.
    pub fn is_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Point(point) => self.algorithm.is_signed(point, message, signature),
            Material::Rsa { modulus, exponent } => {
                let Some(parameters) = rsa(self.algorithm) else {
                    return false;
                };
                let key = RsaPublicKeyComponents {
                    n: modulus,
                    e: exponent,
                };
                key.verify(parameters, message, signature).is_ok()
            }
        }
    }

    /// The point of a key on a curve, uncompressed.
    pub(crate) fn point(&self) -> Option<&[u8]> {
        match &self.material {
            Material::Point(point) => Some(point),
            Material::Rsa { .. } => None,
        }
    }

    /// Whether a certificate is for this key.
    pub(crate) fn is_certified(&self, certified: &SubjectPublicKeyInfo<'_>) -> bool {
        match (&self.material, certified.parsed()) {
            (Material::Point(point), Ok(CertifiedKey::EC(other))) => other.data() == point,
            (Material::Rsa { modulus, exponent }, Ok(CertifiedKey::RSA(other))) => {
                trimmed(other.modulus) == trimmed(modulus)
                    && trimmed(other.exponent) == trimmed(exponent)
            }
            _ => false,
        }
    }

    /// Whether it is the RSA key with this modulus and exponent, big-endian.
    pub(crate) fn is_rsa(&self, n: &[u8], e: &[u8]) -> bool {
        match &self.material {
            Material::Rsa { modulus, exponent } => {
                trimmed(modulus) == trimmed(n) && trimmed(exponent) == trimmed(e)
            }
            Material::Point(_) => false,
        }
    }
}

fn rsa(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::Rs256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Rs1 => Some(&signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
        _ => None,
    }
}

/// Section 5.8.5: each algorithm has one curve, and points are not compressed.
fn material(key: &CoseKey, algorithm: Algorithm) -> Option<Material> {
    let (kind, curve, size) = match algorithm {
        Algorithm::Es256 => (iana::KeyType::EC2, iana::EllipticCurve::P_256, 32),
        Algorithm::Es384 => (iana::KeyType::EC2, iana::EllipticCurve::P_384, 48),
        Algorithm::Es512 => (iana::KeyType::EC2, iana::EllipticCurve::P_521, 66),
        Algorithm::Ed25519 => (iana::KeyType::OKP, iana::EllipticCurve::Ed25519, 32),
        Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Rs1 => {
            let is_rsa = key.kty == KeyType::Assigned(iana::KeyType::RSA);
            let modulus = parameter(key, iana::RsaKeyParameter::N.to_i64())?;
            let exponent = parameter(key, iana::RsaKeyParameter::E.to_i64())?;
            let fits = RSA_BYTES.contains(&modulus.len()) && (1..=8).contains(&exponent.len());
            return (is_rsa && fits).then(|| Material::Rsa {
                modulus: modulus.to_vec(),
                exponent: exponent.to_vec(),
            });
        }
    };
    let named = value(key, iana::Ec2KeyParameter::Crv.to_i64())?;
    let named: i64 = named.as_integer()?.try_into().ok()?;
    let x = parameter(key, iana::Ec2KeyParameter::X.to_i64())?;
    if key.kty != KeyType::Assigned(kind) || named != curve.to_i64() || x.len() != size {
        return None;
    }
    if kind == iana::KeyType::OKP {
        return Some(Material::Point(x.to_vec()));
    }
    let y = parameter(key, iana::Ec2KeyParameter::Y.to_i64())?;
    (y.len() == size).then(|| Material::Point([&[4], x, y].concat()))
}

fn value(key: &CoseKey, label: i64) -> Option<&ciborium::Value> {
    let mut all = key.params.iter();
    let (_, value) = all.find(|(known, _)| *known == Label::Int(label))?;
    Some(value)
}

fn parameter(key: &CoseKey, label: i64) -> Option<&[u8]> {
    value(key, label)?.as_bytes().map(Vec::as_slice)
}

/// Without leading zeros.
fn trimmed(number: &[u8]) -> &[u8] {
    let start = number.iter().take_while(|byte| **byte == 0).count();
    number.get(start..).unwrap_or_default()
}
