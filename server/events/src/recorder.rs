//! Events as rows, for the realms that keep them.

use std::collections::BTreeMap;

use realmkeep_model::clock::Clock;
use realmkeep_representations::{EventRepresentation, RealmRepresentation};
use realmkeep_store::{Batch, Realm, Step, Store, StoreError};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::{Event, EventType, default_saved_types};

/// Events that wait to be stored; those beyond it are logged and counted only.
const QUEUE: usize = 10_000;
/// Events stored in one transaction.
const TOGETHER: usize = 256;
/// Realm attribute: how long admin events are kept, in seconds.
const ADMIN_EXPIRATION: &str = "adminEventsExpiration";

/// The writer's end of the queue.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    queue: mpsc::Sender<Item>,
    clock: Clock,
}

#[derive(Debug)]
enum Item {
    /// The event, and when it happened in milliseconds since 1970.
    Event(Box<Event>, i64),
    Settled(oneshot::Sender<()>),
}

impl Recorder {
    pub(crate) fn start(store: Store, clock: Clock) -> Self {
        let (queue, items) = mpsc::channel(QUEUE);
        tokio::spawn(write(store, items));
        Self { queue, clock }
    }

    pub(crate) fn take(&self, event: &Event) {
        if event.kind == EventType::AdminChange {
            return;
        }
        let item = Item::Event(Box::new(event.clone()), self.clock.now_millis());
        if self.queue.try_send(item).is_err() {
            tracing::error!(
                realm = %event.realm,
                r#type = event.kind.name(event.error.is_some()),
                "the event was not stored: the database is slower than events come in"
            );
        }
    }

    pub(crate) fn stage(&self, realm: &Realm, batch: &mut Batch, event: &Event) {
        if !keeps(&realm.settings, event) {
            return;
        }
        match user_event_step(&realm.id, event, self.clock.now_millis()) {
            Ok(step) => {
                batch.push(step);
            }
            Err(e) => tracing::error!(error = %e, "the event was not stored"),
        }
    }

    pub(crate) async fn settle(&self) {
        let (done, settled) = oneshot::channel();
        if self.queue.send(Item::Settled(done)).await.is_ok() {
            let _ = settled.await;
        }
    }
}

/// Stores what comes in, until every sender is gone.
async fn write(store: Store, mut items: mpsc::Receiver<Item>) {
    let mut taken = Vec::with_capacity(TOGETHER);
    while items.recv_many(&mut taken, TOGETHER).await > 0 {
        let mut batch = Batch::new();
        let mut waiting = Vec::new();
        for item in taken.drain(..) {
            match item {
                Item::Settled(done) => waiting.push(done),
                Item::Event(event, time) => match kept(&store, &event, time).await {
                    Ok(Some(step)) => {
                        batch.push(step);
                    }
                    Ok(None) => {}
                    Err(e) => tracing::error!(error = %e, "the event was not stored"),
                },
            }
        }
        if !batch.is_empty()
            && let Err(e) = store.commit(batch).await
        {
            tracing::error!(error = %e, "events were not stored");
        }
        for done in waiting {
            let _ = done.send(());
        }
    }
}

async fn kept(store: &Store, event: &Event, time: i64) -> Result<Option<Step>, StoreError> {
    match store.realm(&event.realm).await? {
        Some(realm) if keeps(&realm.settings, event) => {
            user_event_step(&realm.id, event, time).map(Some)
        }
        _ => Ok(None),
    }
}

fn keeps(settings: &RealmRepresentation, event: &Event) -> bool {
    if settings.events_enabled != Some(true) || event.kind == EventType::AdminChange {
        return false;
    }
    let failed = event.error.is_some();
    match settings.enabled_event_types.as_deref() {
        None | Some([]) => event.kind.saved_by_default(failed),
        Some(types) => types.iter().any(|t| t == event.kind.name(failed)),
    }
}

/// The step that stores the event; `time` is in milliseconds since 1970.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn user_event_step(realm_id: &str, event: &Event, time: i64) -> Result<Step, StoreError> {
    let details: BTreeMap<String, String> = event
        .details
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect();
    Store::insert_user_event(&EventRepresentation {
        id: Some(Uuid::new_v4().to_string()),
        time: Some(time),
        r#type: Some(event.kind.name(event.error.is_some()).to_owned()),
        realm_id: Some(realm_id.to_owned()),
        client_id: event.client_id.clone(),
        user_id: event.user_id.clone().filter(|id| !id.is_empty()),
        session_id: event.session_id.clone(),
        ip_address: Some(event.ip_address.clone()),
        error: event.error.clone(),
        details: Some(details),
    })
}

/// Removes the events that their realm keeps no longer; `now` is in seconds since 1970.
///
/// # Errors
/// When the database fails.
pub async fn expire(store: &Store, now: i64) -> Result<(), StoreError> {
    for name in store.realm_names().await? {
        let Some(realm) = store.realm(&name).await? else {
            continue;
        };
        let settings = &realm.settings;
        let mut batch = Batch::new();
        if let Some(seconds) = settings.events_expiration.filter(|s| *s > 0) {
            let before = now.saturating_sub(seconds).saturating_mul(1000);
            batch.push(Store::expire_user_events(&realm.id, before));
        }
        let of_admins = settings
            .attributes
            .as_ref()
            .and_then(|a| a.get(ADMIN_EXPIRATION)?.parse::<i64>().ok());
        if let Some(seconds) = of_admins.filter(|s| *s > 0) {
            let before = now.saturating_sub(seconds).saturating_mul(1000);
            batch.push(Store::expire_admin_events(&realm.id, before));
        }
        if !batch.is_empty() {
            store.commit(batch).await?;
        }
    }
    Ok(())
}

/// The types that the realm keeps.
pub fn kept_types(settings: &RealmRepresentation) -> Vec<String> {
    match settings.enabled_event_types.as_deref() {
        None | Some([]) => default_saved_types()
            .into_iter()
            .map(str::to_owned)
            .collect(),
        Some(types) => types.to_vec(),
    }
}
