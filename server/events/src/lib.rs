//! Events: what users and administrators did, as log lines and counters.

mod event;
mod metrics;

pub use event::{Event, EventType};
pub use metrics::Metrics;

use std::sync::Arc;

/// Where events go; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Events {
    metrics: Arc<Metrics>,
}

impl Events {
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics }
    }

    /// Counts the event and writes one log line with the exact reason of a failure; details never
    /// hold a credential.
    pub fn emit(&self, event: &Event) {
        self.metrics.count(event);
        let details = serde_json::to_string(&event.details).unwrap_or_default();
        let field = |value: &Option<String>| value.clone().unwrap_or_default();
        if let Some(error) = &event.error {
            tracing::warn!(target: "realmkeep::events", r#type = event.kind.name(true), realm = %event.realm,
                client = %field(&event.client_id), user = %field(&event.user_id), session = %field(&event.session_id),
                ip = %event.ip_address, error = %error, details = %details, "event");
        } else {
            tracing::info!(target: "realmkeep::events", r#type = event.kind.name(false), realm = %event.realm,
                client = %field(&event.client_id), user = %field(&event.user_id), session = %field(&event.session_id),
                ip = %event.ip_address, details = %details, "event");
        }
    }
}
