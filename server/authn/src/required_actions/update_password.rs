use realmkeep_events::EventType;

use super::provider;
use crate::flow::{
    About, ActionAnswer, ActionOutcome, Facts, Login, Page, Progress, Property, RequiredAction,
    Shown, Submitted,
};
use crate::set_password::{SetPasswordError, is_expired, set_password};

/// A new password.
#[derive(Debug)]
pub struct UpdatePassword;

impl RequiredAction for UpdatePassword {
    fn about(&self) -> About {
        About {
            id: "UPDATE_PASSWORD",
            name: "Update Password",
            help: "The user chooses a new password",
            properties: &[Property {
                name: "max_auth_age",
                label: "Maximum Age of Authentication",
                help: "Seconds since the last proof after which it is asked for again",
                kind: "String",
                default: Some("300"),
                options: &[],
            }],
        }
    }

    /// The policy wants the password changed.
    fn triggered(&self, facts: &Facts<'_>, _: &Progress) -> bool {
        let now = facts.services.clock.now_millis();
        is_expired(facts.services, facts.realm, &facts.credentials, now)
    }

    /// The password policy's limit comes before the action's own.
    fn max_age(&self, facts: &Facts<'_>) -> i64 {
        let of_policy = facts.services.accounts.password_policy(facts.realm).ok();
        let own = || {
            let config = provider(facts.realm, self.about().id)?.config.as_ref()?;
            config.get("max_auth_age")?.parse().ok()
        };
        let of_policy = of_policy.and_then(|policy| policy.max_auth_age());
        of_policy.or_else(own).unwrap_or(300)
    }

    fn credential<'b>(&self, _: &'b Facts<'_>) -> Option<&'b str> {
        Some("password")
    }

    fn page(&self, facts: &Facts<'_>, _: &Progress, _: &Shown) -> Page {
        Page::UpdatePassword {
            username: facts.username(),
        }
    }

    fn answer<'a>(&'a self, login: &'a mut Login<'_>, form: &'a Submitted) -> ActionAnswer<'a> {
        Box::pin(async move {
            let again = |field: &str, error: &str| {
                let mut shown = Shown::default();
                shown
                    .field_errors
                    .insert(field.to_owned(), error.to_owned());
                Ok(ActionOutcome::Again(shown))
            };
            let Some(password) = form.value("password-new") else {
                return again("password", "missingPasswordMessage");
            };
            if form.value("password-confirm") != Some(password) {
                return again("password-confirm", "notMatchPasswordMessage");
            }
            let facts = &login.facts;
            let Some(subject) = facts.subject.clone() else {
                return again("password", "invalidPasswordGenericMessage");
            };
            let made = set_password(
                facts.services,
                facts.realm,
                &subject.user,
                &facts.credentials,
                password,
            )
            .await;
            match made {
                Ok(steps) => steps.into_iter().for_each(|step| login.push(step)),
                Err(SetPasswordError::Policy(error)) => {
                    let mut shown = Shown::default();
                    let key = error.message_key.to_owned();
                    shown.field_errors.insert("password".to_owned(), key);
                    shown.arguments = error.params;
                    return Ok(ActionOutcome::Again(shown));
                }
                Err(error) => return Err(error.into()),
            }
            super::end_other_sessions(login, form).await?;
            // The older name for those that listen for it.
            for kind in [EventType::UpdatePassword, EventType::UpdateCredential] {
                login.notice(kind, vec![("credential_type", "password".to_owned())]);
            }
            Ok(ActionOutcome::Done)
        })
    }
}
