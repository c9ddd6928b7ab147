//! Events of work that may still be taken back.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{Event, Events};

/// Events that wait for the end of a transaction. Those that go into its batches by [`Events::stage`] are
/// in it anyway.
#[derive(Clone, Debug, Default)]
pub struct HeldEvents(Arc<Mutex<Vec<Waiting>>>);

#[derive(Debug)]
struct Waiting {
    event: Event,
    /// It is stored as well, in a moment.
    store: bool,
}

impl Events {
    /// The same, with the events kept back until they are released or dropped.
    pub fn held(&self) -> (Self, HeldEvents) {
        let held = HeldEvents::default();
        let events = Self {
            held: Some(held.clone()),
            ..self.clone()
        };
        (events, held)
    }
}

impl HeldEvents {
    pub(crate) fn keep(&self, event: &Event, store: bool) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(Waiting {
            event: event.clone(),
            store,
        });
    }

    /// What was kept back happened.
    pub fn release(&self, to: &Events) {
        self.tell(to, |_| true);
    }

    /// Nothing that succeeded happened; what was refused was.
    pub fn release_refusals(&self, to: &Events) {
        self.tell(to, |event| event.error.is_some());
    }

    fn tell(&self, to: &Events, which: impl Fn(&Event) -> bool) {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for Waiting { event, store } in waiting.iter().filter(|w| which(&w.event)) {
            if *store {
                to.emit(event);
            } else {
                to.announce(event);
            }
        }
    }
}
