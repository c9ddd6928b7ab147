use realmkeep_events::EventType;
use uuid::Uuid;

use super::requested;
use crate::flow::{
    About, ActionAnswer, ActionOutcome, Facts, Failure, Login, Page, Progress, RequiredAction,
    Shown, Submitted,
};
use crate::random;
use crate::webauthn::{Kind, registration};

/// Registers a security key or passkey.
#[derive(Debug)]
pub struct WebauthnRegister {
    kind: Kind,
    about: About,
}

pub const TWO_FACTOR: WebauthnRegister = WebauthnRegister {
    kind: Kind::TwoFactor,
    about: About {
        id: "webauthn-register",
        name: "Webauthn Register",
        help: "The user registers a security key or passkey as a second factor",
        properties: &[],
    },
};

pub const PASSWORDLESS: WebauthnRegister = WebauthnRegister {
    kind: Kind::Passwordless,
    about: About {
        id: "webauthn-register-passwordless",
        name: "Webauthn Register Passwordless",
        help: "The user registers a passkey that does instead of a password",
        properties: &[],
    },
};

/// Bytes of a challenge.
const CHALLENGE_LENGTH: usize = 32;
/// Longest name of a key, in characters.
const MAX_LABEL: usize = 255;
/// Keys of one kind that a user has, at most.
const MAX_KEYS: usize = 50;
/// Longest text of a browser about what went wrong, in characters.
const MAX_ERROR: usize = 200;
/// Parameter of the action: nothing is to be done for who has such a key.
const SKIP_IF_EXISTS: &str = "skip_if_exists";

impl WebauthnRegister {
    /// Note with the challenge; it goes away with the action.
    fn challenge(&self) -> String {
        format!("{}.challenge", self.about.id)
    }

    fn refuse(
        &self,
        login: &mut Login<'_>,
        error: &'static str,
        message: &'static str,
        detail: String,
    ) -> ActionOutcome {
        login.failed(Failure {
            kind: EventType::UpdateCredential,
            error,
            details: vec![
                ("credential_type", self.kind.credential_type().to_owned()),
                ("custom_required_action", self.about.id.to_owned()),
                ("web_authn_registration_error", message.to_owned()),
                ("web_authn_registration_error_detail", detail),
            ],
        });
        ActionOutcome::Again(Shown::error(message))
    }
}

impl RequiredAction for WebauthnRegister {
    fn about(&self) -> About {
        self.about
    }

    fn credential<'b>(&self, _: &'b Facts<'_>) -> Option<&'b str> {
        Some(self.kind.credential_type())
    }

    fn prepare<'a>(&'a self, login: &'a mut Login<'_>) -> ActionAnswer<'a> {
        Box::pin(async move {
            let wanted = requested(&login.facts);
            let skips = wanted == Some((self.about.id, Some(SKIP_IF_EXISTS)));
            if skips && login.facts.has_credential(self.kind.credential_type()) {
                return Ok(ActionOutcome::Done);
            }
            let notes = &mut login.progress.notes;
            notes.insert(self.challenge(), random::token(CHALLENGE_LENGTH));
            Ok(ActionOutcome::Again(Shown::default()))
        })
    }

    fn page(&self, facts: &Facts<'_>, progress: &Progress, shown: &Shown) -> Page {
        if shown.error.is_some() {
            return Page::WebauthnError;
        }
        let challenge = progress.notes.get(&self.challenge());
        Page::RegisterWebauthn {
            options: registration::options(facts, self.kind, challenge.map_or("", String::as_str)),
            passwordless: self.kind == Kind::Passwordless,
        }
    }

    fn answer<'a>(&'a self, login: &'a mut Login<'_>, form: &'a Submitted) -> ActionAnswer<'a> {
        Box::pin(async move {
            // A challenge counts once.
            let challenge = login.progress.notes.remove(&self.challenge());
            if form.value("isSetRetry").is_some() {
                return Ok(ActionOutcome::Again(Shown::default()));
            }
            if let Some(error) = form.value("error") {
                let error = error.chars().take(MAX_ERROR).collect();
                let message = "webauthn-error-register-verification";
                return Ok(self.refuse(login, "invalid_user_credentials", message, error));
            }
            let kind = self.kind;
            let challenge = challenge.unwrap_or_default();
            let made = match registration::verify(&login.facts, kind, &challenge, form) {
                Ok(made) => made,
                Err(error) => {
                    let message = "webauthn-error-registration";
                    let detail = error.to_string();
                    tracing::info!(
                        realm = login.facts.realm.name,
                        detail,
                        "a key was not registered"
                    );
                    return Ok(self.refuse(login, "invalid_registration", message, detail));
                }
            };
            if login.facts.credentials_of(kind.credential_type()).count() >= MAX_KEYS {
                let detail = format!("a user has at most {MAX_KEYS} keys of a kind");
                let message = "webauthn-error-registration";
                return Ok(self.refuse(login, "invalid_registration", message, detail));
            }
            let label: String = form
                .value("authenticatorLabel")
                .unwrap_or_default()
                .trim()
                .chars()
                .filter(|c| !c.is_control())
                .take(MAX_LABEL)
                .collect();
            let services = login.facts.services;
            let transports = form.value("transports").unwrap_or_default();
            let mut credential = registration::stored(
                Uuid::new_v4().to_string(),
                kind,
                &label,
                &made,
                transports,
                services.clock.now_millis(),
            );
            credential.priority = Some(super::next_priority(&login.facts));
            let user_id = login.progress.user.clone().unwrap_or_default();
            login.push(services.store.insert_credential(&user_id, &credential)?);
            super::end_other_sessions(login, form).await?;
            login.notice(
                EventType::UpdateCredential,
                vec![
                    ("credential_type", kind.credential_type().to_owned()),
                    ("custom_required_action", self.about.id.to_owned()),
                    (
                        "public_key_credential_id",
                        realmkeep_jose::base64url(&made.id),
                    ),
                    ("public_key_credential_label", label),
                    ("public_key_credential_aaguid", made.aaguid.to_string()),
                ],
            );
            Ok(ActionOutcome::Done)
        })
    }
}
