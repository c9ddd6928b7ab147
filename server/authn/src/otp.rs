//! One-time codes: HOTP (RFC 4226) and TOTP (RFC 6238), on keyed hashes of the crypto library.

use aws_lc_rs::hmac;
use realmkeep_representations::{CredentialRepresentation, RealmRepresentation, SecretString};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::flow::Facts;
use crate::{LoginFailure, Refusal, brute_force, random};

/// Type of the credential.
pub const TYPE: &str = "otp";

/// Steps or counters that are tried on either side, at most.
const MAX_WINDOW: i64 = 50;
/// Characters of a code, at most.
const MAX_CODE: usize = 10;

/// What a realm asks of authenticator apps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtpPolicy {
    pub kind: OtpKind,
    pub algorithm: OtpAlgorithm,
    pub digits: u32,
    /// Seconds, for TOTP.
    pub period: i64,
    /// For HOTP.
    pub initial_counter: i64,
    pub window: i64,
    /// Whether a time-based code may be used more than once.
    pub reusable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OtpKind {
    Totp,
    Hotp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OtpAlgorithm {
    #[serde(rename = "HmacSHA1")]
    Sha1,
    #[serde(rename = "HmacSHA256")]
    Sha256,
    #[serde(rename = "HmacSHA512")]
    Sha512,
}

/// `credentialData` of a stored credential.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CredentialData {
    sub_type: OtpKind,
    digits: u32,
    #[serde(default)]
    counter: i64,
    #[serde(default)]
    period: i64,
    algorithm: OtpAlgorithm,
    /// `BASE32` when the secret is; otherwise its characters are the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret_encoding: Option<String>,
}

/// `secretData` of a stored credential.
#[derive(Serialize, Deserialize)]
struct SecretData {
    value: Zeroizing<String>,
}

