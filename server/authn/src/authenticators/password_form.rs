use super::{WRONG_LOGIN, refused};
use crate::flow::{
    About, Answer, Authenticator, Facts, Login, Node, Outcome, Page, Progress, Shown, Submitted,
};
use crate::password;

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

    fn page(&self, _: &Node, facts: &Facts<'_>, _: &Progress, _: &Shown) -> Page {
        Page::Password {
            username: facts.username(),
        }
    }

    fn answer<'a>(
        &'a self,
        _: &'a Node,
        login: &'a mut Login<'_>,
        form: &'a Submitted,
    ) -> Answer<'a> {
        Box::pin(async move {
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
