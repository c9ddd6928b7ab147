//! The steps for forgotten credentials. Up to the mail nothing tells whether there is such a user;
//! after it, whoever opens its link has shown that they read the account's mailbox.

use realmkeep_events::EventType;
use realmkeep_pages::{Link, Mail};
use realmkeep_representations::UserRepresentation;
use realmkeep_store::Store;
use realmkeep_store::single_use::Space;

use crate::action_token::{ActionToken, Purpose, lifespan_by_user};
use crate::flow::{
    About, Answer, Authenticator, Facts, Flow, Login, Node, NodeKind, Outcome, Page, Progress,
    Requirement, Shown, Status, Submitted,
};
use crate::{mail, password, random, required_actions};

/// Asks whose credentials are forgotten, and sends the mail.
#[derive(Debug)]
pub struct ChooseUser;

/// Waits for the link of the mail to be opened.
#[derive(Debug)]
pub struct SendEmail;

/// Has a new password chosen.
#[derive(Debug)]
pub struct ResetPassword;

/// Has the authenticator app set up anew.
#[derive(Debug)]
pub struct ResetOtp;

const CHOOSE_USER: &str = "reset-credentials-choose-user";
const SEND_EMAIL: &str = "reset-credential-email";

impl Authenticator for ChooseUser {
    fn about(&self) -> About {
        About {
            id: CHOOSE_USER,
            name: "Choose User",
            help: "Asks for the user whose credentials are to be reset",
            properties: &[],
        }
    }

    fn page(&self, _: &Node, _: &Facts<'_>, progress: &Progress, shown: &Shown) -> Page {
        let typed = shown.field("username").map(str::to_owned);
        Page::ResetPassword {
            username: typed
                .or_else(|| progress.attempted_username.clone())
                .unwrap_or_default(),
        }
    }

    fn answer<'a>(
        &'a self,
        _: &'a Node,
        login: &'a mut Login<'_>,
        form: &'a Submitted,
    ) -> Answer<'a> {
        Box::pin(async move {
            let Some(username) = form.value("username") else {
                return Ok(Outcome::again("missingUsernameMessage"));
            };
            let facts = &login.facts;
            let found = password::find_user(facts.services, facts.realm, username).await?;
            login.progress.attempted_username = Some(username.to_owned());
            // The form counts once, whether or not there is such a user: no flood of mails.
            let until =
                login.facts.now + lifespan_by_user(login.facts.realm, Purpose::ResetCredentials);
            let once = random::token(16);
            login.push(Store::put_single_use(
                Space::ActionToken,
                &once,
                until,
                &(),
            )?);
            if let Some(user) = found.filter(|user| user.enabled == Some(true)) {
                let user_id = user.id.clone().unwrap_or_default();
                if login.flow.all().into_iter().any(sends_email) {
                    send(login, &user);
                }
                login.set_user(&user_id).await?;
            }
            Ok(Outcome::Success)
        })
    }
}

impl Authenticator for SendEmail {
    fn about(&self) -> About {
        About {
            id: SEND_EMAIL,
            name: "Send Reset Email",
            help: "Sends the user a mail and waits until its link is opened",
            properties: &[],
        }
    }

    fn page(&self, _: &Node, _: &Facts<'_>, _: &Progress, _: &Shown) -> Page {
        Page::ResetEmailSent
    }
}

impl Authenticator for ResetPassword {
    fn about(&self) -> About {
        About {
            id: "reset-password",
            name: "Reset Password",
            help: "Has the user choose a new password",
            properties: &[],
        }
    }

    fn requires_user(&self) -> bool {
        true
    }

    fn automatic(&self, _: &Facts<'_>) -> bool {
        true
    }

    fn run<'a>(&'a self, _: &'a Node, login: &'a mut Login<'_>) -> Answer<'a> {
        Box::pin(async move { Ok(ask_for(login, "UPDATE_PASSWORD")) })
    }
}

impl Authenticator for ResetOtp {
    fn about(&self) -> About {
        About {
            id: "reset-otp",
            name: "Reset OTP",
            help: "Removes the user's authenticator apps and has a new one set up",
            properties: &[],
        }
    }

    fn credential(&self) -> Option<&'static str> {
        None
    }

    fn requires_user(&self) -> bool {
        true
    }

    fn configured(&self, _: &Node, facts: &Facts<'_>) -> bool {
        facts.has_credential("otp")
    }

    fn automatic(&self, _: &Facts<'_>) -> bool {
        true
    }

    fn run<'a>(&'a self, _: &'a Node, login: &'a mut Login<'_>) -> Answer<'a> {
        Box::pin(async move {
            let outcome = ask_for(login, "CONFIGURE_TOTP");
            if matches!(outcome, Outcome::Success) {
                let user_id = login.progress.user.clone().unwrap_or_default();
                login.push(Store::delete_credentials(&user_id, "otp"));
                login
                    .facts
                    .credentials
                    .retain(|c| c.r#type.as_deref() != Some("otp"));
            }
            Ok(outcome)
        })
    }
}

/// The progress of a login that the link of the mail goes on with; None when the flow, as it is
/// now, has no mail.
pub fn after_email(flow: &Flow, mut progress: Progress, token: &ActionToken) -> Option<Progress> {
    let mut sent = false;
    for node in flow.all() {
        let NodeKind::Step(id) = &node.kind else {
            continue;
        };
        if id == CHOOSE_USER || id == SEND_EMAIL {
            progress.set(node.index, Status::Success);
            sent |= id == SEND_EMAIL;
        }
    }
    progress.user = Some(token.user_id.clone());
    sent.then_some(progress)
}

fn sends_email(node: &Node) -> bool {
    let is_it = matches!(&node.kind, NodeKind::Step(id) if id == SEND_EMAIL);
    is_it && node.requirement != Requirement::Disabled
}

fn ask_for(login: &mut Login<'_>, action: &str) -> Outcome {
    if !required_actions::is_enabled(login.facts.realm, action) {
        return Outcome::Denied {
            message: "resetCredentialNotAllowedMessage".to_owned(),
            event: "not_allowed",
        };
    }
    login.progress.actions.insert(action.to_owned());
    Outcome::Success
}

/// Whether there is anything to send, and whether it went out, is told to nobody.
fn send(login: &mut Login<'_>, user: &UserRepresentation) {
    let facts = &login.facts;
    let (services, realm) = (facts.services, facts.realm);
    let Some(to) = user.email.as_deref().filter(|e| !e.is_empty()) else {
        tracing::info!(
            realm = realm.name,
            "a user without an e-mail address asked for a reset"
        );
        return;
    };
    let lifespan = lifespan_by_user(realm, Purpose::ResetCredentials);
    let user_id = user.id.as_deref().unwrap_or_default();
    let mut token = ActionToken::new(services, Purpose::ResetCredentials, user_id, to, lifespan);
    token.request = Some(facts.request.clone());
    let posted = token
        .link(services, realm)
        .map_err(mail::MailError::from)
        .and_then(|url| {
            let link = Link {
                url: &url,
                lifespan,
            };
            mail::post(services, realm, user, to, &Mail::PasswordReset(link))
        });
    match posted {
        Ok(()) => login.notice(
            EventType::SendResetPassword,
            vec![("email", to.to_owned()), ("user_id", user_id.to_owned())],
        ),
        Err(error) => {
            tracing::error!(realm = realm.name, %error, "a mail for a reset was not sent");
        }
    }
}
