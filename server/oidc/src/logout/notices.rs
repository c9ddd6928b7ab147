//! Telling applications that a session has ended (OpenID Connect Back-Channel Logout 1.0, and
//! Keycloak's admin URL). What is to be told is written with the end of the session and delivered
//! beside the request, again and again until it arrives or expires.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use realmkeep_authn::Services;
use realmkeep_authn::session_end::{self, admin_url, back_channel_url};
use realmkeep_events::Event;
use realmkeep_jose::Algorithm;
use realmkeep_representations::ClientRepresentation;
use realmkeep_store::documents::Page;
use realmkeep_store::logout_notices::{DueNotice, LogoutNotice};
use realmkeep_store::sessions::UserSession;
use realmkeep_store::{Batch, Realm, Store, StoreError};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use url::Url;
use uuid::Uuid;

use crate::claims;
use crate::error::{OAuthError, chain};

/// Seconds to the second attempt; each further one waits twice as long, up to the limit.
const FIRST_RETRY: i64 = 10;
const LONGEST_RETRY: i64 = 3_600;
/// Seconds that a logout token is good for (Back-Channel Logout section 2.4 recommends two minutes).
const TOKEN_LIFESPAN: i64 = 120;
/// Notices of one pass, and how many of them at a time.
const PASS: i64 = 64;
const AT_A_TIME: usize = 8;
const INTERVAL: Duration = Duration::from_secs(5);
/// Sessions that end in one transaction, when many do.
const SESSIONS_AT_ONCE: i64 = 200;

/// An application that the browser itself has to tell, by loading the address in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontChannelNotice {
    /// What a person calls the application.
    pub name: String,
    pub url: String,
}

/// A session that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    pub user_id: String,
    /// Nobody but the browser can deliver these.
    pub front_channel: Vec<FrontChannelNotice>,
}

/// Ends a session with all clients' parts in it, and tells those that want to know; the event is stored
/// with the end. None when there was no such session.
///
/// # Errors
/// When the database fails; the session goes on then.
pub async fn end_session(
    services: &Arc<Services>,
    realm: &Realm,
    session_id: &str,
    event: &mut Event,
) -> Result<Option<Ended>, StoreError> {
    let Some(session) = services.store.find_session(&realm.id, session_id).await? else {
        return Ok(None);
    };
    let mut batch = Batch::new();
    let front_channel = notify(services, realm, &session, &mut batch).await?;
    let ended = commit(services, realm, session_id, batch, event).await?;
    Ok(ended.then_some(Ended {
        user_id: session.user_id,
        front_channel,
    }))
}

/// As [`end_session`], where no browser takes part: whoever can be told by back channel is told so.
/// Whether there was such a session.
///
/// # Errors
/// When the database fails; the session goes on then.
pub(super) async fn end_session_unseen(
    services: &Arc<Services>,
    realm: &Realm,
    session_id: &str,
    event: &mut Event,
) -> Result<bool, StoreError> {
    let Some(session) = services.store.find_session(&realm.id, session_id).await? else {
        return Ok(false);
    };
    let mut batch = Batch::new();
    for step in session_end::notices(services, realm, &session).await? {
        batch.push(step);
    }
    commit(services, realm, session_id, batch, event).await
}

/// Ends the session with its notices. Of two that end it at the same time, one tells the applications.
async fn commit(
    services: &Arc<Services>,
    realm: &Realm,
    session_id: &str,
    mut batch: Batch,
    event: &mut Event,
) -> Result<bool, StoreError> {
    batch.push(Store::end_session(&realm.id, session_id).or_fail("the session has ended"));
    services.events.stage(realm, &mut batch, event);
    match services.store.commit(batch).await {
        Ok(_) => {}
        Err(StoreError::Guard(_)) => return Ok(false),
        Err(error) => return Err(error),
    }
    deliver_soon(services);
    Ok(true)
}

/// Ends all sessions of a user, offline ones excepted, and tells the applications.
///
/// # Errors
/// When the database fails; the sessions go on then.
pub async fn end_sessions_of_user(
    services: &Arc<Services>,
    realm: &Realm,
    user_id: &str,
) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    for step in session_end::end_of_user(services, realm, user_id).await? {
        batch.push(step);
    }
    services.store.commit(batch).await?;
    deliver_soon(services);
    Ok(())
}

