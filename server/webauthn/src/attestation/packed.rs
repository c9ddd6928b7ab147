use super::certificate::{is_signed, names_model, parse};
use super::{AttestationError, Evidence, Format, Statement, Usage};
use crate::Algorithm;

/// Section 8.2.
pub(super) struct Packed;

impl Format for Packed {
    fn id(&self) -> &'static str {
        "packed"
    }

    fn verify(&self, statement: &Statement<'_>) -> Result<Evidence, AttestationError> {
        let algorithm = statement.map.integer("alg").and_then(Algorithm::from_cose);
        let algorithm = algorithm.ok_or(AttestationError::Malformed)?;
        let signature = statement.bytes("sig")?;
        let signed = statement.signed();
        let Some(certificates) = statement.certificates()? else {
            if statement.map.value("ecdaaKeyId").is_some() {
                return Err(AttestationError::Format);
            }
            if algorithm != statement.key.algorithm {
                return Err(AttestationError::Mismatch);
            }
            return match statement.key.is_signed(&signed, signature) {
                true => Ok(Evidence::SelfSigned),
                false => Err(AttestationError::Signature),
            };
        };
        let first = certificates.first().ok_or(AttestationError::Malformed)?;
        let certificate = parse(first)?;
        if !is_signed(&certificate, algorithm, &signed, signature) {
            return Err(AttestationError::Signature);
        }
        requirements(&certificate)?;
        names_model(&certificate, statement.aaguid)?;
        Ok(Evidence::Chain {
            certificates,
            usage: Usage::Any,
        })
    }
}

/// Section 8.2.1.
fn requirements(
    certificate: &x509_parser::prelude::X509Certificate<'_>,
) -> Result<(), AttestationError> {
    let subject = certificate.subject();
    let country = subject.iter_country().next().and_then(|c| c.as_str().ok());
    let unit = subject.iter_organizational_unit().next();
    let named = subject.iter_organization().next().is_some()
        && subject.iter_common_name().next().is_some()
        && country.is_some_and(|c| c.len() == 2);
    if !named || unit.and_then(|u| u.as_str().ok()) != Some("Authenticator Attestation") {
        return Err(AttestationError::Certificate("subject"));
    }
    Ok(())
}
