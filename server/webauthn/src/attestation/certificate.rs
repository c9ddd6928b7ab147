//! Certificates that sign statements.

use x509_parser::prelude::{FromDer, X509Certificate, X509Version};

use super::AttestationError;
use crate::{Aaguid, Algorithm};

/// `id-fido-gen-ce-aaguid`.
const AAGUID: &str = "1.3.6.1.4.1.45724.1.1.4";

/// The certificate, read; version 3 and not that of an authority.
pub(super) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, AttestationError> {
    let (rest, certificate) =
        X509Certificate::from_der(der).map_err(|_| AttestationError::Malformed)?;
    if !rest.is_empty() {
        return Err(AttestationError::Malformed);
    }
    if certificate.version() != X509Version::V3 {
        return Err(AttestationError::Certificate("version"));
    }
    if certificate.is_ca() {
        return Err(AttestationError::Certificate("it is an authority's"));
    }
    Ok(certificate)
}

/// Whether the certificate's key made the signature.
pub(super) fn is_signed(
    certificate: &X509Certificate<'_>,
    algorithm: Algorithm,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let key = &certificate.public_key().subject_public_key.data;
    algorithm.is_signed(key, message, signature)
}

/// The extension's value, where it is there once.
pub(super) fn extension<'a>(
    certificate: &'a X509Certificate<'_>,
    oid: &str,
) -> Result<Option<&'a [u8]>, AttestationError> {
    let mut found = certificate
        .extensions()
        .iter()
        .filter(|extension| extension.oid.to_id_string() == oid);
    let first = found.next();
    match found.next() {
        Some(_) => Err(AttestationError::Certificate("an extension is there twice")),
        None => Ok(first.map(|extension| extension.value)),
    }
}

/// A certificate that names a model names that of the authenticator.
pub(super) fn names_model(
    certificate: &X509Certificate<'_>,
    aaguid: Aaguid,
) -> Result<(), AttestationError> {
    let Some(value) = extension(certificate, AAGUID)? else {
        return Ok(());
    };
    // An OCTET STRING of 16 bytes.
    match value.strip_prefix(&[0x04, 0x10]) {
        Some(named) if named == aaguid.bytes() => Ok(()),
        _ => Err(AttestationError::Certificate("it is for another model")),
    }
}
