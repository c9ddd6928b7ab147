//! Using a key.

use realmkeep_representations::CredentialRepresentation;
use realmkeep_store::Subject;
use realmkeep_webauthn::{Response, StoredCredential, verify_assertion};
use std::sync::Arc;

use super::credential::from_base64;
use super::{Kind, WebauthnCredential, WebauthnPolicy};
use crate::flow::{Facts, KeyRequest, Login, Outcome, OwnKey, Progress, Submitted};
use crate::{LoginFailure, Refusal, brute_force, random};

/// Note with the challenge of the page that was shown last.
const CHALLENGE: &str = "webauthn.challenge";
/// Bytes of a challenge; section 13.4.3 asks for 16.
const CHALLENGE_LENGTH: usize = 32;
/// Keys of one user that a browser is told of, at most.
const MAX_KEYS: usize = 50;
/// Longest text of a browser about what went wrong, in characters.
const MAX_ERROR: usize = 200;

/// Notes a fresh challenge for the page that comes.
pub fn prepare(progress: &mut Progress) {
    let challenge = random::token(CHALLENGE_LENGTH);
    progress.notes.insert(CHALLENGE.to_owned(), challenge);
}

/// What the browser is asked for: a key of the user, or of anybody while nobody is named.
pub fn request(facts: &Facts<'_>, progress: &Progress, kind: Kind) -> KeyRequest {
    let policy = WebauthnPolicy::of(facts.services, &facts.realm.settings, kind);
    let challenge = progress.notes.get(CHALLENGE);
    let keys = facts.credentials_of(kind.credential_type());
    KeyRequest {
        challenge: challenge.cloned().unwrap_or_default(),
        relying_party: policy.relying_party.id,
        user_verification: policy.user_verification.unwrap_or_default(),
        timeout: policy.timeout,
        mediation: "",
        keys: keys
            .take(MAX_KEYS)
            .filter_map(|stored| {
                Some(OwnKey {
                    id: WebauthnCredential::read(stored)?.public_id(),
                    label: stored.user_label.clone().unwrap_or_default(),
                    created: stored.created_date.unwrap_or(0),
                })
            })
            .collect(),
    }
}

/// Why a key was not accepted.
struct NotAccepted {
    /// The event's error code.
    event: &'static str,
    user_id: Option<String>,
    /// The kind of failure, and what exactly.
    error: &'static str,
    detail: String,
}

impl NotAccepted {
    fn new(event: &'static str, error: &'static str, detail: impl Into<String>) -> Self {
        Self {
            event,
            user_id: None,
            error,
            detail: detail.into(),
        }
    }

    fn of(mut self, user_id: &str) -> Self {
        self.user_id = Some(user_id.to_owned());
        self
    }
}

/// Message where the browser has nothing to send.
const NOT_SENT: &str = "webauthn-error-api-get";
/// Message of every proof that is not accepted: it does not tell which users there are.
const NOT_RIGHT: &str = "webauthn-error-auth-verification";

/// Takes what a browser sent. Where nobody is named, the key names its user.
///
/// # Errors
/// When nothing can be said about it.
pub async fn verify(
    login: &mut Login<'_>,
    kind: Kind,
    form: &Submitted,
) -> Result<Outcome, LoginFailure> {
    // A challenge counts once.
    let challenge = login.progress.notes.remove(CHALLENGE);
    let refused = match attempt(login, kind, challenge.as_deref(), form).await? {
        Ok(()) => return Ok(Outcome::Proven(kind.credential_type())),
        Err(refused) => refused,
    };
    let message = match refused.error {
        NOT_SENT => NOT_SENT,
        _ => NOT_RIGHT,
    };
    login.refused_about(vec![
        ("credential_type", kind.credential_type().to_owned()),
        ("web_authn_authentication_error", refused.error.to_owned()),
        ("web_authn_authentication_error_detail", refused.detail),
    ]);
    Ok(Outcome::refused(message, refused.event, refused.user_id))
}

