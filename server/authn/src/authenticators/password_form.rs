use super::{WRONG_LOGIN, refused};
use crate::flow::{
    About, Answer, Authenticator, Facts, Login, Node, Outcome, Page, Progress, Shown, Submitted,
};
use crate::webauthn::passkeys;
use crate::{LoginFailure, password};

/// The password of the user whom a step before has named.
#[derive(Debug)]
pub struct PasswordForm;

impl Authenticator for PasswordForm {
    fn about(&self) -> About {
        About {
            id: "auth-password-form",
            name: "Password Form",
            help: "Asks for the password of a user who is known already",
            properties: super::cookie::REFERENCE,
        }
    }

    fn credential(&self) -> Option<&'static str> {
        Some("password")
    }

    fn requires_user(&self) -> bool {
        true
    }

    /// A passkey was used instead of a username, and did for the password too.
    fn is_skipped(&self, _: &Node, _: &Facts<'_>, progress: &Progress) -> bool {
        passkeys::was_used(progress)
    }

    fn prepare(&self, _: &Node, login: &mut Login<'_>) -> Result<(), LoginFailure> {
        passkeys::prepare(&login.facts, &mut login.progress);
        Ok(())
    }

    fn page(&self, _: &Node, facts: &Facts<'_>, progress: &Progress, _: &Shown) -> Page {
        Page::Password {
            username: facts.username(),
            // Only of this user, so none are offered to who has none.
            passkeys: passkeys::request(facts, progress).filter(|request| !request.keys.is_empty()),
        }
    }

    fn answer<'a>(
        &'a self,
        _: &'a Node,
        login: &'a mut Login<'_>,
        form: &'a Submitted,
    ) -> Answer<'a> {
        Box::pin(async move {
            if passkeys::is_answered(login.facts.realm, form) {
                return passkeys::verify(login, form).await;
            }
            let facts = &login.facts;
            let user = facts.subject.as_ref().map(|s| &s.user);
            let checked = password::verify(
                facts.services,
                facts.realm,
                user,
                &facts.username(),
                form.value("password").unwrap_or_default(),
                &facts.browser.ip,
            )
            .await;
            match checked {
                Ok(()) => Ok(Outcome::Success),
                Err(failure) => refused(failure, WRONG_LOGIN, Shown::default()),
            }
        })
    }
}