impl OtpAlgorithm {
    /// As people and `otpauth:` addresses know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    /// Characters of a new secret.
    fn secret_length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl OtpPolicy {
    pub fn of(realm: &RealmRepresentation) -> Self {
        let number = |value: Option<i32>, default: i64| value.map_or(default, i64::from);
        Self {
            kind: match realm.otp_policy_type.as_deref() {
                Some("hotp") => OtpKind::Hotp,
                _ => OtpKind::Totp,
            },
            algorithm: match realm.otp_policy_algorithm.as_deref() {
                Some("HmacSHA256") => OtpAlgorithm::Sha256,
                Some("HmacSHA512") => OtpAlgorithm::Sha512,
                _ => OtpAlgorithm::Sha1,
            },
            digits: if realm.otp_policy_digits == Some(8) {
                8
            } else {
                6
            },
            period: number(realm.otp_policy_period, 30).clamp(1, 86_400),
            initial_counter: number(realm.otp_policy_initial_counter, 0).max(0),
            window: number(realm.otp_policy_look_ahead_window, 1).clamp(0, MAX_WINDOW),
            reusable: realm.otp_policy_code_reusable == Some(true),
        }
    }

    /// A fresh secret: letters and digits, each character a byte of the key.
    pub fn new_secret(&self) -> Zeroizing<String> {
        let mut secret = Zeroizing::new(String::new());
        while secret.len() < self.algorithm.secret_length() {
            secret.push_str(&random::token(48));
            secret.retain(|c| c.is_ascii_alphanumeric());
        }
        secret.truncate(self.algorithm.secret_length());
        secret
    }

    /// The address that authenticator apps read.
    pub fn uri(&self, issuer: &str, username: &str, secret: &str) -> String {
        use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let kind = match self.kind {
            OtpKind::Totp => "totp",
            OtpKind::Hotp => "hotp",
        };
        let moving = match self.kind {
            OtpKind::Totp => format!("period={}", self.period),
            OtpKind::Hotp => format!("counter={}", self.initial_counter),
        };
        format!(
            "otpauth://{kind}/{}:{}?secret={}&digits={}&algorithm={}&issuer={}&{moving}",
            encoded(issuer),
            encoded(username),
            base32(secret.as_bytes()),
            self.digits,
            self.algorithm.name(),
            encoded(issuer),
        )
    }

    /// Whether `code` is one that an app with the secret shows now; for setting it up. The counter
    /// or time step that it belongs to.
    pub fn first_code(&self, secret: &str, code: &str, now: i64) -> Option<i64> {
        let (from, to) = match self.kind {
            OtpKind::Totp => {
                let step = now.div_euclid(self.period);
                (step - self.window, step + self.window)
            }
            OtpKind::Hotp => (self.initial_counter, self.initial_counter + self.window),
        };
        matching(
            self.algorithm,
            self.digits,
            secret.as_bytes(),
            code,
            from,
            to,
        )
    }

    /// The code for a counter or time step.
    pub fn code(&self, secret: &str, counter: i64) -> String {
        let key = hmac::Key::new(self.algorithm.hmac(), secret.as_bytes());
        hotp(&key, self.digits, counter)
    }

    /// The credential to store for a secret whose first code belonged to `used`.
    ///
    /// # Errors
    /// When it has no JSON form.
    pub fn credential(
        &self,
        id: String,
        label: &str,
        secret: &str,
        used: i64,
        now_millis: i64,
    ) -> Result<CredentialRepresentation, serde_json::Error> {
        let data = CredentialData {
            sub_type: self.kind,
            digits: self.digits,
            counter: match self.kind {
                OtpKind::Totp => 0,
                OtpKind::Hotp => used + 1,
            },
            period: self.period,
            algorithm: self.algorithm,
            secret_encoding: None,
        };
        let secret = SecretData {
            value: Zeroizing::new(secret.to_owned()),
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
}

/// Checks a code of the user's app: of the one with the id `selected`, or else of the first. Of all
/// who send one code, one is right.
///
/// # Errors
/// When it is wrong, used before, or cannot be checked.
pub async fn verify(
    facts: &Facts<'_>,
    selected: Option<&str>,
    code: &str,
) -> Result<(), LoginFailure> {
    let services = facts.services;
    let Some(user_id) = facts.subject.as_ref().and_then(|s| s.user.id.clone()) else {
        return Err(refused(Refusal::UserNotFound, None));
    };
    let admission = brute_force::begin(services, facts.realm, Some(&user_id), "").await?;
    let attempt = match admission {
        brute_force::Admission::Admitted(attempt) => attempt,
        brute_force::Admission::Locked => {
            return Err(refused(Refusal::UserTemporarilyDisabled, Some(user_id)));
        }
    };
    let chosen = facts
        .credentials_of(TYPE)
        .find(|c| selected.is_none_or(|id| c.id.as_deref() == Some(id)));
    let right = match chosen {
        Some(credential) => check(facts, credential, code).await?,
        None => false,
    };
    if !right {
        attempt
            .failed(services, facts.realm, &facts.browser.ip)
            .await?;
        return Err(refused(Refusal::InvalidUserCredentials, Some(user_id)));
    }
    attempt.passed(services, facts.realm).await?;
    Ok(())
}

async fn check(
    facts: &Facts<'_>,
    credential: &CredentialRepresentation,
    code: &str,
) -> Result<bool, LoginFailure> {
    let id = credential.id.clone().unwrap_or_default();
    let unusable = || LoginFailure::Credential(id.clone());
    let data: CredentialData =
        serde_json::from_str(credential.credential_data.as_deref().unwrap_or_default())
            .map_err(|_| unusable())?;
    let secret = credential.secret_data.as_ref().ok_or_else(unusable)?;
    let secret: SecretData = serde_json::from_str(secret.expose()).map_err(|_| unusable())?;
    let key = match data.secret_encoding.as_deref() {
        Some("BASE32") => Zeroizing::new(from_base32(&secret.value).ok_or_else(unusable)?),
        _ => Zeroizing::new(secret.value.as_bytes().to_vec()),
    };
    let policy = OtpPolicy::of(&facts.realm.settings);
    let store = &facts.services.store;
    let (from, to) = match data.sub_type {
        OtpKind::Totp => {
            let step = facts.now.div_euclid(data.period.max(1));
            (step - policy.window, step + policy.window)
        }
        OtpKind::Hotp => {
            let used = store.credential_counter(&id).await?;
            let next = used.map_or(data.counter, |used| data.counter.max(used + 1));
            (next, next + policy.window)
        }
    };
    let Some(found) = matching(data.algorithm, data.digits, &key, code, from, to) else {
        return Ok(false);
    };
    if data.sub_type == OtpKind::Totp && policy.reusable {
        return Ok(true);
    }
    Ok(store.raise_credential_counter(&id, found).await?)
}

/// The counter between `from` and `to` that the code belongs to. All are computed, whichever it is.
fn matching(
    algorithm: OtpAlgorithm,
    digits: u32,
    key: &[u8],
    code: &str,
    from: i64,
    to: i64,
) -> Option<i64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    if code.len() > MAX_CODE || !(6..=8).contains(&digits) {
        return None;
    }
    let key = hmac::Key::new(algorithm.hmac(), key);
    let mut found = None;
    for counter in from.max(0)..=to.min(from.saturating_add(2 * MAX_WINDOW)) {
        let expected = hotp(&key, digits, counter);
        if bool::from(expected.as_bytes().ct_eq(code.as_bytes())) && found.is_none() {
            found = Some(counter);
        }
    }
    found
}

/// RFC 4226 section 5.3.
fn hotp(key: &hmac::Key, digits: u32, counter: i64) -> String {
    let tag = hmac::sign(key, &counter.to_be_bytes());
    let bytes = tag.as_ref();
    let offset = usize::from(bytes.last().copied().unwrap_or(0) & 0x0f);
    let number = bytes
        .iter()
        .skip(offset)
        .take(4)
        .fold(0_u32, |number, byte| (number << 8) | u32::from(*byte))
        & 0x7fff_ffff;
    let code = u64::from(number) % 10_u64.pow(digits);
    format!("{code:0width$}", width = digits as usize)
}

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// RFC 4648 section 6, without padding.
pub fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            push_letter(&mut text, buffer >> bits);
        }
    }
    if bits > 0 {
        push_letter(&mut text, buffer << (5 - bits));
    }
    text
}

