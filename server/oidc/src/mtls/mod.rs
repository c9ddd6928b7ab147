//! Certificates of clients (RFC 8705), as the TLS connection or a trusted proxy showed them.

use std::sync::Arc;

use realmkeep_jose::{base64url, sha256};

pub(crate) mod subject;

/// The certificate that the sender of a request proved to own; an extension of the request, which
/// only the listener may set.
#[derive(Clone)]
pub struct ClientCertificate(Arc<[u8]>);

impl ClientCertificate {
    /// `der` is the leaf certificate (X.509, DER).
    pub fn new(der: &[u8]) -> Self {
        Self(Arc::from(der))
    }

    pub fn der(&self) -> &[u8] {
        &self.0
    }

    /// `x5t#S256` (RFC 8705 section 3.1).
    pub fn thumbprint(&self) -> String {
        base64url(sha256(&self.0))
    }
}

impl std::fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ClientCertificate")
            .field(&self.thumbprint())
            .finish()
    }
}
