use crate::flow::{About, Answer, Authenticator, Facts, Login, Node, Outcome};

/// Succeeds always; for flows whose conditions decide.
#[derive(Debug)]
pub struct AllowAccess;

impl Authenticator for AllowAccess {
    fn about(&self) -> About {
        About {
            id: "allow-access-authenticator",
            name: "Allow access",
            help: "Succeeds always; for conditional flows whose conditions decide",
            properties: &[],
        }
    }

    fn automatic(&self, _: &Node, _: &Facts<'_>) -> bool {
        true
    }

    fn run<'a>(&'a self, _: &'a Node, _: &'a mut Login<'_>) -> Answer<'a> {
        Box::pin(async { Ok(Outcome::Success) })
    }
}
