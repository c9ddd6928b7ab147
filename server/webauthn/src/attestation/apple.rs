use super::certificate::{extension, parse};
use super::{AttestationError, Evidence, Format, Statement, Usage};
use crate::relying_party::sha256;

/// Section 8.8: the certificate is made for the credential, and holds a hash of what is attested.
pub(super) struct Apple;

const NONCE: &str = "1.2.840.113635.100.8.2";
/// `SEQUENCE { [1] { OCTET STRING (32 bytes) } }`.
const BEFORE_NONCE: [u8; 6] = [0x30, 0x24, 0xa1, 0x22, 0x04, 0x20];

impl Format for Apple {
    fn id(&self) -> &'static str {
        "apple"
    }

    fn verify(&self, statement: &Statement<'_>) -> Result<Evidence, AttestationError> {
        let certificates = statement.certificates()?;
        let certificates = certificates.ok_or(AttestationError::Malformed)?;
        let first = certificates.first().ok_or(AttestationError::Malformed)?;
        let certificate = parse(first)?;
        let nonce = extension(&certificate, NONCE)?;
        let nonce = nonce.and_then(|value| value.strip_prefix(&BEFORE_NONCE));
        let is_ours = nonce == Some(sha256(&statement.signed()).as_slice());
        if !is_ours || !statement.key.is_certified(certificate.public_key()) {
            return Err(AttestationError::Mismatch);
        }
        Ok(Evidence::Chain {
            certificates,
            usage: Usage::Any,
        })
    }
}