/// The inner failure is for the person, the outer one for nobody.
async fn attempt(
    login: &mut Login<'_>,
    kind: Kind,
    challenge: Option<&str>,
    form: &Submitted,
) -> Result<Result<(), NotAccepted>, LoginFailure> {
    if let Some(error) = form.value("error") {
        let error: String = error.chars().take(MAX_ERROR).collect();
        return Ok(Err(NotAccepted::new("not_allowed", NOT_SENT, error)));
    }
    let field = |name: &'static str| form.value(name).and_then(from_base64);
    let (Some(client_data), Some(data), Some(signature), Some(id)) = (
        field("clientDataJSON"),
        field("authenticatorData"),
        field("signature"),
        field("credentialId"),
    ) else {
        let detail = "the browser sent no assertion";
        return Ok(Err(NotAccepted::new("not_allowed", NOT_SENT, detail)));
    };
    let handle = field("userHandle").and_then(|bytes| String::from_utf8(bytes).ok());
    let found = match who(login, kind, handle.as_deref(), &id).await? {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    let (services, realm) = (login.facts.services, login.facts.realm);
    let user_id = found.subject.user.id.clone().unwrap_or_default();
    let attempt = match brute_force::begin(services, realm, Some(&user_id), "").await? {
        brute_force::Admission::Admitted(attempt) => attempt,
        brute_force::Admission::Locked => {
            let event = Refusal::UserTemporarilyDisabled.code();
            let refused = NotAccepted::new(event, NOT_RIGHT, "the user is locked out");
            return Ok(Err(refused.of(&user_id)));
        }
    };
    let policy = WebauthnPolicy::of(services, &realm.settings, kind);
    let stored_id = found.stored.id.clone().unwrap_or_default();
    let store = &services.store;
    let seen = store.credential_counter(&stored_id).await?.unwrap_or(0);
    let seen = u32::try_from(seen).unwrap_or(u32::MAX);
    let challenge = challenge.and_then(from_base64).unwrap_or_default();
    let verified = verify_assertion(
        &policy.relying_party,
        &challenge,
        policy.verifies_user(),
        StoredCredential {
            public_key: &found.key.public_key,
            counter: found.key.counter.max(seen),
        },
        Response {
            client_data_json: &client_data,
            authenticator_data: &data,
            signature: &signature,
        },
    );
    let wrong = match &verified {
        Err(error) => Some(error.to_string()),
        // Of all who send one counter, one is right.
        Ok(right) if right.counter > 0 => {
            let counter = i64::from(right.counter);
            let raised = store.raise_credential_counter(&stored_id, counter).await?;
            (!raised).then(|| realmkeep_webauthn::WebauthnError::Counter.to_string())
        }
        Ok(_) => None,
    };
    if let Some(detail) = wrong {
        attempt
            .failed(services, realm, &login.facts.browser.ip)
            .await?;
        let event = Refusal::InvalidUserCredentials.code();
        return Ok(Err(NotAccepted::new(event, NOT_RIGHT, detail).of(&user_id)));
    }
    attempt.passed(services, realm).await?;
    if found.subject.user.enabled != Some(true) {
        let event = Refusal::UserDisabled.code();
        let refused = NotAccepted::new(event, NOT_RIGHT, "the account is disabled");
        return Ok(Err(refused.of(&user_id)));
    }
    let public_id = found.key.public_id();
    if let Ok(right) = verified
        && right.counter != found.key.counter
    {
        let counted = CredentialRepresentation {
            credential_data: Some(found.key.counted(right.counter)),
            ..found.stored
        };
        login.push(store.update_credential(&user_id, &counted)?);
    }
    if login.progress.user.is_none() {
        login.set_user(&user_id).await?;
    }
    login.proven_about(vec![
        ("credential_type", kind.credential_type().to_owned()),
        ("public_key_credential_id", public_id),
        (
            "web_authn_authenticator_user_verification_checked",
            policy.verifies_user().to_string(),
        ),
    ]);
    Ok(Ok(()))
}

/// Whose key it is, before anything is proven: nothing of it may be told or kept.
struct Found {
    subject: Arc<Subject>,
    stored: CredentialRepresentation,
    key: WebauthnCredential,
}

async fn who(
    login: &Login<'_>,
    kind: Kind,
    handle: Option<&str>,
    id: &[u8],
) -> Result<Result<Found, NotAccepted>, LoginFailure> {
    const NOT_FOUND: &str = "webauthn-error-user-not-found";
    let facts = &login.facts;
    let not_found = |detail: &str| {
        let event = Refusal::UserNotFound.code();
        Ok(Err(NotAccepted::new(event, NOT_FOUND, detail)))
    };
    let known = login.progress.user.as_deref();
    let Some(user_id) = known.or(handle) else {
        return not_found("the key does not say whose it is");
    };
    if handle.is_some_and(|handle| handle != user_id) {
        let event = Refusal::DifferentUser.code();
        let detail = "the key is another user's";
        let refused = NotAccepted::new(event, "webauthn-error-different-user", detail);
        return Ok(Err(refused.of(user_id)));
    }
    let store = &facts.services.store;
    let Some(subject) = store.subject(facts.realm, user_id).await? else {
        return not_found("there is no such user");
    };
    if subject.user.service_account_client_id.is_some() {
        return not_found("service accounts do not log in");
    }
    let credentials = store.credentials(user_id).await?;
    for stored in credentials {
        if stored.r#type.as_deref() != Some(kind.credential_type()) {
            continue;
        }
        let Some(key) = WebauthnCredential::read(&stored) else {
            tracing::warn!(
                user = user_id,
                credential = stored.id,
                "a stored key cannot be read; delete it and let the user register a new one"
            );
            continue;
        };
        if key.id == id {
            return Ok(Ok(Found {
                subject,
                stored,
                key,
            }));
        }
    }
    not_found("the user has no such key")
}
