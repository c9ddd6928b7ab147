use realmkeep_events::EventType;
use realmkeep_pages::{Link, Mail};

use crate::action_token::{ActionToken, Purpose, lifespan_by_user};
use crate::flow::{
    About, ActionAnswer, ActionOutcome, Facts, Login, Page, Progress, RequiredAction, Shown,
    Submitted,
};
use crate::mail;

/// The e-mail address is confirmed by a link that is sent to it.
#[derive(Debug)]
pub struct VerifyEmail;

const ID: &str = "VERIFY_EMAIL";
/// Note with the time of the last mail, in seconds since 1970.
const SENT: &str = "VERIFY_EMAIL.sent";
/// Seconds before a mail is sent again.
const PAUSE: i64 = 30;

impl RequiredAction for VerifyEmail {
    fn about(&self) -> About {
        About {
            id: ID,
            name: "Verify Email",
            help: "The user confirms the e-mail address by a link that is sent to it",
            properties: &[],
        }
    }

    fn triggered(&self, facts: &Facts<'_>, _: &Progress) -> bool {
        let user = facts.subject.as_ref().map(|s| &s.user);
        let open = user.is_some_and(|user| {
            let has = user.email.as_deref().is_some_and(|e| !e.is_empty());
            has && user.email_verified != Some(true)
        });
        facts.realm.settings.verify_email == Some(true) && open
    }

    /// The first mail goes out with the page. In the meantime the link may have been opened.
    fn prepare<'a>(&'a self, login: &'a mut Login<'_>) -> ActionAnswer<'a> {
        Box::pin(async move {
            if is_done(&login.facts) {
                return Ok(ActionOutcome::Done);
            }
            if login.progress.notes.contains_key(SENT) {
                return Ok(ActionOutcome::Again(Shown::default()));
            }
            send(login).await
        })
    }

    fn page(&self, facts: &Facts<'_>, _: &Progress, _: &Shown) -> Page {
        let user = facts.subject.as_ref().map(|s| &s.user);
        Page::VerifyEmail {
            email: user.and_then(|u| u.email.clone()).unwrap_or_default(),
        }
    }

    fn answer<'a>(&'a self, login: &'a mut Login<'_>, _: &'a Submitted) -> ActionAnswer<'a> {
        Box::pin(async move {
            if is_done(&login.facts) {
                return Ok(ActionOutcome::Done);
            }
            let sent = login
                .progress
                .notes
                .get(SENT)
                .and_then(|at| at.parse::<i64>().ok());
            if sent.is_some_and(|at| login.facts.now < at.saturating_add(PAUSE)) {
                return Ok(ActionOutcome::Again(Shown::notice(
                    "emailVerifySentRecently",
                )));
            }
            send(login).await
        })
    }
}

/// The user without an address has nothing to confirm.
fn is_done(facts: &Facts<'_>) -> bool {
    facts.subject.as_ref().is_none_or(|s| {
        s.user.email_verified == Some(true) || s.user.email.as_deref().is_none_or(str::is_empty)
    })
}

async fn send(login: &mut Login<'_>) -> Result<ActionOutcome, crate::LoginFailure> {
    let Some(subject) = login.facts.subject.clone() else {
        return Ok(ActionOutcome::Done);
    };
    let (services, realm) = (login.facts.services, login.facts.realm);
    let user = &subject.user;
    let to = user.email.clone().unwrap_or_default();
    let lifespan = lifespan_by_user(realm, Purpose::VerifyEmail);
    let user_id = user.id.as_deref().unwrap_or_default();
    let mut token = ActionToken::new(services, Purpose::VerifyEmail, user_id, &to, lifespan);
    token.client_id = Some(login.facts.request.client_id.clone());
    let url = token.link(services, realm)?;
    let link = Link {
        url: &url,
        lifespan,
    };
    let sent = mail::send(services, realm, user, &to, &Mail::EmailVerification(link)).await;
    if let Err(error) = sent {
        tracing::error!(realm = realm.name, %error, "a mail to confirm an address was not sent");
        return Ok(ActionOutcome::Again(Shown::error("emailSendErrorMessage")));
    }
    let now = login.facts.now.to_string();
    login.progress.notes.insert(SENT.to_owned(), now);
    login.notice(EventType::SendVerifyEmail, vec![("email", to)]);
    Ok(ActionOutcome::Again(Shown::default()))
}
