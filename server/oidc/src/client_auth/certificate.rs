//! Keys in uploaded certificates, and public keys on their own.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use realmkeep_jose::{Jwk, VerifyingKey, base64url};
use x509_parser::prelude::{FromDer, SubjectPublicKeyInfo, X509Certificate};
use x509_parser::public_key::PublicKey;

const P256: &str = "1.2.840.10045.3.1.7";
const P384: &str = "1.3.132.0.34";
const P521: &str = "1.3.132.0.35";
const ED25519: &str = "1.3.101.112";

/// The key in a certificate: X.509, DER, base64, with or without the lines of PEM. The certificate's
/// own validity does not matter: it was uploaded for its key.
///
/// # Errors
/// Why it cannot be used, for the event.
pub(super) fn of_certificate(text: &str) -> Result<VerifyingKey, &'static str> {
    let der = decode(text).ok_or("jwt.credential.certificate is not base64")?;
    let (_, certificate) = X509Certificate::from_der(&der)
        .map_err(|_| "jwt.credential.certificate is not an X.509 certificate")?;
    key(certificate.public_key())
}

/// A public key on its own: SubjectPublicKeyInfo, DER, base64.
///
/// # Errors
/// Why it cannot be used, for the event.
pub(super) fn of_public_key(text: &str) -> Result<VerifyingKey, &'static str> {
    let der = decode(text).ok_or("jwt.credential.public.key is not base64")?;
    let (_, info) = SubjectPublicKeyInfo::from_der(&der)
        .map_err(|_| "jwt.credential.public.key is not a public key (SubjectPublicKeyInfo)")?;
    key(&info)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let body: String = text
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .flat_map(str::chars)
        .filter(|c| !c.is_whitespace())
        .collect();
    STANDARD.decode(body).ok()
}

fn key(info: &SubjectPublicKeyInfo<'_>) -> Result<VerifyingKey, &'static str> {
    let algorithm = info.algorithm.algorithm.to_id_string();
    let jwk = match info.parsed() {
        Ok(PublicKey::RSA(rsa)) => Jwk {
            kty: "RSA".to_owned(),
            n: Some(base64url(rsa.modulus)),
            e: Some(base64url(rsa.exponent)),
            ..Jwk::default()
        },
        Ok(PublicKey::EC(point)) => {
            let curve = info.algorithm.parameters.as_ref();
            let curve = curve.and_then(|any| any.as_oid().ok());
            let curve = curve.map(|oid| oid.to_id_string());
            let crv = match curve.as_deref() {
                Some(P256) => "P-256",
                Some(P384) => "P-384",
                Some(P521) => "P-521",
                _ => return Err(UNSUPPORTED),
            };
            // Uncompressed (SEC 1 section 2.3.3): 0x04, x, y.
            let (x, y) = match point.data().split_first() {
                Some((4, xy)) if xy.len() % 2 == 0 => xy.split_at(xy.len() / 2),
                _ => return Err(UNSUPPORTED),
            };
            Jwk {
                kty: "EC".to_owned(),
                crv: Some(crv.to_owned()),
                x: Some(base64url(x)),
                y: Some(base64url(y)),
                ..Jwk::default()
            }
        }
        _ if algorithm == ED25519 => Jwk {
            kty: "OKP".to_owned(),
            crv: Some("Ed25519".to_owned()),
            x: Some(base64url(&info.subject_public_key.data)),
            ..Jwk::default()
        },
        _ => return Err(UNSUPPORTED),
    };
    VerifyingKey::from_jwk(&jwk).map_err(|_| UNSUPPORTED)
}

const UNSUPPORTED: &str = "the client's public key is of a kind that is not supported; use RSA (2048 bits or more), P-256, P-384, P-521 or Ed25519";
