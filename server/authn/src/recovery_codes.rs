//! Recovery codes: a list that the user writes down; each counts once, in order.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use realmkeep_representations::{CredentialRepresentation, SecretString};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::flow::{Facts, Login};
use crate::{LoginFailure, Refusal, brute_force, random};

/// Type of the credential.
pub const TYPE: &str = "recovery-authn-codes";
/// Codes of a list.
pub const COUNT: usize = 12;
/// Characters of a code, of 32 letters and digits: 60 bits, too many to guess from a hash.
const LENGTH: usize = 12;
/// No letters that look like others.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CredentialData {
    hash_iterations: Option<i64>,
    algorithm: String,
    total_codes: usize,
    remaining_codes: usize,
}

#[derive(Serialize, Deserialize)]
struct SecretData {
    codes: Vec<Code>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Code {
    /// From 1.
    number: i64,
    /// Base64.
    encoded_hashed_value: Zeroizing<String>,
}

/// A fresh list.
pub fn generate() -> Vec<String> {
    (0..COUNT)
        .map(|_| {
            let bytes = random::bytes(LENGTH);
            let letter = |byte: &u8| ALPHABET.get(usize::from(byte & 31)).copied();
            bytes
                .iter()
                .map(|byte| char::from(letter(byte).unwrap_or(b'A')))
                .collect()
        })
        .collect()
}

/// The credential to store for a list.
///
/// # Errors
/// When it has no JSON form.
pub fn credential(
    id: String,
    label: &str,
    codes: &[String],
    now_millis: i64,
) -> Result<CredentialRepresentation, serde_json::Error> {
    let data = CredentialData {
        hash_iterations: Some(1),
        algorithm: "RS512".to_owned(),
        total_codes: codes.len(),
        remaining_codes: codes.len(),
    };
    let secret = SecretData {
        codes: codes
            .iter()
            .zip(1..)
            .map(|(code, number)| Code {
                number,
                encoded_hashed_value: Zeroizing::new(hashed(code)),
            })
            .collect(),
    };
    Ok(CredentialRepresentation {
        id: Some(id),
        r#type: Some(TYPE.to_owned()),
        user_label: Some(label.to_owned()).filter(|l| !l.is_empty()),
        created_date: Some(now_millis),
        credential_data: Some(serde_json::to_string(&data)?),
        secret_data: Some(SecretString::new(serde_json::to_string(&secret)?)),
        ..CredentialRepresentation::default()
    })
}

/// Number of the code that comes next; None when the user has none left.
pub fn next_number(facts: &Facts<'_>) -> Option<i64> {
    let credential = facts.credentials_of(TYPE).next()?;
    read(credential)?.codes.first().map(|code| code.number)
}

/// Checks the code that comes next; a right one is gone.
///
/// # Errors
/// When it is wrong, used before, or cannot be checked.
pub async fn verify(login: &mut Login<'_>, given: &str) -> Result<(), LoginFailure> {
    let facts = &login.facts;
    let (services, realm) = (facts.services, facts.realm);
    let user_id = facts.subject.as_ref().and_then(|s| s.user.id.clone());
    let refused = |reason| LoginFailure::Refused {
        reason,
        user_id: user_id.clone(),
    };
    let Some(id) = &user_id else {
        return Err(refused(Refusal::UserNotFound));
    };
    let attempt = match brute_force::begin(services, realm, Some(id), "").await? {
        brute_force::Admission::Admitted(attempt) => attempt,
        brute_force::Admission::Locked => return Err(refused(Refusal::UserTemporarilyDisabled)),
    };
    let credential = facts.credentials_of(TYPE).next().cloned();
    let stored = credential.as_ref().and_then(read);
    let right = match (&credential, &stored) {
        (Some(credential), Some(secret)) => match secret.codes.first() {
            Some(code) if is_equal(&code.encoded_hashed_value, given) => {
                let of = credential.id.as_deref().unwrap_or_default();
                let store = &services.store;
                store.raise_credential_counter(of, code.number).await?
            }
            _ => false,
        },
        _ => false,
    };
    if !right {
        attempt.failed(services, realm, &facts.browser.ip).await?;
        return Err(refused(Refusal::InvalidUserCredentials));
    }
    attempt.passed(services, realm).await?;
    if let (Some(credential), Some(mut secret)) = (credential, stored) {
        secret.codes.remove(0);
        let step = if secret.codes.is_empty() {
            let of = credential.id.as_deref().unwrap_or_default();
            realmkeep_store::Store::delete_credential(id, of)
        } else {
            services
                .store
                .update_credential(id, &without_used(&credential, &secret)?)?
        };
        login.push(step);
    }
    Ok(())
}

fn without_used(
    credential: &CredentialRepresentation,
    secret: &SecretData,
) -> Result<CredentialRepresentation, LoginFailure> {
    let unusable = |_| LoginFailure::Credential(credential.id.clone().unwrap_or_default());
    let text = credential.credential_data.as_deref().unwrap_or_default();
    let mut data: CredentialData = serde_json::from_str(text).map_err(unusable)?;
    data.remaining_codes = secret.codes.len();
    let secret = serde_json::to_string(secret).map_err(unusable)?;
    Ok(CredentialRepresentation {
        credential_data: Some(serde_json::to_string(&data).map_err(unusable)?),
        secret_data: Some(SecretString::new(secret)),
        ..credential.clone()
    })
}

fn read(credential: &CredentialRepresentation) -> Option<SecretData> {
    serde_json::from_str(credential.secret_data.as_ref()?.expose()).ok()
}

fn is_equal(stored: &str, given: &str) -> bool {
    let given: String = given
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(64)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    bool::from(stored.as_bytes().ct_eq(hashed(&given).as_bytes()))
}

/// Codes are random and long: a plain hash does.
fn hashed(code: &str) -> String {
    STANDARD.encode(digest::digest(&digest::SHA512, code.as_bytes()))
}