/// Ends the sessions of the realm in which clients take part that want a logout token for each, offline
/// ones excepted. A part of them at a time: there may be many.
///
/// # Errors
/// When the database fails; some of the sessions go on then.
pub async fn end_back_channel_sessions(
    services: &Arc<Services>,
    realm: &Realm,
) -> Result<(), StoreError> {
    let store = &services.store;
    let part = Page {
        first: 0,
        max: SESSIONS_AT_ONCE,
    };
    for client in store.list::<ClientRepresentation>(&realm.id).await? {
        if back_channel_url(&client).is_none() {
            continue;
        }
        let id = client.id.as_deref().unwrap_or_default();
        loop {
            let sessions = store.sessions_of_client(&realm.id, id, part).await?;
            if sessions.is_empty() {
                break;
            }
            let mut batch = Batch::new();
            for session in sessions {
                for step in session_end::end(services, realm, &session).await? {
                    batch.push(step);
                }
            }
            store.commit(batch).await?;
            deliver_soon(services);
        }
    }
    Ok(())
}

/// Adds to the batch what tells the clients of a session that it ends; returns what only the browser
/// can tell.
async fn notify(
    services: &Services,
    realm: &Realm,
    session: &UserSession,
    batch: &mut Batch,
) -> Result<Vec<FrontChannelNotice>, StoreError> {
    let mut front_channel = Vec::new();
    for part in services.store.client_sessions(&session.id).await? {
        let client = services.store.client_by_id(realm, &part.client_id).await?;
        let Some(client) = client else { continue };
        let client = &client.representation;
        if let Some(url) = front_channel_url(services, realm, client, &session.id) {
            let name = client.name.as_deref().filter(|name| !name.is_empty());
            let name = name.or(client.client_id.as_deref()).unwrap_or_default();
            front_channel.push(FrontChannelNotice {
                name: name.to_owned(),
                url,
            });
        } else if let Some(step) = session_end::notice(services, realm, client, session)? {
            batch.push(step);
        }
    }
    Ok(front_channel)
}

/// Delivers what is due, beside the request.
pub fn deliver_soon(services: &Arc<Services>) {
    let services = Arc::clone(services);
    tokio::spawn(async move {
        if let Err(error) = deliver(&services).await {
            tracing::warn!(
                error = chain(&error),
                "logout notices cannot be read; trying again"
            );
        }
    });
}

/// Delivers logout notices as they fall due, for ever.
pub async fn deliver_logouts(services: Arc<Services>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        if let Err(error) = deliver(&services).await {
            tracing::warn!(
                error = chain(&error),
                "logout notices cannot be read; trying again"
            );
        }
    }
}

/// One pass over what is due; how many notices were tried.
///
/// # Errors
/// When the database fails.
pub async fn deliver(services: &Arc<Services>) -> Result<usize, StoreError> {
    let now = services.clock.now();
    let mut due = services.store.due_logout_notices(now, PASS).await?;
    let count = due.len();
    while !due.is_empty() {
        let rest = due.split_off(due.len().min(AT_A_TIME));
        let mut attempts = JoinSet::new();
        for notice in std::mem::replace(&mut due, rest) {
            let services = Arc::clone(services);
            attempts.spawn(async move { attempt(&services, notice).await });
        }
        while let Some(done) = attempts.join_next().await {
            if let Ok(Err(error)) = done {
                tracing::warn!(error = chain(&error), "a logout notice stays undelivered");
            }
        }
    }
    Ok(count)
}

async fn attempt(services: &Arc<Services>, due: DueNotice) -> Result<(), StoreError> {
    let store = &services.store;
    let now = services.clock.now();
    let doublings = u32::try_from(due.attempts.clamp(0, 20)).unwrap_or(0);
    let wait = FIRST_RETRY.saturating_mul(2_i64.saturating_pow(doublings));
    let mut batch = Batch::new();
    batch.push(Store::claim_logout_notice(
        &due,
        now.saturating_add(wait.min(LONGEST_RETRY)),
    ));
    match store.commit(batch).await {
        Ok(_) => {}
        // Another replica sends it.
        Err(StoreError::Guard(_)) => return Ok(()),
        Err(error) => return Err(error),
    }
    let outcome = if due.expires < now {
        Outcome::Final("it expired before it could be delivered".to_owned())
    } else {
        send(services, &due.notice).await?
    };
    let LogoutNotice { realm, client, .. } = &due.notice;
    match outcome {
        Outcome::Delivered => {}
        Outcome::Final(reason) => {
            tracing::warn!(
                realm,
                client,
                reason,
                "an application was not told of a logout"
            );
        }
        Outcome::Retry(reason) => {
            tracing::info!(
                realm,
                client,
                reason,
                "an application will be told of a logout later"
            );
            return Ok(());
        }
    }
    let mut batch = Batch::new();
    batch.push(Store::delete_logout_notice(&due.id));
    store.commit(batch).await.map(|_| ())
}

