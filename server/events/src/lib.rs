//! Events: what users and administrators did, as log lines, counters, and rows where a realm keeps them.

mod event;
mod event_type;
mod held;
mod listeners;
mod metrics;
mod recorder;

pub use event::Event;
pub use event_type::{EventType, default_saved_types, type_names};
pub use held::HeldEvents;
pub use listeners::{LISTENERS, Listener};
pub use metrics::Metrics;
pub use recorder::{expire, kept_types, user_event_step};

use std::sync::Arc;

use realmkeep_model::clock::Clock;
use realmkeep_store::{Batch, Realm, Store};

use recorder::Recorder;

/// Where events go; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Events {
    metrics: Arc<Metrics>,
    recorder: Option<Recorder>,
    /// Where events wait until it is certain that they happened.
    held: Option<HeldEvents>,
}

impl Events {
    /// Events that are logged and counted, and stored nowhere.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            recorder: None,
            held: None,
        }
    }

    /// As [`Events::new`], and stored for the realms that keep events. Call it inside a tokio runtime.
    pub fn recording(metrics: Arc<Metrics>, store: Store, clock: Clock) -> Self {
        Self {
            metrics,
            recorder: Some(Recorder::start(store, clock)),
            held: None,
        }
    }

    /// Counts the event, logs it and, where its realm keeps events, stores it in a moment. For an event
    /// that belongs to a change of the database, use [`Events::stage`] and [`Events::announce`].
    pub fn emit(&self, event: &Event) {
        if let Some(held) = &self.held {
            held.keep(event, true);
            return;
        }
        self.announce(event);
        if let Some(recorder) = &self.recorder {
            recorder.take(event);
        }
    }

    /// Adds the event to the batch of the change it tells of, if the realm keeps events of its type; so
    /// both are stored or neither. Announce the event when the batch is committed.
    pub fn stage(&self, realm: &Realm, batch: &mut Batch, event: &Event) {
        if let Some(recorder) = &self.recorder {
            recorder.stage(realm, batch, event);
        }
    }

    /// Counts the event and writes one log line with the exact reason of a failure; details never hold a
    /// credential.
    pub fn announce(&self, event: &Event) {
        if let Some(held) = &self.held {
            held.keep(event, false);
            return;
        }
        self.metrics.count(event);
        listeners::log(event);
    }

    /// Waits until the events emitted so far are stored.
    pub async fn settle(&self) {
        if let Some(recorder) = &self.recorder {
            recorder.settle().await;
        }
    }
}
