use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::Event;

/// Counters of events by type, realm and error.
#[derive(Debug, Default)]
pub struct Metrics {
    events: Family<EventLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    event: &'static str,
    realm: String,
    error: String,
}

impl Metrics {
    /// Names are prefixed by the registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "user_events",
            "Events by type, realm and error",
            self.events.clone(),
        );
    }

    pub(crate) fn count(&self, event: &Event) {
        let labels = EventLabels {
            event: event.kind.name(event.error.is_some()),
            realm: event.realm.clone(),
            error: event.error.clone().unwrap_or_default(),
        };
        self.events.get_or_create(&labels).inc();
    }
}
