//! Registering a key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use realmkeep_webauthn::{NewCredential, Registration, verify_registration};
use serde_json::{Map, Value, json};

use super::credential::from_base64;
pub use super::credential::stored;
use super::{Kind, WebauthnCredential, WebauthnPolicy};
use crate::flow::{Facts, Submitted};

/// `PublicKeyCredentialCreationOptionsJSON` (section 5.1.9): what the browser is asked to make.
/// `challenge` is Base64url.
pub fn options(facts: &Facts<'_>, kind: Kind, challenge: &str) -> String {
    let policy = WebauthnPolicy::of(facts.services, &facts.realm.settings, kind);
    let user = facts.subject.as_ref().map(|subject| &subject.user);
    let id = user.and_then(|u| u.id.as_deref()).unwrap_or_default();
    let username = facts.username();
    let parts = user.map(|u| [u.first_name.as_deref(), u.last_name.as_deref()]);
    let full: Vec<&str> = parts.into_iter().flatten().flatten().collect();
    let display = Some(full.join(" ")).filter(|name| !name.trim().is_empty());
    let algorithms: Vec<Value> = policy
        .algorithms
        .iter()
        .map(|a| json!({"type": "public-key", "alg": a.cose()}))
        .collect();
    let excluded: Vec<Value> = facts
        .credentials_of(kind.credential_type())
        .filter(|_| policy.avoid_same)
        .filter_map(WebauthnCredential::read)
        .map(|key| json!({"type": "public-key", "id": key.public_id()}))
        .collect();
    let mut selection = Map::new();
    let mut select = |name: &str, value: Value| selection.insert(name.to_owned(), value);
    if let Some(attachment) = policy.attachment {
        select("authenticatorAttachment", json!(attachment));
    }
    if let Some(resident_key) = policy.resident_key {
        select("residentKey", json!(resident_key));
        select("requireResidentKey", json!(resident_key == "required"));
    }
    if let Some(verification) = policy.user_verification {
        select("userVerification", json!(verification));
    }
    let mut options = json!({
        "rp": {"name": policy.name, "id": policy.relying_party.id},
        "user": {
            "id": URL_SAFE_NO_PAD.encode(id),
            "name": username,
            "displayName": display.unwrap_or_else(|| username.clone()),
        },
        "challenge": challenge,
        "pubKeyCredParams": algorithms,
        "excludeCredentials": excluded,
        "authenticatorSelection": selection,
        "attestation": policy.attestation(),
        "extensions": {"credProps": true},
    });
    if policy.timeout > 0
        && let Value::Object(fields) = &mut options
    {
        // Milliseconds.
        fields.insert("timeout".to_owned(), json!(policy.timeout * 1000));
    }
    options.to_string()
}

/// Why a key was not registered; the text is for events and logs.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    #[error("the browser sent no new credential")]
    NotSent,
    #[error("the policy asks for an authenticator of the kind '{0}'")]
    Attachment(&'static str),
    #[error("the policy asks for a key that finds its user by itself, and this one does not")]
    NotDiscoverable,
    #[error("the key is registered already")]
    Known,
    #[error(transparent)]
    Webauthn(#[from] realmkeep_webauthn::WebauthnError),
}

/// Checks a key that a browser made against the realm's policy. What only the browser says (the kind
/// of authenticator, whether the key is discoverable) is as true as the browser is.
///
/// # Errors
/// When it is not accepted.
pub fn verify(
    facts: &Facts<'_>,
    kind: Kind,
    challenge: &str,
    form: &Submitted,
) -> Result<NewCredential, RegistrationError> {
    let policy = WebauthnPolicy::of(facts.services, &facts.realm.settings, kind);
    let field = |name: &'static str| form.value(name).and_then(from_base64);
    let (Some(client_data), Some(object)) = (field("clientDataJSON"), field("attestationObject"))
    else {
        return Err(RegistrationError::NotSent);
    };
    let made = verify_registration(
        Registration {
            relying_party: &policy.relying_party,
            challenge: &from_base64(challenge).unwrap_or_default(),
            algorithms: &policy.algorithms,
            user_verification: policy.verifies_user(),
            conveyance: policy.conveyance,
            acceptable_aaguids: policy.aaguids.as_deref(),
            truststore: &facts.services.accounts.attestations,
            now: facts.now,
        },
        &client_data,
        &object,
    )?;
    if field("publicKeyCredentialId").is_some_and(|id| id != made.id) {
        return Err(realmkeep_webauthn::WebauthnError::CredentialId.into());
    }
    if let Some(attachment) = policy.attachment
        && form.value("authenticatorAttachment") != Some(attachment)
    {
        return Err(RegistrationError::Attachment(attachment));
    }
    if policy.resident_key == Some("required") && form.value("residentKey") == Some("false") {
        return Err(RegistrationError::NotDiscoverable);
    }
    // Under another user an id may stand twice: a key is looked for among those of one user.
    let known = [Kind::TwoFactor, Kind::Passwordless]
        .iter()
        .flat_map(|kind| facts.credentials_of(kind.credential_type()))
        .filter_map(WebauthnCredential::read)
        .any(|key| key.id == made.id);
    if known {
        return Err(RegistrationError::Known);
    }
    Ok(made)
}
