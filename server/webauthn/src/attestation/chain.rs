//! Whether certificates lead to somebody who is trusted.

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{
    ALL_VERIFICATION_ALGS, EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage,
};

use super::AttestationError;

/// Certificates of one statement, at most.
pub(super) const MAX_CERTIFICATES: usize = 8;
/// `tcg-kp-AIKCertificate`, 2.23.133.8.3.
const TPM_AIK: &[u8] = &[0x67, 0x81, 0x05, 0x08, 0x03];

/// What the certificate of a format is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    Any,
    /// To sign for a TPM.
    TpmAik,
}

impl ExtendedKeyUsageValidator for Usage {
    fn validate(&self, usages: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        match self {
            Self::Any => Ok(()),
            Self::TpmAik => KeyUsage::required(TPM_AIK).validate(usages),
        }
    }
}

/// Whom attestations are trusted from.
#[derive(Clone, Debug, Default)]
pub enum Truststore {
    /// Chains of certificates are not looked at.
    #[default]
    Disabled,
    Anchors(TrustAnchors),
}

/// Certificates that others lead to.
#[derive(Clone, Debug)]
pub struct TrustAnchors(Arc<Vec<(CertificateDer<'static>, TrustAnchor<'static>)>>);

impl TrustAnchors {
    /// From certificates, DER.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn new(certificates: Vec<CertificateDer<'static>>) -> Result<Self, AttestationError> {
        let anchors = certificates.into_iter().map(|certificate| {
            let anchor = webpki::anchor_from_trusted_cert(&certificate)
                .map_err(|_| AttestationError::Anchor)?
                .to_owned();
            Ok((certificate, anchor))
        });
        Ok(Self(Arc::new(anchors.collect::<Result<_, _>>()?)))
    }

    /// From certificates in PEM.
    ///
    /// # Errors
    /// When one cannot be read, or there is none.
    pub fn from_pem(pem: &[u8]) -> Result<Self, AttestationError> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let certificates = certificates.map_err(|_| AttestationError::Anchor)?;
        if certificates.is_empty() {
            return Err(AttestationError::Anchor);
        }
        Self::new(certificates)
    }

    /// Whether the certificates lead to one of these at `now`, seconds since 1970.
    pub(crate) fn verify(
        &self,
        certificates: &[Vec<u8>],
        usage: Usage,
        now: i64,
    ) -> Result<(), AttestationError> {
        let mut all = certificates
            .iter()
            .map(|der| CertificateDer::from(der.as_slice()));
        let first = all.next().ok_or(AttestationError::Untrusted)?;
        // A model's own certificate may be what is trusted (section 7.1 step 23).
        if self.0.iter().any(|(known, _)| *known == first) {
            return Ok(());
        }
        let between: Vec<CertificateDer<'_>> = all.collect();
        let anchors: Vec<TrustAnchor<'_>> = self.0.iter().map(|(_, a)| a.clone()).collect();
        let at = Duration::from_secs(u64::try_from(now).unwrap_or(0));
        let untrusted = |_| AttestationError::Untrusted;
        EndEntityCert::try_from(&first)
            .map_err(untrusted)?
            .verify_for_usage(
                ALL_VERIFICATION_ALGS,
                &anchors,
                &between,
                UnixTime::since_unix_epoch(at),
                usage,
                None,
                None,
            )
            .map(|_| ())
            .map_err(untrusted)
    }
}
