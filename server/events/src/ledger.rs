//! The events of one request, which are stored before its answer.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Event;
use crate::recorder::Recorder;

tokio::task_local! {
    static LEDGER: Ledger;
}

/// An event that is to be stored, and when it happened in milliseconds since 1970.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) event: Event,
    pub(crate) time: i64,
}

#[derive(Clone, Default)]
struct Ledger(Arc<Pages>);

#[derive(Default)]
struct Pages(Mutex<Option<(Recorder, Vec<Waiting>)>>);

/// Answers a request. The events that are emitted meanwhile, on this task, are stored before this
/// returns; if it is given up before its end, a moment later.
pub async fn stored_before_answer<F: Future>(work: F) -> F::Output {
    let ledger = Ledger::default();
    let output = LEDGER.scope(ledger.clone(), work).await;
    if let Some((recorder, waiting)) = ledger.0.take() {
        // A task of its own: who asked may go away, the events are stored nevertheless.
        let _ = tokio::spawn(async move { recorder.write(waiting).await }).await;
    }
    output
}

/// Notes the event in the ledger of the request that this task answers; gives it back where there is
/// none.
pub(crate) fn note(recorder: &Recorder, waiting: Waiting) -> Option<Waiting> {
    let mut left = Some(waiting);
    let _ = LEDGER.try_with(|ledger| {
        let mut pages = ledger.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, events) = pages.get_or_insert_with(|| (recorder.clone(), Vec::new()));
        events.extend(left.take());
    });
    left
}

impl Pages {
    fn take(&self) -> Option<(Recorder, Vec<Waiting>)> {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pages.take()
    }
}

/// The request was given up, or panicked.
impl Drop for Pages {
    fn drop(&mut self) {
        if let Some((recorder, waiting)) = self.take() {
            for event in waiting {
                recorder.enqueue(event);
            }
        }
    }
}
