//! What is counted and measured, for Prometheus.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use realmkeep_workload_identity::{KeyStats, TokenEvent};

use crate::decision::{Admitted, Refused};
use crate::direct_reach::DirectReach;
use crate::run::Current;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Decision {
    issuer: String,
    decision: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Fetch {
    target: String,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reload {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TargetLabel {
    target: String,
}

/// The counters that are counted where it happens.
#[derive(Debug)]
pub struct Metrics {
    requests: Family<Decision, Counter>,
    decision_seconds: Histogram,
    streams_ended: Counter,
    reloads: Family<Reload, Counter>,
    token_fetch_seconds: Family<Fetch, Histogram, fn() -> Histogram>,
    served_stale: Family<TargetLabel, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            // 10 µs to 0.6 s.
            decision_seconds: Histogram::new(exponential_buckets(0.000_01, 4.0, 9)),
            streams_ended: Counter::default(),
            reloads: Family::default(),
            // 4 ms to 16 s.
            token_fetch_seconds: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.004, 4.0, 7))
            }),
            served_stale: Family::default(),
        }
    }
}

impl Metrics {
    pub fn admitted(&self, admitted: &Admitted, took: Duration) {
        let (issuer, reason) = match &admitted.token {
            Some(token) => (Some(&token.issuer), "valid"),
            None => (None, "public_path"),
        };
        self.decided(issuer, "allow", reason, took);
    }

    pub fn refused(&self, refused: &Refused, took: Duration) {
        let denied = &refused.denied;
        self.decided(denied.issuer.as_ref(), "deny", denied.denial.reason(), took);
    }

    fn decided(
        &self,
        issuer: Option<&Arc<str>>,
        decision: &'static str,
        reason: &'static str,
        took: Duration,
    ) {
        let issuer = issuer.map(|issuer| issuer.to_string()).unwrap_or_default();
        self.requests
            .get_or_create(&Decision {
                issuer,
                decision,
                reason,
            })
            .inc();
        self.decision_seconds.observe(took.as_secs_f64());
    }

    /// A stream was ended because its token had.
    pub fn stream_ended(&self) {
        self.streams_ended.inc();
    }

    /// The configuration or a file it names was replaced.
    pub fn reloaded(&self, result: &'static str) {
        self.reloads.get_or_create(&Reload { result }).inc();
    }

    pub fn token(&self, target: &str, event: TokenEvent) {
        let target = target.to_owned();
        let (took, result) = match event {
            TokenEvent::Fetched { took } => (took, "success"),
            TokenEvent::Failed { took } => (took, "failure"),
            TokenEvent::ServedStale => {
                self.served_stale
                    .get_or_create(&TargetLabel { target })
                    .inc();
                return;
            }
        };
        self.token_fetch_seconds
            .get_or_create(&Fetch { target, result })
            .observe(took.as_secs_f64());
    }

    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "inbound_requests",
            "Requests that came in, by decision",
            self.requests.clone(),
        );
        registry.register_with_unit(
            "inbound_decision",
            "Time to decide about a request",
            Unit::Seconds,
            self.decision_seconds.clone(),
        );
        registry.register(
            "streams_closed_on_expiry",
            "Streams that ended because their token did",
            self.streams_ended.clone(),
        );
        registry.register(
            "reload",
            "Configurations and files that were read again",
            self.reloads.clone(),
        );
        registry.register_with_unit(
            "outbound_token_fetch",
            "Time to get a token from the token endpoint",
            Unit::Seconds,
            self.token_fetch_seconds.clone(),
        );
        registry.register(
            "outbound_token_served_stale",
            "Renewals that failed while the token at hand was still good",
            self.served_stale.clone(),
        );
    }
}

/// What is looked up at each scrape.
pub struct State {
    pub current: Arc<Current>,
    pub reach: Arc<DirectReach>,
}

