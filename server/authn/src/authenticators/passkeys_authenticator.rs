use crate::Services;
use crate::flow::{
    About, Answer, Authenticator, Facts, KeyRequest, Login, Node, Outcome, Page, Progress, Shown,
    Submitted,
};
use crate::webauthn::{self, Kind};

/// A page of passkeys alone: the browser lists those it has in the page's field.
#[derive(Debug)]
pub struct PasskeysAuthenticator;

impl Authenticator for PasskeysAuthenticator {
    fn about(&self) -> About {
        About {
            id: "passkeys-authenticator",
            name: "Passkeys Conditional UI Authenticator",
            help: "Asks for a passkey, from those that the browser lists; it names its user",
            properties: super::cookie::REFERENCE,
        }
    }

    fn is_available(&self, services: &Services) -> bool {
        services.features.passkeys_authenticator
    }

    fn credential(&self) -> Option<&'static str> {
        Some(Kind::Passwordless.credential_type())
    }

    fn configured(&self, _: &Node, facts: &Facts<'_>) -> bool {
        let kind = Kind::Passwordless.credential_type();
        facts.subject.is_none() || facts.has_credential(kind)
    }

    fn setup(&self) -> Option<&'static str> {
        Some(Kind::Passwordless.action())
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
            request: KeyRequest {
                mediation: "conditional",
                ..webauthn::request(facts, progress, Kind::Passwordless)
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
            if form.value("isSetRetry").is_some() {
                return Ok(Outcome::Again(Shown::default()));
            }
            webauthn::verify(login, Kind::Passwordless, form).await
        })
    }
}
