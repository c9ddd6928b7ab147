use aws_lc_rs::digest::{self, Algorithm as Hash};
use x509_parser::prelude::{GeneralName, X509Certificate};

use super::certificate::{is_signed, names_model, parse};
use super::{AttestationError, Evidence, Format, Statement, Usage};
use crate::{Algorithm, PublicKey};

/// Trusted platform modules (section 8.3): the module certifies the credential's key by a key of its
/// own (TPM 2.0 Library, part 2).
pub(super) struct Tpm;

/// `TPM_GENERATED_VALUE` and `TPM_ST_ATTEST_CERTIFY`.
const MAGIC: u32 = 0xff54_4347;
const CERTIFY: u16 = 0x8017;
/// `TPM_ALG_…`.
const RSA: u16 = 0x0001;
const ECC: u16 = 0x0023;
const NULL: u16 = 0x0010;
/// Manufacturer, model and version of the module, in its certificate's alternative name.
const MODULE: [&str; 3] = ["2.23.133.2.1", "2.23.133.2.2", "2.23.133.2.3"];

impl Format for Tpm {
    fn id(&self) -> &'static str {
        "tpm"
    }

    fn verify(&self, statement: &Statement<'_>) -> Result<Evidence, AttestationError> {
        let algorithm = statement.map.integer("alg").and_then(Algorithm::from_cose);
        let algorithm = algorithm.ok_or(AttestationError::Malformed)?;
        let hash = hash_of(algorithm).ok_or(AttestationError::Malformed)?;
        if statement.map.text("ver") != Some("2.0") {
            return Err(AttestationError::Format);
        }
        let certificates = statement.certificates()?;
        let certificates = certificates.ok_or(AttestationError::Malformed)?;
        let first = certificates.first().ok_or(AttestationError::Malformed)?;
        let certificate = parse(first)?;

        let public = statement.bytes("pubArea")?;
        let (name_hash, is_ours) =
            public_area(public, statement.key).ok_or(AttestationError::Malformed)?;
        if !is_ours {
            return Err(AttestationError::Mismatch);
        }
        let info = statement.bytes("certInfo")?;
        let (extra, name) = certify_info(info).ok_or(AttestationError::Malformed)?;
        let expected = digest::digest(hash, &statement.signed());
        let named = named(name_hash, public).ok_or(AttestationError::Malformed)?;
        if extra != expected.as_ref() || name != named {
            return Err(AttestationError::Mismatch);
        }
        let signature = statement.bytes("sig")?;
        if !is_signed(&certificate, algorithm, info, signature) {
            return Err(AttestationError::Signature);
        }
        requirements(&certificate)?;
        names_model(&certificate, statement.aaguid)?;
        Ok(Evidence::Chain {
            certificates,
            usage: Usage::TpmAik,
        })
    }
}

/// Section 8.3.1; the key's usage is checked with the chain.
fn requirements(certificate: &X509Certificate<'_>) -> Result<(), AttestationError> {
    if certificate.subject().iter_attributes().next().is_some() {
        return Err(AttestationError::Certificate("subject"));
    }
    let names = certificate.subject_alternative_name();
    let names = names.ok().flatten();
    let names = names.ok_or(AttestationError::Certificate("alternative name"))?;
    let mut found: Vec<String> = Vec::new();
    for name in &names.value.general_names {
        if let GeneralName::DirectoryName(name) = name {
            found.extend(name.iter_attributes().map(|a| a.attr_type().to_id_string()));
        }
    }
    if MODULE.iter().all(|oid| found.iter().any(|f| f == oid)) {
        Ok(())
    } else {
        Err(AttestationError::Certificate("alternative name"))
    }
}

fn hash_of(algorithm: Algorithm) -> Option<&'static Hash> {
    match algorithm {
        Algorithm::Es256 | Algorithm::Rs256 => Some(&digest::SHA256),
        Algorithm::Es384 | Algorithm::Rs384 => Some(&digest::SHA384),
        Algorithm::Es512 | Algorithm::Rs512 => Some(&digest::SHA512),
        Algorithm::Rs1 => Some(&digest::SHA1_FOR_LEGACY_USE_ONLY),
        Algorithm::Ed25519 => None,
    }
}

/// `TPMT_PUBLIC`: the hash that the object is named by, and whether it is the credential's key.
fn public_area(bytes: &[u8], key: &PublicKey) -> Option<(u16, bool)> {
    let mut reader = Reader(bytes);
    let kind = reader.u16()?;
    let name_hash = reader.u16()?;
    let _attributes = reader.u32()?;
    let _policy = reader.sized()?;
    // Keys that sign have no symmetric part.
    if reader.u16()? != NULL {
        return None;
    }
    reader.scheme()?;
    let is_ours = match kind {
        RSA => {
            let _bits = reader.u16()?;
            let exponent = match reader.u32()? {
                0 => 65_537,
                given => given,
            };
            key.is_rsa(reader.sized()?, &exponent.to_be_bytes())
        }
        ECC => {
            let size: usize = match reader.u16()? {
                0x0003 => 32,
                0x0004 => 48,
                0x0005 => 66,
                _ => return None,
            };
            reader.scheme()?;
            let x = padded(reader.sized()?, size)?;
            let y = padded(reader.sized()?, size)?;
            key.point() == Some([&[4], x.as_slice(), y.as_slice()].concat().as_slice())
        }
        _ => return None,
    };
    reader.0.is_empty().then_some((name_hash, is_ours))
}

/// `TPMS_ATTEST` of a certified key: `extraData` and the object's name.
fn certify_info(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = Reader(bytes);
    if reader.u32()? != MAGIC || reader.u16()? != CERTIFY {
        return None;
    }
    let _signer = reader.sized()?;
    let extra = reader.sized()?;
    // Clock and firmware version.
    reader.take(17 + 8)?;
    let name = reader.sized()?;
    let _qualified = reader.sized()?;
    reader.0.is_empty().then_some((extra, name))
}

/// The name of an object: the hash's number, and the hash of its public area.
fn named(hash: u16, public: &[u8]) -> Option<Vec<u8>> {
    let algorithm = match hash {
        0x0004 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        0x000b => &digest::SHA256,
        0x000c => &digest::SHA384,
        0x000d => &digest::SHA512,
        _ => return None,
    };
    let digest = digest::digest(algorithm, public);
    Some([hash.to_be_bytes().as_slice(), digest.as_ref()].concat())
}

fn padded(number: &[u8], size: usize) -> Option<Vec<u8>> {
    let missing = size.checked_sub(number.len())?;
    let mut padded = vec![0; missing];
    padded.extend_from_slice(number);
    Some(padded)
}

/// Big-endian structures.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*bytes))
    }

    fn u32(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*bytes))
    }

    /// `TPM2B_…`.
    fn sized(&mut self) -> Option<&'a [u8]> {
        let count = self.u16()?;
        self.take(usize::from(count))
    }

    /// A scheme, with its hash where there is one.
    fn scheme(&mut self) -> Option<()> {
        if self.u16()? != NULL {
            self.u16()?;
        }
        Some(())
    }
}