impl Collector for State {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        if self
            .current
            .load()
            .config
            .inbound
            .as_ref()
            .is_some_and(|inbound| inbound.pod_address.is_some())
        {
            let reached = gauge(
                &mut encoder,
                "app_direct_reachable",
                "Whether the application can be reached around the sidecar",
                None,
            )?;
            ConstGauge::new(i64::from(self.reach.is_reachable())).encode(reached.0)?;
        }
        if let Some(inbound) = self.current.inbound() {
            let verifier = inbound.engine().verifier();
            let remembered = verifier.stats();
            let hits = counter(&mut encoder, "verify_cache_hits", "Tokens that were known")?;
            ConstCounter::new(remembered.hits).encode(hits.0)?;
            let misses = counter(
                &mut encoder,
                "verify_cache_misses",
                "Tokens that were not known",
            )?;
            ConstCounter::new(remembered.misses).encode(misses.0)?;
            let entries = gauge(
                &mut encoder,
                "verify_cache_entries",
                "Verifications that are remembered",
                None,
            )?;
            ConstGauge::new(int(remembered.entries)).encode(entries.0)?;
            let stats: Vec<(String, KeyStats)> = verifier
                .keys()
                .map(|(name, keys)| (name.to_string(), keys.stats()))
                .collect();

            let mut ages = gauge(
                &mut encoder,
                "jwks_age",
                "Time since the issuer's keys were fetched",
                Some(&Unit::Seconds),
            )?;
            for (issuer, stats) in &stats {
                if let Some(age) = stats.age {
                    ages.entry(&[("issuer", issuer)], int(age.as_secs()))?;
                }
            }
            let mut refreshes =
                counter(&mut encoder, "jwks_refresh", "Fetches of the issuer's keys")?;
            for (issuer, stats) in &stats {
                refreshes.entry(&[("issuer", issuer), ("result", "success")], stats.fetched)?;
                refreshes.entry(&[("issuer", issuer), ("result", "failure")], stats.failed)?;
            }
            let mut unknown = counter(
                &mut encoder,
                "jwks_unknown_kid",
                "Tokens that named an unknown key",
            )?;
            for (issuer, stats) in &stats {
                unknown.entry(&[("issuer", issuer)], stats.unknown_kid)?;
            }
        }
        if let Some(outbound) = self.current.outbound() {
            let mut lives = gauge(
                &mut encoder,
                "outbound_token_expires_in",
                "Time the held token still lives",
                Some(&Unit::Seconds),
            )?;
            for target in outbound.targets() {
                if let Some(life) = outbound.expires_in(target) {
                    lives.entry(&[("target", &target.name)], life)?;
                }
            }
            if let Some(age) = outbound.assertion_age() {
                gauge(
                    &mut encoder,
                    "assertion_age",
                    "Time since the platform issued our credential",
                    Some(&Unit::Seconds),
                )?
                .entry(&[("source", outbound.source_name())], age)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("State")
    }
}

struct Gauges<'a>(prometheus_client::encoding::MetricEncoder<'a>);
struct Counters<'a>(prometheus_client::encoding::MetricEncoder<'a>);

impl Gauges<'_> {
    fn entry(&mut self, labels: &[(&str, &str)], value: i64) -> Result<(), fmt::Error> {
        ConstGauge::new(value).encode(self.0.encode_family(&labels)?)
    }
}

impl Counters<'_> {
    fn entry(&mut self, labels: &[(&str, &str)], value: u64) -> Result<(), fmt::Error> {
        ConstCounter::new(value).encode(self.0.encode_family(&labels)?)
    }
}

fn gauge<'a>(
    encoder: &'a mut DescriptorEncoder<'_>,
    name: &'a str,
    help: &str,
    unit: Option<&'a Unit>,
) -> Result<Gauges<'a>, fmt::Error> {
    encoder
        .encode_descriptor(
            name,
            help,
            unit,
            prometheus_client::metrics::MetricType::Gauge,
        )
        .map(Gauges)
}

fn counter<'a>(
    encoder: &'a mut DescriptorEncoder<'_>,
    name: &'a str,
    help: &str,
) -> Result<Counters<'a>, fmt::Error> {
    encoder
        .encode_descriptor(
            name,
            help,
            None,
            prometheus_client::metrics::MetricType::Counter,
        )
        .map(Counters)
}

fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
