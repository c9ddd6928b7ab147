//! Events as rows, for the realms that keep them, and for the listeners that are told of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use realmkeep_model::clock::Clock;
use realmkeep_representations::{
    AdminEventRepresentation, EventRepresentation, RealmRepresentation,
};
use realmkeep_store::event_outbox::OutboxEvent;
use realmkeep_store::{Batch, Realm, Step, Store, StoreError};
use tokio::sync::{Notify, mpsc, oneshot};
use uuid::Uuid;

use crate::ledger::{self, Waiting};
use crate::listeners;
use crate::settings::Settings;
use crate::{Event, EventType, default_saved_types};

/// Events outside of requests that wait to be stored; those beyond it are logged and counted only.
const QUEUE: usize = 10_000;
/// Events stored in one transaction.
const TOGETHER: usize = 256;
/// Realm attribute: how long admin events are kept, in seconds.
const ADMIN_EXPIRATION: &str = "adminEventsExpiration";
/// Seconds after which an event that a listener does not take is given up.
const OUTBOX_EXPIRY: i64 = 3 * 86_400;
/// How often the outbox is looked at when nothing new comes: another server's events may lie in it, and
/// those that are to be tried again.
const OUTBOX_INTERVAL: Duration = Duration::from_secs(5);

/// Stores events.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    pub(crate) store: Store,
    queue: mpsc::Sender<Item>,
    clock: Clock,
    settings: Arc<Settings>,
    /// Something was put into the outbox.
    outbox: Arc<Notify>,
}

#[derive(Debug)]
enum Item {
    Event(Box<Waiting>),
    Settled(oneshot::Sender<()>),
}

impl Recorder {
    pub(crate) fn start(store: Store, clock: Clock, settings: Arc<Settings>) -> Self {
        let (queue, items) = mpsc::channel(QUEUE);
        let outbox = Arc::new(Notify::new());
        let recorder = Self {
            store,
            queue,
            clock,
            settings,
            outbox,
        };
        let (store, settings) = (recorder.store.clone(), recorder.settings.clone());
        tokio::spawn(follow(store, settings, recorder.outbox.clone(), items));
        recorder
    }

    /// Notes the event for the end of the request that this task answers, else for a moment later.
    pub(crate) fn take(&self, event: &Event) {
        if event.kind == EventType::AdminChange {
            return;
        }
        if let Some(told) = event.staged {
            if told {
                self.wake();
            }
            return;
        }
        // Most realms keep no events. What memory does not hold is looked up when it is written.
        let realm = self.store.remembered_realm(&event.realm);
        if realm.is_some_and(|realm| !is_wanted(&realm, &self.settings, event)) {
            return;
        }
        let waiting = Waiting {
            event: event.clone(),
            time: self.clock.now_millis(),
        };
        if let Some(waiting) = ledger::note(self, waiting) {
            self.enqueue(waiting);
        }
    }

    pub(crate) fn enqueue(&self, waiting: Waiting) {
        let (realm, name) = (waiting.event.realm.clone(), waiting.event.name());
        let item = Item::Event(Box::new(waiting));
        if self.queue.try_send(item).is_err() {
            tracing::error!(
                realm,
                r#type = name,
                "the event was not stored: the database is slower than events come in"
            );
        }
    }

    pub(crate) fn stage(&self, realm: &Realm, batch: &mut Batch, event: &mut Event) {
        let time = self.clock.now_millis();
        match steps(realm, &self.settings, event, time) {
            Ok(made) => {
                event.staged = Some(made.told);
                made.into(batch);
            }
            Err(e) => tracing::error!(error = %e, "the event was not stored"),
        }
    }

    pub(crate) fn stage_admin(
        &self,
        realm: &Realm,
        batch: &mut Batch,
        event: &mut AdminEventRepresentation,
    ) -> Result<(), StoreError> {
        let settings = &realm.settings;
        if settings.admin_events_details_enabled != Some(true) {
            event.representation = None;
        }
        if let (Some(most), Some(text)) =
            (self.settings.max_representation, &mut event.representation)
            && let Some((end, _)) = text.char_indices().nth(most)
        {
            text.truncate(end);
        }
        if settings.admin_events_enabled == Some(true) {
            batch.push(Store::insert_admin_event(event)?);
        }
        for lane in listeners::admin_lanes(realm) {
            let told = OutboxEvent::Admin(Box::new(event.clone()));
            batch.push(outbox_step(realm, &lane, &told, self.clock.now())?);
        }
        Ok(())
    }

    /// Something was put into the outbox.
    pub(crate) fn wake(&self) {
        self.outbox.notify_one();
    }

