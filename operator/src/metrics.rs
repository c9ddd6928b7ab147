//! Metrics of the operator, for Prometheus.

use std::{sync::atomic::AtomicI64, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// Upper bounds of a reconciliation's duration, in seconds.
const BUCKETS: [f64; 8] = [0.005, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

#[derive(Clone)]
pub struct Metrics {
    reconciliations: Family<Outcome, Counter>,
    durations: Family<OfKind, Histogram, fn() -> Histogram>,
    status_writes: Family<OfKind, Counter>,
    server_writes: Family<Write, Counter>,
    resources: Family<Readiness, Gauge>,
    leader: Gauge<i64, AtomicI64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    kind: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Write {
    kind: &'static str,
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Readiness {
    kind: &'static str,
    ready: &'static str,
}

impl Metrics {
    pub fn new() -> (Self, Registry) {
        let metrics = Self {
            reconciliations: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            status_writes: Family::default(),
            server_writes: Family::default(),
            resources: Family::default(),
            leader: Gauge::default(),
        };
        let mut registry = Registry::with_prefix("realmkeep_operator");
        registry.register(
            "reconciliations",
            "Looks at a resource, by what came of it",
            metrics.reconciliations.clone(),
        );
        registry.register(
            "reconciliation_seconds",
            "How long a look at a resource took",
            metrics.durations.clone(),
        );
        registry.register(
            "status_writes",
            "Status writes to the Kubernetes API server",
            metrics.status_writes.clone(),
        );
        registry.register(
            "server_writes",
            "Changes made on identity servers",
            metrics.server_writes.clone(),
        );
        registry.register(
            "resources",
            "Resources by the status of their Ready condition",
            metrics.resources.clone(),
        );
        registry.register(
            "leader",
            "1 while this replica writes",
            metrics.leader.clone(),
        );
        (metrics, registry)
    }

    pub fn reconciled(&self, kind: &'static str, reason: &'static str, took: Duration) {
        self.reconciliations
            .get_or_create(&Outcome { kind, reason })
            .inc();
        self.durations
            .get_or_create(&OfKind { kind })
            .observe(took.as_secs_f64());
    }

    pub fn status_written(&self, kind: &'static str) {
        self.status_writes.get_or_create(&OfKind { kind }).inc();
    }

    pub fn server_written(&self, kind: &'static str, operation: &'static str) {
        let write = Write { kind, operation };
        self.server_writes.get_or_create(&write).inc();
    }

    pub fn leads(&self, leads: bool) {
        self.leader.set(leads.into());
    }

    /// Counts of one kind: ready, not ready, unknown.
    pub fn resources(&self, kind: &'static str, counts: [i64; 3]) {
        for (ready, count) in ["true", "false", "unknown"].into_iter().zip(counts) {
            self.resources
                .get_or_create(&Readiness { kind, ready })
                .set(count);
        }
    }
}

/// The text format.
pub fn text(registry: &Registry) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = encode(&mut text, registry);
    text
}
