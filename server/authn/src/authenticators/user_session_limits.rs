use realmkeep_store::StoreError;
use realmkeep_store::sessions::UserSession;

use crate::flow::{About, Answer, Authenticator, Facts, Login, Node, Outcome, Property};
use crate::{session, session_end};

/// Limits how many sessions a user has, in the realm and with one client.
#[derive(Debug)]
pub struct UserSessionLimits;

const TERMINATE_OLDEST: &str = "Terminate oldest session";

impl Authenticator for UserSessionLimits {
    fn about(&self) -> About {
        About {
            id: "user-session-limits",
            name: "User session count limiter",
            help: "Limits how many sessions a user may have at once in the realm and with a client",
            properties: &[
                Property {
                    name: "userRealmLimit",
                    label: "Maximum concurrent sessions for each user within this realm.",
                    help: "0: no limit",
                    kind: "String",
                    default: Some("3"),
                    options: &[],
                },
                Property {
                    name: "userClientLimit",
                    label: "Maximum concurrent sessions for each user per client.",
                    help: "0: no limit",
                    kind: "String",
                    default: Some("0"),
                    options: &[],
                },
                Property {
                    name: "behavior",
                    label: "Behavior when user session limit is exceeded",
                    help: "Whether the new session is refused or the oldest one ended",
                    kind: "List",
                    default: Some("Deny new session"),
                    options: &["Deny new session", TERMINATE_OLDEST],
                },
                Property {
                    name: "errorMessage",
                    label: "Optional custom error message",
                    help: "Text, or the key of a message",
                    kind: "String",
                    default: None,
                    options: &[],
                },
            ],
        }
    }

    fn requires_user(&self) -> bool {
        true
    }

    fn configured(&self, _: &Node, _: &Facts<'_>) -> bool {
        true
    }

    fn automatic(&self, _: &Node, _: &Facts<'_>) -> bool {
        true
    }

    fn run<'a>(&'a self, step: &'a Node, login: &'a mut Login<'_>) -> Answer<'a> {
        Box::pin(async move {
            let limit = |name: &str, default: usize| {
                let set = step.setting(name).map(|text| text.trim().parse());
                set.and_then(Result::ok).unwrap_or(default)
            };
            let others = other_sessions(login).await?;
            let of_client = with_client(login, &others).await?;
            let excess = |sessions: &[UserSession], limit: usize| {
                // The session that is about to begin counts, too.
                (limit > 0)
                    .then(|| (sessions.len() + 1).saturating_sub(limit))
                    .filter(|excess| *excess > 0)
                    .unwrap_or(0)
            };
            let in_realm = excess(&others, limit("userRealmLimit", 3));
            let in_client = excess(&of_client, limit("userClientLimit", 0));
            if in_realm == 0 && in_client == 0 {
                return Ok(Outcome::Success);
            }
            if step.setting("behavior") != Some(TERMINATE_OLDEST) {
                let own = step.setting("errorMessage");
                return Ok(Outcome::Denied {
                    message: own.unwrap_or("sessionLimitExceeded").to_owned(),
                    event: "generic_authentication_error",
                });
            }
            // Sessions come oldest first.
            let mut ending: Vec<&UserSession> = Vec::new();
            let oldest = others.iter().take(in_realm);
            for session in oldest.chain(of_client.iter().take(in_client)) {
                if !ending.iter().any(|other| other.id == session.id) {
                    ending.push(session);
                }
            }
            for session in ending {
                let facts = &login.facts;
                let steps = session_end::end(facts.services, facts.realm, session).await?;
                steps.into_iter().for_each(|step| login.push(step));
            }
            Ok(Outcome::Success)
        })
    }
}

/// The user's living sessions besides the one that this login goes on with.
async fn other_sessions(login: &Login<'_>) -> Result<Vec<UserSession>, StoreError> {
    let facts = &login.facts;
    let user_id = login.progress.user.as_deref().unwrap_or_default();
    let own = facts
        .browser
        .session
        .as_ref()
        .map(|known| known.session.id.as_str());
    let all = facts
        .services
        .store
        .sessions_of_user(&facts.realm.id, user_id)
        .await?;
    Ok(all
        .into_iter()
        .filter(|s| Some(s.id.as_str()) != own && !s.detail.offline)
        .filter(|s| session::is_alive(facts.realm, s, facts.now))
        .collect())
}

async fn with_client(
    login: &Login<'_>,
    sessions: &[UserSession],
) -> Result<Vec<UserSession>, StoreError> {
    let facts = &login.facts;
    let client = facts.client.representation.id.as_deref();
    let mut found = Vec::new();
    for session in sessions {
        let parts = facts.services.store.client_sessions(&session.id).await?;
        if parts
            .iter()
            .any(|part| Some(part.client_id.as_str()) == client)
        {
            found.push(session.clone());
        }
    }
    Ok(found)
}
