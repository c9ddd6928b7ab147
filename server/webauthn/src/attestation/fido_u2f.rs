use super::certificate::{is_signed, parse};
use super::{AttestationError, Evidence, Format, Statement, Usage};
use crate::Algorithm;

/// Authenticators of the time before FIDO 2 (section 8.6).
pub(super) struct FidoU2f;

impl Format for FidoU2f {
    fn id(&self) -> &'static str {
        "fido-u2f"
    }

    fn verify(&self, statement: &Statement<'_>) -> Result<Evidence, AttestationError> {
        let certificates = statement.certificates()?;
        let certificates = certificates
            .filter(|all| all.len() == 1)
            .ok_or(AttestationError::Malformed)?;
        let first = certificates.first().ok_or(AttestationError::Malformed)?;
        let certificate = parse(first)?;
        // They have no model.
        if !statement.aaguid.is_zero() || statement.key.algorithm != Algorithm::Es256 {
            return Err(AttestationError::Mismatch);
        }
        let point = statement.key.point().ok_or(AttestationError::Mismatch)?;
        let signed = [
            &[0],
            statement.relying_party_hash.as_slice(),
            statement.client_data_hash,
            statement.credential_id,
            point,
        ]
        .concat();
        let signature = statement.bytes("sig")?;
        if !is_signed(&certificate, Algorithm::Es256, &signed, signature) {
            return Err(AttestationError::Signature);
        }
        Ok(Evidence::Chain {
            certificates,
            usage: Usage::Any,
        })
    }
}
