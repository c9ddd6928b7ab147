use realmkeep_events::EventType;
use uuid::Uuid;

use crate::flow::{
    About, ActionAnswer, ActionOutcome, ConfigTotp, Facts, Login, Page, Progress, RequiredAction,
    Shown, Submitted,
};
use crate::otp::{self, OtpKind, OtpPolicy};

/// Sets up an authenticator app.
#[derive(Debug)]
pub struct ConfigureTotp;

/// Note with the secret that the page shows.
const SECRET: &str = "CONFIGURE_TOTP.secret";
/// Longest name of a device, in characters.
const MAX_LABEL: usize = 64;
/// Authenticator apps of one user, at most.
const MAX_DEVICES: usize = 50;

impl RequiredAction for ConfigureTotp {
    fn about(&self) -> About {
        About {
            id: "CONFIGURE_TOTP",
            name: "Configure OTP",
            help: "The user sets up an authenticator app",
            properties: &[],
        }
    }

    fn credential<'b>(&self, _: &'b Facts<'_>) -> Option<&'b str> {
        Some(otp::TYPE)
    }

    fn prepare<'a>(&'a self, login: &'a mut Login<'_>) -> ActionAnswer<'a> {
        Box::pin(async move {
            if !login.progress.notes.contains_key(SECRET) {
                let secret = OtpPolicy::of(&login.facts.realm.settings).new_secret();
                let notes = &mut login.progress.notes;
                notes.insert(SECRET.to_owned(), secret.to_string());
            }
            Ok(ActionOutcome::Again(Shown::default()))
        })
    }

    fn page(&self, facts: &Facts<'_>, progress: &Progress, _: &Shown) -> Page {
        let policy = OtpPolicy::of(&facts.realm.settings);
        let secret = progress.notes.get(SECRET).map_or("", String::as_str);
        let display = facts.realm.settings.display_name.as_deref();
        let issuer = display
            .filter(|d| !d.is_empty())
            .unwrap_or(&facts.realm.name);
        let username = facts.username();
        Page::ConfigTotp(ConfigTotp {
            uri: policy.uri(issuer, &username, secret),
            secret: in_fours(&otp::base32(secret.as_bytes())),
            username,
            totp: policy.kind == OtpKind::Totp,
            algorithm: policy.algorithm.name().to_owned(),
            digits: policy.digits,
            period: policy.period,
            counter: policy.initial_counter,
            label_required: facts.has_credential(otp::TYPE),
        })
    }

    fn answer<'a>(&'a self, login: &'a mut Login<'_>, form: &'a Submitted) -> ActionAnswer<'a> {
        Box::pin(async move {
            let facts = &login.facts;
            let policy = OtpPolicy::of(&facts.realm.settings);
            let label = form
                .value("userLabel")
                .unwrap_or_default()
                .trim()
                .to_owned();
            let again = |field: &str, error: &str| {
                let mut shown = Shown::default().with("userLabel", label.clone());
                shown
                    .field_errors
                    .insert(field.to_owned(), error.to_owned());
                Ok(ActionOutcome::Again(shown))
            };
            let Some(code) = form.value("totp") else {
                return again("totp", "missingTotpMessage");
            };
            let Some(secret) = login.progress.notes.get(SECRET) else {
                return again("totp", "invalidTotpMessage");
            };
            let Some(used) = policy.first_code(secret, code, facts.now) else {
                return again("totp", "invalidTotpMessage");
            };
            let devices = facts.credentials_of(otp::TYPE).count();
            if label.is_empty() && devices > 0 {
                return again("userLabel", "missingTotpDeviceNameMessage");
            }
            if label.chars().count() > MAX_LABEL || devices >= MAX_DEVICES {
                return again("userLabel", "error-invalid-value");
            }
            let id = Uuid::new_v4().to_string();
            let now = facts.services.clock.now_millis();
            let mut credential = policy
                .credential(id.clone(), &label, secret, used, now)
                .map_err(|_| crate::LoginFailure::Credential("new".to_owned()))?;
            credential.priority = Some(super::next_priority(facts));
            let user_id = login.progress.user.clone().unwrap_or_default();
            let store = &login.facts.services.store;
            let step = store.insert_credential(&user_id, &credential)?;
            login.push(step);
            // The code that set the app up has been used.
            login.push(realmkeep_store::Store::raise_counter(&id, used));
            super::end_other_sessions(login, form).await?;
            login.progress.notes.remove(SECRET);
            // The older name for those that listen for it.
            for kind in [EventType::UpdateTotp, EventType::UpdateCredential] {
                login.notice(kind, vec![("credential_type", otp::TYPE.to_owned())]);
            }
            Ok(ActionOutcome::Done)
        })
    }
}

fn in_fours(text: &str) -> String {
    let mut grouped = String::new();
    for (at, letter) in text.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            grouped.push(' ');
        }
        grouped.push(letter);
    }
    grouped
}
