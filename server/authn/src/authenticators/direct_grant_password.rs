use crate::flow::{About, Answer, Authenticator, Facts, Login, Node, Outcome};
use crate::password;

/// The `password` parameter of a direct grant.
#[derive(Debug)]
pub struct DirectGrantPassword;

impl Authenticator for DirectGrantPassword {
    fn about(&self) -> About {
        About {
            id: "direct-grant-validate-password",
            name: "Password",
            help: "Checks the password parameter of a direct grant",
            properties: super::cookie::REFERENCE,
        }
    }

    fn credential(&self) -> Option<&'static str> {
        Some("password")
    }

    fn requires_user(&self) -> bool {
        true
    }

    /// Who has no password costs as much time as who has one.
    fn configured(&self, _: &Node, _: &Facts<'_>) -> bool {
        true
    }

    fn automatic(&self, _: &Node, _: &Facts<'_>) -> bool {
        true
    }

    fn run<'a>(&'a self, _: &'a Node, login: &'a mut Login<'_>) -> Answer<'a> {
        Box::pin(async move {
            let given = login.form.and_then(|form| form.value("password"));
            let facts = &login.facts;
            password::verify(
                facts.services,
                facts.realm,
                facts.subject.as_ref().map(|s| &s.user),
                &facts.username(),
                given.unwrap_or_default(),
                &facts.browser.ip,
            )
            .await?;
            Ok(Outcome::Success)
        })
    }
}