enum Outcome {
    Delivered,
    /// Trying again cannot help.
    Final(String),
    Retry(String),
}

async fn send(services: &Services, notice: &LogoutNotice) -> Result<Outcome, StoreError> {
    let store = &services.store;
    let Some(realm) = store.realm(&notice.realm).await? else {
        return Ok(Outcome::Delivered);
    };
    // As the client is now: one that was deleted need not know.
    let Some(client) = store.client_by_id(&realm, &notice.client).await? else {
        return Ok(Outcome::Delivered);
    };
    let client = &client.representation;
    let http = services.remote_keys.http();
    let answer = if let Some(url) = back_channel_url(client) {
        let token = match logout_token(services, &realm, client, notice).await {
            Ok(token) => token,
            Err(error) => {
                let reason = error
                    .reason
                    .unwrap_or_else(|| error.description.into_owned());
                return Ok(Outcome::Retry(reason));
            }
        };
        http.post_form(url, &[("logout_token", token.as_str())])
            .await
    } else if let Some(url) = admin_url(client) {
        let mut action = super::admin_url::action(services, client, "LOGOUT");
        action.insert("keycloakSessionIds".to_owned(), json!([notice.session_id]));
        match super::admin_url::signed(services, &realm, &action).await {
            Ok(token) => {
                http.post_text(&format!("{url}/k_logout"), "text/plain", token)
                    .await
            }
            Err(error) => return Ok(Outcome::Retry(error.description.into_owned())),
        }
    } else {
        return Ok(Outcome::Delivered);
    };
    Ok(match answer {
        Ok(answer) if (200..300).contains(&answer.status) => Outcome::Delivered,
        Ok(answer) if matches!(answer.status, 408 | 425 | 429) || answer.status >= 500 => {
            Outcome::Retry(format!("it answered with status {}", answer.status))
        }
        Ok(answer) => Outcome::Final(format!("it answered with status {}", answer.status)),
        Err(error) => Outcome::Retry(error.to_string()),
    })
}

/// Back-Channel Logout section 2.4.
async fn logout_token(
    services: &Services,
    realm: &Arc<Realm>,
    client: &ClientRepresentation,
    notice: &LogoutNotice,
) -> Result<String, OAuthError> {
    let now = services.clock.now();
    let mut events = Map::new();
    let event = "http://schemas.openid.net/event/backchannel-logout";
    events.insert(event.to_owned(), json!({}));
    if is_on(client, "backchannel.logout.revoke.offline.tokens") {
        events.insert("revoke_offline_access".to_owned(), true.into());
    }
    let subject = claims::subject_for(realm, client, &notice.user_id);
    let mut token = BTreeMap::from([
        ("iss", json!(services.issuer(&realm.name))),
        ("sub", json!(subject)),
        ("aud", json!(client.client_id)),
        ("iat", json!(now)),
        ("exp", json!(now.saturating_add(TOKEN_LIFESPAN))),
        ("jti", json!(Uuid::new_v4().to_string())),
        ("typ", json!("Logout")),
        ("events", Value::Object(events)),
    ]);
    if is_on(client, "backchannel.logout.session.required") {
        token.insert("sid", json!(notice.session_id));
    }
    let algorithm = attribute(client, "id.token.signed.response.alg")
        .or(realm.settings.default_signature_algorithm.as_deref())
        .and_then(|name| name.parse::<Algorithm>().ok())
        .filter(|algorithm| !algorithm.is_symmetric())
        .unwrap_or(Algorithm::Rs256);
    let key = services.keys.active_signing(realm, algorithm).await?;
    key.sign("logout+jwt", &token)
        .map_err(|e| OAuthError::internal(&e))
}

fn front_channel_url(
    services: &Services,
    realm: &Realm,
    client: &ClientRepresentation,
    session_id: &str,
) -> Option<String> {
    if client.frontchannel_logout != Some(true) {
        return None;
    }
    let mut url = Url::parse(attribute(client, "frontchannel.logout.url")?).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    // Absent means on, as new clients have it.
    if attribute(client, "frontchannel.logout.session.required") != Some("false") {
        url.query_pairs_mut()
            .append_pair("iss", &services.issuer(&realm.name))
            .append_pair("sid", session_id);
    }
    Some(url.into())
}

fn is_on(client: &ClientRepresentation, name: &str) -> bool {
    attribute(client, name) == Some("true")
}

fn attribute<'a>(client: &'a ClientRepresentation, name: &str) -> Option<&'a str> {
    let value = client.attributes.as_ref()?.get(name)?;
    Some(value.as_str()).filter(|value| !value.is_empty())
}
