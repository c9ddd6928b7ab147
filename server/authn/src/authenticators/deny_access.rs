use crate::flow::{About, Answer, Authenticator, Facts, Login, Node, Outcome, Property};

/// Ends the login; for flows whose conditions decide.
#[derive(Debug)]
pub struct DenyAccess;

impl Authenticator for DenyAccess {
    fn about(&self) -> About {
        About {
            id: "deny-access-authenticator",
            name: "Deny access",
            help: "Ends the login always; for conditional flows whose conditions decide",
            properties: &[Property {
                name: "denyErrorMessage",
                label: "Error message",
                help: "What is shown; text, or the key of a message",
                kind: "String",
                default: Some("access-denied"),
                options: &[],
            }],
        }
    }

    fn automatic(&self, _: &Node, _: &Facts<'_>) -> bool {
        true
    }

    fn run<'a>(&'a self, step: &'a Node, _: &'a mut Login<'_>) -> Answer<'a> {
        Box::pin(async {
            let message = step.setting("denyErrorMessage").unwrap_or("access-denied");
            Ok(Outcome::Denied {
                message: message.to_owned(),
                event: "access_denied",
            })
        })
    }
}
