use super::otp_form::OtpForm;
use crate::conditions::matches_any;
use crate::conditions::user_role::has_role;
use crate::flow::{
    About, Answer, Authenticator, Facts, Login, Node, Page, Progress, Property, Shown, Submitted,
};
use crate::otp;

/// A code of an authenticator app, unless the user's attribute, a role or the fallback says no.
#[derive(Debug)]
pub struct ConditionalOtpForm;

impl Authenticator for ConditionalOtpForm {
    fn about(&self) -> About {
        About {
            id: "auth-conditional-otp-form",
            name: "Conditional OTP Form",
            help: "Asks for a code of the user's authenticator app where attribute, role, header \
                   or fallback say so",
            properties: &[
                Property {
                    name: "otpControlAttribute",
                    label: "OTP control User Attribute",
                    help: "Attribute of the user: force or skip",
                    kind: "String",
                    default: None,
                    options: &[],
                },
                Property {
                    name: "skipOtpRole",
                    label: "Skip OTP for Role",
                    help: "Who has the role is not asked",
                    kind: "Role",
                    default: None,
                    options: &[],
                },
                Property {
                    name: "forceOtpRole",
                    label: "Force OTP for Role",
                    help: "Who has the role is asked",
                    kind: "Role",
                    default: None,
                    options: &[],
                },
                Property {
                    name: "noOtpRequiredForHeaderPattern",
                    label: "Skip OTP for Header",
                    help: "Who sends a header that this pattern matches (Name: value) is not asked",
                    kind: "String",
                    default: Some(""),
                    options: &[],
                },
                Property {
                    name: "forceOtpForHeaderPattern",
                    label: "Force OTP for Header",
                    help: "Who sends a header that this pattern matches (Name: value) is asked",
                    kind: "String",
                    default: Some(""),
                    options: &[],
                },
                Property {
                    name: "defaultOtpOutcome",
                    label: "Fallback OTP handling",
                    help: "What is done where nothing else decides",
                    kind: "List",
                    default: None,
                    options: &["skip", "force"],
                },
            ],
        }
    }

    fn credential(&self) -> Option<&'static str> {
        Some(otp::TYPE)
    }

    fn requires_user(&self) -> bool {
        true
    }

    /// Whoever is not asked needs no app.
    fn configured(&self, step: &Node, facts: &Facts<'_>) -> bool {
        !is_asked(step, facts) || OtpForm.configured(step, facts)
    }

    fn setup(&self) -> Option<&'static str> {
        OtpForm.setup()
    }

    fn page(&self, step: &Node, facts: &Facts<'_>, progress: &Progress, shown: &Shown) -> Page {
        OtpForm.page(step, facts, progress, shown)
    }

    fn is_skipped(&self, step: &Node, facts: &Facts<'_>, _: &Progress) -> bool {
        !is_asked(step, facts)
    }

    fn answer<'a>(
        &'a self,
        step: &'a Node,
        login: &'a mut Login<'_>,
        form: &'a Submitted,
    ) -> Answer<'a> {
        OtpForm.answer(step, login, form)
    }
}

fn is_asked(step: &Node, facts: &Facts<'_>) -> bool {
    let Some(subject) = &facts.subject else {
        return true;
    };
    let attribute = step
        .setting("otpControlAttribute")
        .and_then(|name| subject.user.attributes.as_ref()?.get(name)?.first())
        .map(String::as_str);
    match attribute {
        Some("skip") => return false,
        Some("force") => return true,
        _ => {}
    }
    let has = |setting: &str| {
        step.setting(setting)
            .is_some_and(|role| has_role(facts.realm, subject, role, &facts.role_clients))
    };
    if has("skipOtpRole") {
        return false;
    }
    if has("forceOtpRole") {
        return true;
    }
    // Names of headers have no case.
    let sends = |setting: &str| {
        step.setting(setting).is_some_and(|pattern| {
            matches_any(step, &format!("(?i:{pattern})"), &facts.browser.headers)
        })
    };
    if sends("noOtpRequiredForHeaderPattern") {
        return false;
    }
    if sends("forceOtpForHeaderPattern") {
        return true;
    }
    step.setting("defaultOtpOutcome") != Some("skip")
}
