//! Events: what users and administrators did, as log lines, counters, and rows where a realm keeps them
//! or has others told of them.
//!
//! An event that tells of a change is staged in the batch of that change ([`Events::stage`]), so both are
//! stored or neither. All others are stored before the request's answer ([`stored_before_answer`]); only
//! those of background work, and of requests that were given up, pass through a queue that a crash can
//! empty.

mod event;
mod event_type;
mod ledger;
mod listeners;
mod metrics;
mod recorder;
mod settings;

pub use event::Event;
pub use event_type::{EventType, default_saved_types, type_names};
pub use ledger::stored_before_answer;
pub use listeners::{EMAIL, LISTENER_COMPONENT, LISTENERS, Listener, MAILED, WEBHOOK};
pub use metrics::Metrics;
pub use recorder::{expire, kept_types};
pub use settings::{Level, Settings, UnknownLevel};

use std::sync::Arc;

use realmkeep_model::clock::Clock;
use realmkeep_representations::AdminEventRepresentation;
use realmkeep_store::{Batch, Realm, Store, StoreError};

use recorder::Recorder;

/// Where events go; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Events {
    metrics: Arc<Metrics>,
    settings: Arc<Settings>,
    recorder: Option<Recorder>,
}

impl Events {
    /// Events that are logged and counted, and stored nowhere.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            ..Self::default()
        }
    }

    /// As [`Events::new`], and stored for the realms that keep events. Call it inside a tokio runtime.
    pub fn recording(metrics: Arc<Metrics>, store: Store, clock: Clock) -> Self {
        Self::recording_with(metrics, store, clock, Settings::default())
    }

    /// As [`Events::recording`], with settings of the server's own.
    pub fn recording_with(
        metrics: Arc<Metrics>,
        store: Store,
        clock: Clock,
        settings: Settings,
    ) -> Self {
        let settings = Arc::new(settings);
        let recorder = Recorder::start(store, clock, settings.clone());
        Self {
            metrics,
            settings,
            recorder: Some(recorder),
        }
    }

    /// Counts the event, logs it and, unless it was staged, stores it before the request's answer where
    /// its realm keeps it.
    pub fn emit(&self, event: &Event) {
        self.announce(event);
        if let Some(recorder) = &self.recorder {
            recorder.take(event);
        }
    }

    /// Adds the event to the batch of the change it tells of, if the realm keeps events of its type; so
    /// both are stored or neither. Emit the event when the batch is committed.
    pub fn stage(&self, realm: &Realm, batch: &mut Batch, event: &mut Event) {
        if let Some(recorder) = &self.recorder {
            recorder.stage(realm, batch, event);
        }
    }

    /// Adds an administrator's event to the batch of the change it tells of, as far as the realm keeps
    /// it or has it told.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn stage_admin(
        &self,
        realm: &Realm,
        batch: &mut Batch,
        event: &mut AdminEventRepresentation,
    ) -> Result<(), StoreError> {
        match &self.recorder {
            Some(recorder) => recorder.stage_admin(realm, batch, event),
            None => Ok(()),
        }
    }

    /// Counts the event and writes one log line with the exact reason of a failure; details never hold a
    /// credential.
    pub fn announce(&self, event: &Event) {
        self.metrics.count(event);
        let store = self.recorder.as_ref().map(|recorder| &recorder.store);
        let realm = store.and_then(|store| store.remembered_realm(&event.realm));
        listeners::log(realm.as_deref(), &self.settings, event);
        if event.kind == EventType::AdminChange
            && realm.is_some_and(|realm| !realm.event_listeners.is_empty())
            && let Some(recorder) = &self.recorder
        {
            recorder.wake();
        }
    }

    /// Waits until the events emitted so far are stored.
    pub async fn settle(&self) {
        if let Some(recorder) = &self.recorder {
            recorder.settle().await;
        }
    }

    /// Waits until there may be something new in the outbox of events.
    pub async fn outbox_changed(&self) {
        match &self.recorder {
            Some(recorder) => recorder.outbox_changed().await,
            None => std::future::pending().await,
        }
    }
}
