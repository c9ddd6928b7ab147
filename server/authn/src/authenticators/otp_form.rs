use super::{WRONG_CODE, refused};
use crate::flow::{
    About, Answer, Authenticator, Device, Facts, Login, Node, Outcome, Page, Progress, Shown,
    Submitted,
};
use crate::otp;

/// A code of an authenticator app.
#[derive(Debug)]
pub struct OtpForm;

impl Authenticator for OtpForm {
    fn about(&self) -> About {
        About {
            id: "auth-otp-form",
            name: "OTP Form",
            help: "Asks for a code of the user's authenticator app",
            properties: super::cookie::REFERENCE,
        }
    }

    fn credential(&self) -> Option<&'static str> {
        Some(otp::TYPE)
    }

    fn requires_user(&self) -> bool {
        true
    }

    fn setup(&self) -> Option<&'static str> {
        Some("CONFIGURE_TOTP")
    }

    fn page(&self, _: &Node, facts: &Facts<'_>, _: &Progress, shown: &Shown) -> Page {
        let devices = Device::all(facts);
        let chosen = shown.field("selectedCredentialId");
        let known = devices.iter().find(|d| Some(d.id.as_str()) == chosen);
        let selected = known.or(devices.first()).map(|d| d.id.clone());
        Page::Otp {
            username: facts.username(),
            devices,
            selected,
        }
    }

    fn answer<'a>(
        &'a self,
        _: &'a Node,
        login: &'a mut Login<'_>,
        form: &'a Submitted,
    ) -> Answer<'a> {
        Box::pin(async move {
            let selected = form.value("selectedCredentialId");
            let shown = selected.map_or_else(Shown::default, |id| {
                Shown::default().with("selectedCredentialId", id)
            });
            let Some(code) = form.value("otp") else {
                return Ok(Outcome::Again(Shown {
                    error: Some("missingTotpMessage".to_owned()),
                    ..shown
                }));
            };
            match otp::verify(&login.facts, selected, code).await {
                Ok(()) => Ok(Outcome::Success),
                Err(failure) => refused(failure, WRONG_CODE, shown),
            }
        })
    }
}
