//! Sends spans to a collector, some at a time.

use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context;
use prost::Message;
use realmkeep_workload_identity::{OutboundConfig, OutboundHttp};
use tokio::sync::mpsc;
use url::Url;

use super::otlp::{
    ExportTraceServiceRequest, KeyValue, Resource, ResourceSpans, Scope, ScopeSpans, Span, Value,
};

/// Spans of one request to the collector.
const TOGETHER: usize = 512;
const INTERVAL: Duration = Duration::from_secs(2);

/// The sending end.
pub struct Exporter {
    http: OutboundHttp,
    url: String,
    service: String,
    spans: tokio::sync::Mutex<mpsc::Receiver<Span>>,
    /// The last request failed; said once.
    failing: Mutex<bool>,
}

impl Exporter {
    /// # Errors
    /// When the address is none.
    pub fn new(endpoint: &Url, service: &str, spans: mpsc::Receiver<Span>) -> anyhow::Result<Self> {
        // Whoever configures the server says where its traces go: a collector beside it, as a rule.
        let http = OutboundHttp::new(&OutboundConfig {
            http_origins: vec![endpoint.origin().ascii_serialization()],
            allow_private_addresses: true,
            ..OutboundConfig::default()
        })
        .context("tracing-endpoint")?;
        let base = endpoint.as_str().trim_end_matches('/');
        Ok(Self {
            http,
            url: format!("{base}/v1/traces"),
            service: service.to_owned(),
            spans: tokio::sync::Mutex::new(spans),
            failing: Mutex::new(false),
        })
    }

    /// Sends what comes in, for ever.
    pub async fn run(&self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            self.flush().await;
        }
    }

    /// Sends what has come in.
    pub async fn flush(&self) {
        let mut waiting = self.spans.lock().await;
        loop {
            let mut spans = Vec::new();
            while spans.len() < TOGETHER
                && let Ok(span) = waiting.try_recv()
            {
                spans.push(span);
            }
            if spans.is_empty() {
                return;
            }
            self.send(spans).await;
        }
    }

    async fn send(&self, spans: Vec<Span>) {
        let count = spans.len();
        let attributes = [
            ("service.name", self.service.as_str()),
            ("service.version", env!("CARGO_PKG_VERSION")),
        ];
        let request = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(Resource {
                    attributes: attributes
                        .map(|(key, value)| KeyValue::new(key, Value::Text(value.to_owned())))
                        .to_vec(),
                }),
                scope_spans: vec![ScopeSpans {
                    scope: Some(Scope {
                        name: "realmkeep".to_owned(),
                        version: env!("CARGO_PKG_VERSION").to_owned(),
                    }),
                    spans,
                }],
            }],
        };
        let body = request.encode_to_vec();
        let answer = self
            .http
            .post_bytes(&self.url, "application/x-protobuf", body)
            .await;
        let problem = match answer {
            Ok(answer) if (200..300).contains(&answer.status) => None,
            Ok(answer) => Some(format!("it answered with status {}", answer.status)),
            Err(error) => Some(error.to_string()),
        };
        let Ok(mut failing) = self.failing.lock() else {
            return;
        };
        match problem {
            None => *failing = false,
            Some(reason) if !*failing => {
                *failing = true;
                tracing::warn!(
                    reason,
                    spans = count,
                    url = self.url,
                    "traces are lost: the collector did not take them"
                );
            }
            Some(_) => {}
        }
    }
}