    /// Stores the events, in their order; those that cannot be stored are logged.
    pub(crate) async fn write(&self, waiting: Vec<Waiting>) {
        if write(&self.store, &self.settings, &waiting).await {
            self.wake();
        }
    }

    pub(crate) async fn settle(&self) {
        let (done, settled) = oneshot::channel();
        if self.queue.send(Item::Settled(done)).await.is_ok() {
            let _ = settled.await;
        }
    }

    /// Waits until there may be something new in the outbox.
    pub(crate) async fn outbox_changed(&self) {
        let _ = tokio::time::timeout(OUTBOX_INTERVAL, self.outbox.notified()).await;
    }
}

/// Stores what comes in, until every sender is gone.
async fn follow(
    store: Store,
    settings: Arc<Settings>,
    outbox: Arc<Notify>,
    mut items: mpsc::Receiver<Item>,
) {
    let mut taken = Vec::with_capacity(TOGETHER);
    while items.recv_many(&mut taken, TOGETHER).await > 0 {
        let mut events = Vec::new();
        let mut settled = Vec::new();
        for item in taken.drain(..) {
            match item {
                Item::Settled(done) => settled.push(done),
                Item::Event(event) => events.push(*event),
            }
        }
        if write(&store, &settings, &events).await {
            outbox.notify_one();
        }
        for done in settled {
            let _ = done.send(());
        }
    }
}

/// Whether listeners are to be told of something.
async fn write(store: &Store, settings: &Settings, waiting: &[Waiting]) -> bool {
    let mut batch = Batch::new();
    let mut told = false;
    for Waiting { event, time } in waiting {
        let made = match store.realm(&event.realm).await {
            Ok(Some(realm)) => steps(&realm, settings, event, *time),
            Ok(None) => Ok(Made::default()),
            Err(e) => Err(e),
        };
        match made {
            Ok(made) => {
                told |= made.told;
                made.into(&mut batch);
            }
            Err(e) => tracing::error!(error = %e, "the event was not stored"),
        }
    }
    if batch.is_empty() {
        return false;
    }
    match store.commit(batch).await {
        Ok(_) => told,
        Err(e) => {
            tracing::error!(error = %e, "events were not stored");
            false
        }
    }
}

fn is_wanted(realm: &Realm, settings: &Settings, event: &Event) -> bool {
    keeps(&realm.settings, event) || !listeners::lanes(realm, settings, event).is_empty()
}

/// What stores an event and puts it into the outbox.
#[derive(Default)]
struct Made {
    steps: Vec<Step>,
    /// Listeners are told of it.
    told: bool,
}

impl Made {
    fn into(self, batch: &mut Batch) {
        for step in self.steps {
            batch.push(step);
        }
    }
}

/// The steps that store the event and put it into the outbox, as far as the realm wants it.
fn steps(realm: &Realm, settings: &Settings, event: &Event, time: i64) -> Result<Made, StoreError> {
    let mut made = Made::default();
    if event.kind == EventType::AdminChange {
        return Ok(made);
    }
    let kept = keeps(&realm.settings, event);
    let lanes = listeners::lanes(realm, settings, event);
    if !kept && lanes.is_empty() {
        return Ok(made);
    }
    let representation = representation(&realm.id, event, time);
    if kept {
        made.steps.push(Store::insert_user_event(&representation)?);
    }
    made.told = !lanes.is_empty();
    let told = OutboxEvent::User(Box::new(representation));
    for lane in lanes {
        made.steps
            .push(outbox_step(realm, &lane, &told, time / 1000)?);
    }
    Ok(made)
}

fn outbox_step(
    realm: &Realm,
    lane: &str,
    event: &OutboxEvent,
    now: i64,
) -> Result<Step, StoreError> {
    let expires = now.saturating_add(OUTBOX_EXPIRY);
    Store::put_into_event_outbox(&realm.id, lane, event, now, expires)
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

fn representation(realm_id: &str, event: &Event, time: i64) -> EventRepresentation {
    let details: BTreeMap<String, String> = event
        .details
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect();
    EventRepresentation {
        id: Some(Uuid::new_v4().to_string()),
        time: Some(time),
        r#type: Some(event.name().to_owned()),
        realm_id: Some(realm_id.to_owned()),
        client_id: event.client_id.clone(),
        user_id: event.user_id.clone().filter(|id| !id.is_empty()),
        session_id: event.session_id.clone(),
        ip_address: Some(event.ip_address.clone()),
        error: event.error.clone(),
        details: Some(details),
    }
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
