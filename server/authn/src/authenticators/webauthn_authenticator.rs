use crate::flow::{
    About, Answer, Authenticator, Facts, KeyRequest, Login, Node, Outcome, Page, Progress, Shown,
    Submitted,
};
use crate::webauthn::{self, Kind, passkeys};
use crate::{LoginFailure, Services};

/// A security key or passkey of the user.
#[derive(Debug)]
pub struct WebauthnAuthenticator {
    kind: Kind,
    about: About,
    /// The browser lists the keys that it has by itself.
    listed: bool,
}

/// Beside a password.
pub const TWO_FACTOR: WebauthnAuthenticator = WebauthnAuthenticator {
    kind: Kind::TwoFactor,
    listed: false,
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
    listed: false,
    about: About {
        id: "webauthn-authenticator-passwordless",
        name: "WebAuthn Passwordless Authenticator",
        help: "Asks for a passkey instead of a password; as the first step, instead of a username too",
        properties: super::cookie::REFERENCE,
    },
};

/// A page of passkeys alone.
pub const PASSKEYS: WebauthnAuthenticator = WebauthnAuthenticator {
    kind: Kind::Passwordless,
    listed: true,
    about: About {
        id: "passkeys-authenticator",
        name: "Passkeys Conditional UI Authenticator",
        help: "Asks for a passkey, from those that the browser lists; it names its user",
        properties: super::cookie::REFERENCE,
    },
};

impl Authenticator for WebauthnAuthenticator {
    fn about(&self) -> About {
        self.about
    }

    fn is_available(&self, services: &Services) -> bool {
        !self.listed || services.features.passkeys_authenticator
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
        self.kind == Kind::Passwordless && !self.listed && passkeys::was_used(progress)
    }

    fn prepare(&self, _: &Node, login: &mut Login<'_>) -> Result<(), LoginFailure> {
        webauthn::prepare(&mut login.progress);
        Ok(())
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
            request: KeyRequest {
                mediation: if self.listed { "conditional" } else { "" },
                ..webauthn::request(facts, progress, self.kind)
            },
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
