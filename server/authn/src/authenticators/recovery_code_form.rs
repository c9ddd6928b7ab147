use super::{WRONG_CODE, refused};
use crate::flow::{
    About, Answer, Authenticator, Facts, Login, Node, Outcome, Page, Progress, Shown, Submitted,
};
use crate::{Services, recovery_codes};

/// One of the codes that the user wrote down.
#[derive(Debug)]
pub struct RecoveryCodeForm;

impl Authenticator for RecoveryCodeForm {
    fn about(&self) -> About {
        About {
            id: "auth-recovery-authn-code-form",
            name: "Recovery Authentication Code Form",
            help: "Asks for one of the codes that the user wrote down",
            properties: super::cookie::REFERENCE,
        }
    }

    fn is_available(&self, services: &Services) -> bool {
        services.features.recovery_codes
    }

    fn credential(&self) -> Option<&'static str> {
        Some(recovery_codes::TYPE)
    }

    fn requires_user(&self) -> bool {
        true
    }

    fn configured(&self, _: &Node, facts: &Facts<'_>) -> bool {
        recovery_codes::next_number(facts).is_some()
    }

    fn setup(&self) -> Option<&'static str> {
        Some("CONFIGURE_RECOVERY_AUTHN_CODES")
    }

    fn page(&self, _: &Node, facts: &Facts<'_>, _: &Progress, _: &Shown) -> Page {
        Page::RecoveryCode {
            username: facts.username(),
            number: recovery_codes::next_number(facts).unwrap_or(1),
        }
    }

    fn answer<'a>(
        &'a self,
        _: &'a Node,
        login: &'a mut Login<'_>,
        form: &'a Submitted,
    ) -> Answer<'a> {
        Box::pin(async move {
            let code = form.value("recoveryCodeInput").unwrap_or_default();
            match recovery_codes::verify(login, code).await {
                Ok(()) => Ok(Outcome::Success),
                Err(failure) => refused(failure, WRONG_CODE, Shown::default()),
            }
        })
    }
}
