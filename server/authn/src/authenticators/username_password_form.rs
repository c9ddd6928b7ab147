use super::{WRONG_LOGIN, refused};
use crate::flow::{
    About, Answer, Authenticator, Facts, Login, Node, Outcome, Page, Progress, Shown, Submitted,
    UsernameField,
};
use crate::webauthn::passkeys;
use crate::{LoginFailure, password};

/// Username (or e-mail address) and password on one page.
#[derive(Debug)]
pub struct UsernamePasswordForm;

impl Authenticator for UsernamePasswordForm {
    fn about(&self) -> About {
        About {
            id: "auth-username-password-form",
            name: "Username Password Form",
            help: "Asks for username and password on one page",
            properties: super::cookie::REFERENCE,
        }
    }

    fn credential(&self) -> Option<&'static str> {
        Some("password")
    }

    fn configured(&self, _: &Node, _: &Facts<'_>) -> bool {
        true
    }

    fn prepare(&self, _: &Node, login: &mut Login<'_>) -> Result<(), LoginFailure> {
        passkeys::prepare(&login.facts, &mut login.progress);
        Ok(())
    }

    fn page(&self, _: &Node, facts: &Facts<'_>, progress: &Progress, shown: &Shown) -> Page {
        Page::UsernamePassword(username_field(facts, progress, shown))
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
            let fixed = login.progress.user.is_some();
            let username = if fixed {
                login.facts.username()
            } else {
                form.value("username").unwrap_or_default().to_owned()
            };
            let remember_me = remember_me(login, form);
            let shown = typed(&username, remember_me);
            let password = form.value("password").unwrap_or_default();
            let facts = &login.facts;
            let checked = password::verify_by_name(
                facts.services,
                facts.realm,
                &username,
                password,
                &facts.browser.ip,
            )
            .await;
            let subject = match checked {
                Ok(subject) => subject,
                Err(failure) => return refused(failure, WRONG_LOGIN, shown),
            };
            let user_id = subject.user.id.clone().unwrap_or_default();
            login.set_user(&user_id).await?;
            login.progress.attempted_username = Some(username);
            login.progress.remember_me = remember_me;
            Ok(Outcome::Success)
        })
    }
}

/// The username field as a page shows it.
pub(super) fn username_field(
    facts: &Facts<'_>,
    progress: &Progress,
    shown: &Shown,
) -> UsernameField {
    let fixed = progress.user.is_some();
    let username = if fixed {
        facts.username()
    } else {
        shown
            .field("username")
            .or(progress.attempted_username.as_deref())
            .or(facts.request.login_hint.as_deref())
            .unwrap_or_default()
            .to_owned()
    };
    let offered = facts.realm.settings.remember_me == Some(true) && !fixed;
    UsernameField {
        username,
        fixed,
        remember_me: offered.then(|| shown.field("rememberMe").is_some()),
        passkeys: passkeys::request(facts, progress),
    }
}

/// Whether the person wants to stay signed in, where the realm offers it.
pub(super) fn remember_me(login: &Login<'_>, form: &Submitted) -> bool {
    login.facts.realm.settings.remember_me == Some(true)
        && (form.value("rememberMe").is_some() || login.progress.remember_me)
}

/// What was typed, to show it again.
pub(super) fn typed(username: &str, remember_me: bool) -> Shown {
    let shown = Shown::default().with("username", username);
    if remember_me {
        shown.with("rememberMe", "on")
    } else {
        shown
    }
}
