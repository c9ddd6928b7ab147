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
    Property, Requirement, Shown, Status, Submitted,
};
use crate::{LoginFailure, mail, password, random, required_actions};

/// Asks whose credentials are forgotten, and sends the mail.
#[derive(Debug)]
pub struct ChooseUser;

/// Waits for the link of the mail to be opened.
#[derive(Debug)]
pub struct SendEmail;

/// Has a new password chosen.
#[derive(Debug)]
pub struct ResetPassword;

const CHOOSE_USER: &str = "reset-credentials-choose-user";
const SEND_EMAIL: &str = "reset-credential-email";
/// Setting of the step that sends the mail.
const FORCE_LOGIN: &str = "force-login";
/// Note that the mail is on its way.
const SENT: &str = "reset-credentials.sent";
/// Note with the login whose page led here.
const ASKED_BY: &str = "reset-credentials.asked-by";

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
            once(login, &random::token(16))?;
            if let Some(user) = found.filter(|user| user.enabled == Some(true)) {
                login.set_user(&user.id.unwrap_or_default()).await?;
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
            properties: &[Property {
                name: FORCE_LOGIN,
                label: "Force login after reset",
                help: "Whether who has set new credentials has to sign in with them: true, false, or \
                       only users of a federated directory",
                kind: "List",
                default: Some("only-federated"),
                options: &["true", "false", "only-federated"],
            }],
        }
    }

    /// The mail goes out with the page, once in this login.
    fn prepare(&self, _: &Node, login: &mut Login<'_>) -> Result<(), LoginFailure> {
        let user = login.facts.subject.as_ref().map(|s| s.user.clone());
        let user = user.filter(|user| user.enabled == Some(true));
        let (Some(user), false) = (user, login.progress.notes.contains_key(SENT)) else {
            return Ok(());
        };
        login.progress.notes.insert(SENT.to_owned(), String::new());
        // Who only follows links sends one mail for each login that they begin.
        if let Some(asked_by) = login.progress.notes.remove(ASKED_BY) {
            once(login, &format!("reset {asked_by}"))?;
        }
        send(login, &user);
        Ok(())
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

    fn automatic(&self, _: &Node, _: &Facts<'_>) -> bool {
        true
    }

    fn run<'a>(&'a self, _: &'a Node, login: &'a mut Login<'_>) -> Answer<'a> {
        Box::pin(async move { Ok(ask_for(login, "UPDATE_PASSWORD")) })
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

/// Whether the flow wants who has set new credentials to sign in with them.
pub fn forces_login(flow: &Flow) -> bool {
    let mut all = flow.all().into_iter();
    all.any(|node| {
        matches!(&node.kind, NodeKind::Step(id) if id == SEND_EMAIL)
            && node.setting(FORCE_LOGIN) == Some("true")
    })
}

/// The login for forgotten credentials goes on from a page of `before`: what was typed there is
/// shown, and where the flow does not ask who it is about, it is about the user who was named there.
pub fn asked_by(flow: &Flow, progress: &mut Progress, before: Progress) {
    progress.attempted_username = before.attempted_username;
    if !flow.all().into_iter().any(chooses_user) {
        progress.user = before.user;
        let notes = &mut progress.notes;
        notes.insert(ASKED_BY.to_owned(), before.login);
    }
}

fn chooses_user(node: &Node) -> bool {
    let is_it = matches!(&node.kind, NodeKind::Step(id) if id == CHOOSE_USER);
    is_it && node.requirement != Requirement::Disabled
}

/// The step by which this counts once.
fn once(login: &mut Login<'_>, key: &str) -> Result<(), LoginFailure> {
    let lifespan = lifespan_by_user(login.facts.realm, Purpose::ResetCredentials);
    let until = login.facts.now.saturating_add(lifespan);
    let step = Store::put_single_use(Space::ActionToken, key, until, &())?;
    login.push(step);
    Ok(())
}

pub(super) fn ask_for(login: &mut Login<'_>, action: &str) -> Outcome {
    if !required_actions::is_enabled(login.facts.services, login.facts.realm, action) {
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
    let made = token
        .link(services, realm)
        .map_err(mail::MailError::from)
        .and_then(|url| {
            let link = Link {
                url: &url,
                lifespan,
            };
            mail::prepare(services, realm, user, to, &Mail::PasswordReset(link))
        });
    match made {
        Ok(made) => {
            login.mail(made);
            login.notice(
                EventType::SendResetPassword,
                vec![("email", to.to_owned()), ("user_id", user_id.to_owned())],
            );
        }
        Err(error) => {
            tracing::error!(realm = realm.name, %error, "a mail for a reset was not sent");
        }
    }
}
