use x509_parser::asn1_rs::{Any, Class, FromDer, Tag};

use super::certificate::{extension, is_signed, parse};
use super::{AttestationError, Evidence, Format, Statement, Usage};
use crate::Algorithm;

/// Keys in the hardware of Android devices (section 8.4).
pub(super) struct AndroidKey;

const KEY_DESCRIPTION: &str = "1.3.6.1.4.1.11129.2.1.17";
/// Tags of an `AuthorizationList`.
const PURPOSE: u32 = 1;
const ALL_APPLICATIONS: u32 = 600;
const ORIGIN: u32 = 702;
/// `KM_PURPOSE_SIGN` and `KM_ORIGIN_GENERATED`.
const SIGN: &[u8] = &[2];
const GENERATED: &[u8] = &[0];

impl Format for AndroidKey {
    fn id(&self) -> &'static str {
        "android-key"
    }

    fn verify(&self, statement: &Statement<'_>) -> Result<Evidence, AttestationError> {
        let algorithm = statement.map.integer("alg").and_then(Algorithm::from_cose);
        let algorithm = algorithm.ok_or(AttestationError::Malformed)?;
        let signature = statement.bytes("sig")?;
        let certificates = statement.certificates()?;
        let certificates = certificates.ok_or(AttestationError::Malformed)?;
        let first = certificates.first().ok_or(AttestationError::Malformed)?;
        let certificate = parse(first)?;
        if !is_signed(&certificate, algorithm, &statement.signed(), signature) {
            return Err(AttestationError::Signature);
        }
        if !statement.key.is_certified(certificate.public_key()) {
            return Err(AttestationError::Mismatch);
        }
        let description = extension(&certificate, KEY_DESCRIPTION)?;
        let description = description.ok_or(AttestationError::Certificate("key description"))?;
        let found = KeyDescription::read(description);
        let found = found.ok_or(AttestationError::Certificate("key description"))?;
        if found.challenge != statement.client_data_hash {
            return Err(AttestationError::Mismatch);
        }
        if !found.is_acceptable() {
            return Err(AttestationError::Certificate(
                "the key is not one that this device made to sign for one application",
            ));
        }
        Ok(Evidence::Chain {
            certificates,
            usage: Usage::Any,
        })
    }
}

/// `KeyDescription` of Android's key attestation.
struct KeyDescription<'a> {
    challenge: &'a [u8],
    /// Context-specific tags with their content.
    software: Vec<(u32, Any<'a>)>,
    hardware: Vec<(u32, Any<'a>)>,
}

impl<'a> KeyDescription<'a> {
    fn read(der: &'a [u8]) -> Option<Self> {
        let (rest, outer) = Any::from_der(der).ok()?;
        if !rest.is_empty() || outer.tag() != Tag::Sequence {
            return None;
        }
        let parts = all(outer.data)?;
        let challenge = parts.get(4).filter(|part| part.tag() == Tag::OctetString)?;
        Some(Self {
            challenge: challenge.data,
            software: list(parts.get(6)?)?,
            hardware: list(parts.get(7)?)?,
        })
    }

    fn is_acceptable(&self) -> bool {
        let lists = || self.software.iter().chain(&self.hardware);
        let for_all = lists().any(|(tag, _)| *tag == ALL_APPLICATIONS);
        let is = |tag: u32, number: &[u8]| {
            // Several places may say so; none may say otherwise.
            let mut found = lists().filter(|(known, _)| *known == tag).peekable();
            found.peek().is_some() && found.all(|(_, content)| holds(content, number))
        };
        !for_all && is(ORIGIN, GENERATED) && is(PURPOSE, SIGN)
    }
}

/// Whether it is the number, or a set with it.
fn holds(content: &Any<'_>, number: &[u8]) -> bool {
    match content.tag() {
        Tag::Integer => content.data == number,
        Tag::Set => {
            all(content.data).is_some_and(|parts| parts.iter().any(|part| part.data == number))
        }
        _ => false,
    }
}

fn list<'a>(sequence: &Any<'a>) -> Option<Vec<(u32, Any<'a>)>> {
    if sequence.tag() != Tag::Sequence {
        return None;
    }
    let tagged = all(sequence.data)?.into_iter().map(|part| {
        (part.class() == Class::ContextSpecific).then_some(())?;
        let (_, content) = Any::from_der(part.data).ok()?;
        Some((part.tag().0, content))
    });
    tagged.collect()
}

fn all(mut der: &[u8]) -> Option<Vec<Any<'_>>> {
    let mut parts = Vec::new();
    while !der.is_empty() {
        let (rest, part) = Any::from_der(der).ok()?;
        parts.push(part);
        der = rest;
    }
    Some(parts)
}
