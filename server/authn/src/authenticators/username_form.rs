use super::WRONG_LOGIN;
use super::username_password_form::{remember_me, typed, username_field};
use crate::flow::{
    About, Answer, Authenticator, Facts, Login, Node, Outcome, Page, Progress, Refused, Shown,
    Submitted,
};
use crate::webauthn::passkeys;
use crate::{LoginFailure, password};

/// Asks who somebody is and proves nothing; other steps have to follow.
#[derive(Debug)]
pub struct UsernameForm;

impl Authenticator for UsernameForm {
    fn about(&self) -> About {
        About {
            id: "auth-username-form",
            name: "Username Form",
            help: "Asks for the username only; has to be combined with steps that prove something",
            properties: super::cookie::REFERENCE,
        }
    }

    /// Who proves again who they are need not say it again.
    fn automatic(&self, _: &Node, facts: &Facts<'_>) -> bool {
        facts.subject.is_some()
    }

    fn run<'a>(&'a self, _: &'a Node, _: &'a mut Login<'_>) -> Answer<'a> {
        Box::pin(async { Ok(Outcome::Success) })
    }

    fn prepare(&self, _: &Node, login: &mut Login<'_>) -> Result<(), LoginFailure> {
        passkeys::prepare(&login.facts, &mut login.progress);
        Ok(())
    }

    fn page(&self, _: &Node, facts: &Facts<'_>, progress: &Progress, shown: &Shown) -> Page {
        Page::Username(username_field(facts, progress, shown))
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
            let username = form.value("username").unwrap_or_default();
            let remember_me = remember_me(login, form);
            let facts = &login.facts;
            let found = password::find_user(facts.services, facts.realm, username).await?;
            let refused = |event, user_id| {
                Ok(Outcome::Refused(Refused {
                    shown: Shown {
                        error: Some(WRONG_LOGIN.to_owned()),
                        ..typed(username, remember_me)
                    },
                    event,
                    user_id,
                }))
            };
            let Some(user) = found else {
                return refused("user_not_found", None);
            };
            if user.enabled != Some(true) {
                return refused("user_disabled", user.id);
            }
            login.set_user(&user.id.unwrap_or_default()).await?;
            login.progress.attempted_username = Some(username.to_owned());
            login.progress.remember_me = remember_me;
            Ok(Outcome::Success)
        })
    }
}
