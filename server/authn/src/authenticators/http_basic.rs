use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{WRONG_LOGIN, refused};
use crate::flow::{
    About, Answer, Authenticator, Facts, Login, Node, Outcome, Page, Progress, Shown, Submitted,
};
use crate::{LoginFailure, password};

/// Username and password in the `Authorization` header (RFC 7617).
#[derive(Debug)]
pub struct HttpBasic;

/// Longest header that is looked at, in bytes.
const MAX_HEADER: usize = 8_192;

impl Authenticator for HttpBasic {
    fn about(&self) -> About {
        About {
            id: "http-basic-authenticator",
            name: "HTTP Basic Authentication",
            help: "Takes username and password from the Authorization header",
            properties: super::cookie::REFERENCE,
        }
    }

    fn credential(&self) -> Option<&'static str> {
        Some("password")
    }

    fn configured(&self, _: &Node, _: &Facts<'_>) -> bool {
        true
    }

    fn automatic(&self, _: &Node, facts: &Facts<'_>) -> bool {
        presented(facts).is_some()
    }

    fn run<'a>(&'a self, _: &'a Node, login: &'a mut Login<'_>) -> Answer<'a> {
        Box::pin(verify(login))
    }

    fn page(&self, _: &Node, _: &Facts<'_>, _: &Progress, _: &Shown) -> Page {
        Page::HttpBasic
    }

    fn answer<'a>(
        &'a self,
        step: &'a Node,
        login: &'a mut Login<'_>,
        _: &'a Submitted,
    ) -> Answer<'a> {
        self.run(step, login)
    }
}

/// Takes whom the header names, if there is one and the password is right.
pub(super) async fn verify(login: &mut Login<'_>) -> Result<Outcome, LoginFailure> {
    let facts = &login.facts;
    let Some(presented) = presented(facts) else {
        return Ok(Outcome::Attempted);
    };
    let (username, password) = presented.split_once(':').unwrap_or((&presented, ""));
    let checked = password::verify_by_name(
        facts.services,
        facts.realm,
        username,
        password,
        &facts.browser.ip,
    )
    .await;
    match checked {
        Ok(subject) => {
            let user_id = subject.user.id.clone().unwrap_or_default();
            login.set_user(&user_id).await?;
            login.progress.attempted_username = Some(username.to_owned());
            Ok(Outcome::Success)
        }
        Err(failure) => refused(failure, WRONG_LOGIN, Shown::default()),
    }
}

fn presented(facts: &Facts<'_>) -> Option<Zeroizing<String>> {
    let header = facts.browser.authorization.as_deref()?;
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > MAX_HEADER {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    String::from_utf8(decoded).ok().map(Zeroizing::new)
}
