use crate::flow::{About, Answer, Authenticator, Facts, Login, Node, Outcome};
use crate::password;

/// The `username` parameter of a direct grant.
#[derive(Debug)]
pub struct DirectGrantUsername;

impl Authenticator for DirectGrantUsername {
    fn about(&self) -> About {
        About {
            id: "direct-grant-validate-username",
            name: "Username Validation",
            help: "Finds the user by the username parameter of a direct grant",
            properties: super::cookie::REFERENCE,
        }
    }

    fn automatic(&self, _: &Node, _: &Facts<'_>) -> bool {
        true
    }

    fn run<'a>(&'a self, _: &'a Node, login: &'a mut Login<'_>) -> Answer<'a> {
        Box::pin(async move {
            let username = login.form.and_then(|form| form.value("username"));
            let username = username.unwrap_or_default().to_owned();
            let facts = &login.facts;
            let found = password::find_user(facts.services, facts.realm, &username).await?;
            let Some(user) = found else {
                // As long as it takes to look at somebody's password.
                let given = login.form.and_then(|form| form.value("password"));
                let given = given.unwrap_or_default();
                let checked = password::verify(
                    facts.services,
                    facts.realm,
                    None,
                    &username,
                    given,
                    &facts.browser.ip,
                );
                return match checked.await {
                    Ok(()) => Ok(Outcome::refused(
                        "invalidUserMessage",
                        "user_not_found",
                        None,
                    )),
                    Err(failure) => Err(failure),
                };
            };
            login.progress.attempted_username = Some(username);
            login.set_user(&user.id.unwrap_or_default()).await?;
            Ok(Outcome::Success)
        })
    }
}