fn push_letter(text: &mut String, five_bits: u32) {
    let letter = ALPHABET.get((five_bits & 31) as usize).copied();
    text.push(char::from(letter.unwrap_or(b'A')));
}

/// None when it is not Base32; spaces, hyphens and padding are passed over.
pub fn from_base32(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for c in text.bytes().filter(|c| !matches!(c, b'=' | b' ' | b'-')) {
        let value = ALPHABET.iter().position(|a| *a == c.to_ascii_uppercase())?;
        buffer = (buffer << 5) | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(((buffer >> bits) & 0xff) as u8);
        }
    }
    Some(bytes)
}

fn refused(reason: Refusal, user_id: Option<String>) -> LoginFailure {
    LoginFailure::Refused { reason, user_id }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4226 appendix D.
    #[test]
    fn hotp_is_that_of_the_rfc() {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"12345678901234567890");
        let codes: Vec<String> = (0..5).map(|counter| hotp(&key, 6, counter)).collect();
        assert_eq!(codes, ["755224", "287082", "359152", "969429", "338314"]);
    }

    /// RFC 6238 appendix B, at 1111111109 seconds.
    #[test]
    fn totp_is_that_of_the_rfc() {
        let digits = b"1234567890123456789012345678901234567890123456789012345678901234";
        let step = 1_111_111_109 / 30;
        for (algorithm, length, expected) in [
            (OtpAlgorithm::Sha1, 20, "07081804"),
            (OtpAlgorithm::Sha256, 32, "68084774"),
            (OtpAlgorithm::Sha512, 64, "25091201"),
        ] {
            let key = &digits[..length];
            assert_eq!(
                matching(algorithm, 8, key, expected, step, step),
                Some(step)
            );
            assert_eq!(matching(algorithm, 8, key, "07081805", step, step), None);
        }
    }

    #[test]
    fn base32_is_that_of_the_rfc() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "MY"),
            ("foo", "MZXW6"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(plain.as_bytes()), encoded);
            assert_eq!(from_base32(encoded).unwrap(), plain.as_bytes());
        }
        assert_eq!(from_base32("1"), None);
    }
}
