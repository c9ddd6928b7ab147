//! Tells listeners of events, from the outbox that the events were put into with the change they tell of:
//! one after the other for each listener of a realm, at least once, again and again until it was taken
//! or expired.

mod email;
pub mod webhook;

use std::sync::Arc;

use realmkeep_events::{EMAIL, WEBHOOK};
use realmkeep_store::event_outbox::DueEvent;
use realmkeep_store::{Batch, Realm, Store, StoreError};
use tokio::task::JoinSet;

use crate::Services;

/// Seconds to the second attempt; each further one waits twice as long, up to the limit.
const FIRST_RETRY: i64 = 10;
const LONGEST_RETRY: i64 = 3_600;
/// Seconds after which an attempt that never ended may be made again.
const LEASE: i64 = 60;
/// Listeners told at a time.
const LANES: i64 = 16;

/// What became of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Taken,
    /// Nobody is there to tell it to.
    Moot,
    /// Trying again cannot help.
    Final(String),
    Retry(String),
}

/// Tells listeners for ever.
pub async fn deliver_events(services: Arc<Services>) {
    loop {
        services.events.outbox_changed().await;
        if let Err(error) = deliver(&services).await {
            tracing::warn!(%error, "listeners could not be told of events; trying again");
        }
    }
}

/// Tells all that is due; how many events were tried.
///
/// # Errors
/// When the database fails.
pub async fn deliver(services: &Arc<Services>) -> Result<usize, StoreError> {
    let mut count: usize = 0;
    loop {
        let now = services.clock.now();
        let due = services.store.due_outbox_events(now, LANES).await?;
        if due.is_empty() {
            return Ok(count);
        }
        count = count.saturating_add(due.len());
        let mut attempts = JoinSet::new();
        for event in due {
            let services = Arc::clone(services);
            attempts.spawn(async move { attempt(&services, event).await });
        }
        while let Some(done) = attempts.join_next().await {
            // What failed stays in the outbox.
            done.map_err(|e| StoreError::Unavailable(e.to_string()))??;
        }
    }
}

async fn attempt(services: &Services, due: DueEvent) -> Result<(), StoreError> {
    let store = &services.store;
    let now = services.clock.now();
    let mut batch = Batch::new();
    let lease = now.saturating_add(LEASE);
    batch.push(Store::claim_outbox_event(&due, lease));
    match store.commit(batch).await {
        Ok(_) => {}
        // Another replica tells it.
        Err(StoreError::Guard(_)) => return Ok(()),
        Err(error) => return Err(error),
    }
    let mut batch = Batch::new();
    let Some(realm) = store.realm(&due.realm).await? else {
        batch.push(Store::delete_outbox_event(&due.id));
        return store.commit(batch).await.map(drop);
    };
    let outcome = if due.expires < now {
        Outcome::Final("it expired before it could be told".to_owned())
    } else {
        tell(services, &realm, &due).await?
    };
    let (realm, listener, event) = (realm.name.as_str(), due.lane.as_str(), due.id.as_str());
    match outcome {
        Outcome::Taken => batch.push(Store::delete_outbox_event(&due.id)),
        // Nor will anything else arrive there.
        Outcome::Moot => batch.push(Store::empty_outbox_lane(&due.realm_id, &due.lane)),
        Outcome::Final(reason) => {
            tracing::error!(
                realm,
                listener,
                event,
                reason,
                "a listener was not told of an event"
            );
            batch.push(Store::delete_outbox_event(&due.id))
        }
        Outcome::Retry(reason) => {
            tracing::warn!(
                realm,
                listener,
                event,
                reason,
                "a listener will be told of an event later"
            );
            let doublings = u32::try_from(due.attempts.clamp(0, 20)).unwrap_or(0);
            let wait = FIRST_RETRY.saturating_mul(2_i64.saturating_pow(doublings));
            let next = now.saturating_add(wait.min(LONGEST_RETRY));
            batch.push(Store::retry_outbox_event(&due.id, next))
        }
    };
    store.commit(batch).await.map(drop)
}

async fn tell(services: &Services, realm: &Realm, due: &DueEvent) -> Result<Outcome, StoreError> {
    if due.lane == EMAIL {
        return email::tell(services, realm, &due.event).await;
    }
    let webhook = due
        .lane
        .strip_prefix(WEBHOOK)
        .and_then(|rest| rest.strip_prefix('/'));
    match webhook {
        Some(id) => Ok(webhook::tell(services, realm, id, &due.id, &due.event).await),
        None => Ok(Outcome::Final("there is no such listener".to_owned())),
    }
}
