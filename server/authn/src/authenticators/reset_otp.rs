use realmkeep_store::Store;

use super::reset_credentials::ask_for;
use crate::flow::{
    About, Answer, Authenticator, Device, Facts, Login, Node, Outcome, Page, Progress, Property,
    Shown, Submitted,
};
use crate::otp;

/// Has an authenticator app set up, beside those that the user has or in their place.
#[derive(Debug)]
pub struct ResetOtp;

const ACTION: &str = "action_on_otp_reset_flag";
const REMOVE_NONE: &str = "Remove none";
const REMOVE_ONE: &str = "Remove one";
const REMOVE_ALL: &str = "Remove all";

impl Authenticator for ResetOtp {
    fn about(&self) -> About {
        About {
            id: "reset-otp",
            name: "Reset OTP",
            help: "Has a new authenticator app set up, and removes none, one or all of those before",
            properties: &[Property {
                name: ACTION,
                label: "Action on OTP reset.",
                help: "Which of the user's authenticator apps are removed",
                kind: "List",
                default: Some(REMOVE_NONE),
                options: &[REMOVE_NONE, REMOVE_ONE, REMOVE_ALL],
            }],
        }
    }

    fn requires_user(&self) -> bool {
        true
    }

    fn configured(&self, _: &Node, facts: &Facts<'_>) -> bool {
        facts.has_credential(otp::TYPE)
    }

    /// Which one goes has to be asked where there are several.
    fn automatic(&self, step: &Node, facts: &Facts<'_>) -> bool {
        step.setting(ACTION) != Some(REMOVE_ONE) || facts.credentials_of(otp::TYPE).count() < 2
    }

    fn run<'a>(&'a self, step: &'a Node, login: &'a mut Login<'_>) -> Answer<'a> {
        Box::pin(async move {
            let outcome = ask_for(login, "CONFIGURE_TOTP");
            let removes = [REMOVE_ONE, REMOVE_ALL].map(Some);
            if matches!(outcome, Outcome::Success) && removes.contains(&step.setting(ACTION)) {
                let user_id = login.progress.user.clone().unwrap_or_default();
                login.push(Store::delete_credentials(&user_id, otp::TYPE));
                login
                    .facts
                    .credentials
                    .retain(|c| c.r#type.as_deref() != Some(otp::TYPE));
            }
            Ok(outcome)
        })
    }

    fn page(&self, _: &Node, facts: &Facts<'_>, _: &Progress, _: &Shown) -> Page {
        Page::ResetOtp {
            devices: Device::all(facts),
        }
    }

    fn answer<'a>(
        &'a self,
        _: &'a Node,
        login: &'a mut Login<'_>,
        form: &'a Submitted,
    ) -> Answer<'a> {
        Box::pin(async move {
            let chosen = form.value("selectedCredentialId").unwrap_or_default();
            let is_own = login
                .facts
                .credentials_of(otp::TYPE)
                .any(|credential| credential.id.as_deref() == Some(chosen));
            if !is_own {
                return Ok(Outcome::Again(Shown::default()));
            }
            let outcome = ask_for(login, "CONFIGURE_TOTP");
            if matches!(outcome, Outcome::Success) {
                let user_id = login.progress.user.clone().unwrap_or_default();
                login.push(Store::delete_credential(&user_id, chosen));
                login
                    .facts
                    .credentials
                    .retain(|c| c.id.as_deref() != Some(chosen));
            }
            Ok(outcome)
        })
    }
}
