use crate::flow::{About, Answer, Authenticator, Facts, Login, Node, Outcome};
use crate::otp;

/// The `totp` (or `otp`) parameter of a direct grant.
#[derive(Debug)]
pub struct DirectGrantOtp;

impl Authenticator for DirectGrantOtp {
    fn about(&self) -> About {
        About {
            id: "direct-grant-validate-otp",
            name: "OTP",
            help: "Checks the totp parameter of a direct grant",
            properties: super::cookie::REFERENCE,
        }
    }

    fn credential(&self) -> Option<&'static str> {
        Some(otp::TYPE)
    }

    fn requires_user(&self) -> bool {
        true
    }

    fn automatic(&self, _: &Node, _: &Facts<'_>) -> bool {
        true
    }

    fn run<'a>(&'a self, _: &'a Node, login: &'a mut Login<'_>) -> Answer<'a> {
        Box::pin(async move {
            let given = login
                .form
                .and_then(|form| form.value("otp").or_else(|| form.value("totp")));
            otp::verify(&login.facts, None, given.unwrap_or_default()).await?;
            Ok(Outcome::Success)
        })
    }
}
