use realmkeep_events::EventType;

use crate::flow::{
    About, ActionAnswer, ActionOutcome, Facts, Login, Page, Progress, RequiredAction, Shown,
    Submitted,
};

/// The operator's terms, to be accepted once.
#[derive(Debug)]
pub struct TermsAndConditions;

const ID: &str = "TERMS_AND_CONDITIONS";
/// The user's attribute with the time of acceptance, in seconds since 1970.
const ACCEPTED: &str = "terms_and_conditions";

impl RequiredAction for TermsAndConditions {
    fn about(&self) -> About {
        About {
            id: ID,
            name: "Terms and Conditions",
            help: "The user accepts the terms and conditions",
            properties: &[],
        }
    }

    fn page(&self, _: &Facts<'_>, _: &Progress, _: &Shown) -> Page {
        Page::Terms
    }

    fn answer<'a>(&'a self, login: &'a mut Login<'_>, form: &'a Submitted) -> ActionAnswer<'a> {
        Box::pin(async move {
            if form.value("cancel").is_some() {
                login.change_user(|user| {
                    if let Some(attributes) = &mut user.attributes {
                        attributes.remove(ACCEPTED);
                    }
                });
                return Ok(ActionOutcome::Denied {
                    message: "termsAcceptanceRequired".to_owned(),
                    event: "rejected_by_user",
                });
            }
            let now = login.facts.now.to_string();
            login.change_user(|user| {
                let attributes = user.attributes.get_or_insert_default();
                attributes.insert(ACCEPTED.to_owned(), vec![now]);
            });
            login.notice(
                EventType::CustomRequiredAction,
                vec![("custom_required_action", ID.to_owned())],
            );
            Ok(ActionOutcome::Done)
        })
    }
}
