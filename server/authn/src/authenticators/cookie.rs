use crate::conditions::level_of_authentication::highest_reached;
use crate::flow::{
    About, Answer, Authenticator, Facts, Login, Node, Outcome, Property, level, wanted_level,
};

/// The reference value that every step may carry for the `amr` claim (RFC 8176).
pub(crate) const REFERENCE: &[Property] = &[
    Property {
        name: "default.reference.value",
        label: "Authenticator Reference",
        help: "Value for the amr claim when this step has succeeded",
        kind: "String",
        default: None,
        options: &[],
    },
    Property {
        name: "default.reference.maxAge",
        label: "Authenticator Reference Max Age",
        help: "Seconds that the value stays in the claim",
        kind: "String",
        default: None,
        options: &[],
    },
];

/// Single sign-on: the browser is signed in already.
#[derive(Debug)]
pub struct Cookie;

impl Authenticator for Cookie {
    fn about(&self) -> About {
        About {
            id: "auth-cookie",
            name: "Cookie",
            help: "Succeeds if the browser is signed in already",
            properties: &[],
        }
    }

    fn automatic(&self, _: &Node, _: &Facts<'_>) -> bool {
        true
    }

    fn run<'a>(&'a self, _: &'a Node, login: &'a mut Login<'_>) -> Answer<'a> {
        Box::pin(async move {
            let Some(known) = login.facts.browser.session.clone() else {
                return Ok(Outcome::Attempted);
            };
            let user_id = known.session.user_id.clone();
            let request = login.facts.request;
            let other = request.subject.as_ref().is_some_and(|s| *s != user_id);
            if other || request.prompt.select_account || request.prompt.create {
                return Ok(Outcome::Attempted);
            }
            // Who proves again who they are cannot become somebody else on the way, and begins
            // without any level.
            if login.facts.request.reauthenticate.is_some() {
                if login.facts.proven_again().is_some() {
                    login.set_user(&user_id).await?;
                }
                return Ok(Outcome::Attempted);
            }
            login.progress.levels = level::of_session(&known.session);
            let reached = highest_reached(&login.flow, &login.progress, login.facts.now);
            login.set_user(&user_id).await?;
            let wanted = wanted_level::wanted(&login.facts, &login.flow);
            login.progress.level = reached;
            login.progress.session = Some(known.session.id);
            if wanted.is_some_and(|wanted| wanted > reached.unwrap_or(0)) && has_levels(login) {
                // The cookie is not enough: what is missing is asked for, and added to the session.
                return Ok(Outcome::Attempted);
            }
            login.progress.single_sign_on = true;
            Ok(Outcome::Success)
        })
    }
}

/// Whether the flow can reach any level; otherwise asking again would change nothing.
fn has_levels(login: &Login<'_>) -> bool {
    login.flow.all().into_iter().any(|node| {
        matches!(&node.kind, crate::flow::NodeKind::Condition(id)
            if id == "conditional-level-of-authentication")
    })
}
