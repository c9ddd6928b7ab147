use crate::flow::{
    About, Answer, Authenticator, Facts, Login, Node, Outcome, Page, Progress, Shown, Submitted,
};
use crate::webauthn::{self, Kind, passkeys};

/// A security key or passkey of the user.
#[derive(Debug)]
pub struct WebauthnAuthenticator {
    kind: Kind,
    about: About,
}

/// Beside a password.
pub const TWO_FACTOR: WebauthnAuthenticator = WebauthnAuthenticator {
    kind: Kind::TwoFactor,
    about: About {
        id: "webauthn-authenticator",
        name: "WebAuthn Authenticator",
        help: "Asks for a security key or passkey of a user who is known already, mostly as a second factor",
        properties: super::cookie::REFERENCE,
    },
};

/// Instead of a password; as the first step of a flow, instead of a username too.
pub const PASSWORDLESS: WebauthnAuthenticator = WebauthnAuthenticator {
    kind: Kind::Passwordless,
    about: About {
        id: "webauthn-authenticator-passwordless",
        name: "WebAuthn Passwordless Authenticator",
        help: "Asks for a passkey instead of a password; as the first step, instead of a username too",
        properties: super::cookie::REFERENCE,
    },
};

impl Authenticator for WebauthnAuthenticator {
    fn about(&self) -> About {
        self.about
    }

    fn credential(&self) -> Option<&'static str> {
        Some(self.kind.credential_type())
    }

    fn requires_user(&self) -> bool {
        self.kind == Kind::TwoFactor
    }

    /// Where nobody is named yet, a passkey names its user.
    fn configured(&self, _: &Node, facts: &Facts<'_>) -> bool {
        let anybody = facts.subject.is_none() && self.kind == Kind::Passwordless;
        anybody || facts.has_credential(self.kind.credential_type())
    }

    fn setup(&self) -> Option<&'static str> {
        Some(self.kind.action())
    }

    fn is_skipped(&self, _: &Node, _: &Facts<'_>, progress: &Progress) -> bool {
        self.kind == Kind::Passwordless && passkeys::was_used(progress)
    }

    fn prepare(&self, _: &Node, _: &Facts<'_>, progress: &mut Progress) {
        webauthn::prepare(progress);
    }

    fn page(&self, _: &Node, facts: &Facts<'_>, progress: &Progress, shown: &Shown) -> Page {
        if shown
            .error
            .as_deref()
            .is_some_and(|key| key != "overloaded")
        {
            return Page::WebauthnError;
        }
        Page::Webauthn {
            username: facts.username(),
            request: webauthn::request(facts, progress, self.kind),
        }
    }

    fn answer<'a>(
        &'a self,
        _: &'a Node,
        login: &'a mut Login<'_>,
        form: &'a Submitted,
    ) -> Answer<'a> {
        Box::pin(async move {
            // The page that says what went wrong leads back.
            if form.value("isSetRetry").is_some() {
                return Ok(Outcome::Again(Shown::default()));
            }
            webauthn::verify(login, self.kind, form).await
        })
    }
}
