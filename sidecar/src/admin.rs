//! Probes and metrics, on a listener of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use crate::direct_reach::DirectReach;
use crate::http::{Body, answer};
use crate::metrics::{Metrics, State};
use crate::run::Current;

pub struct Admin {
    registry: Registry,
    current: Arc<Current>,
    reach: Arc<DirectReach>,
    started: Instant,
    startup_wait: Duration,
    /// Once started, always started.
    startup_done: AtomicBool,
    draining: AtomicBool,
}

impl Admin {
    pub fn new(
        metrics: &Metrics,
        current: Arc<Current>,
        reach: Arc<DirectReach>,
        startup_wait: Duration,
    ) -> Self {
        let mut registry = Registry::with_prefix("authsc");
        metrics.register(&mut registry);
        registry.register_collector(Box::new(State {
            current: Arc::clone(&current),
            reach: Arc::clone(&reach),
        }));
        Self {
            registry,
            current,
            reach,
            started: Instant::now(),
            startup_wait,
            startup_done: AtomicBool::new(false),
            draining: AtomicBool::new(false),
        }
    }

    /// From now on `/readyz` says no.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    pub async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let description = "only GET is offered";
            return answer::error(
                StatusCode::METHOD_NOT_ALLOWED,
                "invalid_request",
                description,
            );
        }
        match request.uri().path() {
            "/livez" => probe(Ok(())),
            "/readyz" => probe(self.ready()),
            "/startupz" => probe(self.started()),
            "/metrics" => self.metrics().await,
            _ => answer::error(
                StatusCode::NOT_FOUND,
                "not_found",
                "here are /livez, /readyz, /startupz and /metrics",
            ),
        }
    }

    fn ready(&self) -> Result<(), String> {
        if self.draining.load(Ordering::Acquire) {
            return Err("draining".to_owned());
        }
        let Some(inbound) = self.current.inbound() else {
            return Ok(());
        };
        if inbound.require_unreachable && self.reach.is_reachable() {
            return Err("the application can be reached around the sidecar".to_owned());
        }
        if inbound.require_issuers {
            return self.issuers_loaded();
        }
        Ok(())
    }

    /// The application is started after us: with keys and tokens at hand, if they can be had soon.
    fn started(&self) -> Result<(), String> {
        if self.startup_done.load(Ordering::Acquire) {
            return Ok(());
        }
        let missing = self.issuers_loaded().and_then(|()| self.tokens_held());
        if missing.is_ok() || self.started.elapsed() >= self.startup_wait {
            self.startup_done.store(true, Ordering::Release);
            return Ok(());
        }
        missing
    }

    fn issuers_loaded(&self) -> Result<(), String> {
        let Some(inbound) = self.current.inbound() else {
            return Ok(());
        };
        let missing = inbound
            .engine()
            .verifier()
            .keys()
            .find(|(_, keys)| !keys.is_loaded())
            .map(|(name, _)| format!("the keys of {name} are not there yet"));
        missing.map_or(Ok(()), Err)
    }

    fn tokens_held(&self) -> Result<(), String> {
        let Some(outbound) = self.current.outbound() else {
            return Ok(());
        };
        let missing = outbound
            .targets()
            .iter()
            .filter(|target| !target.exchange_only)
            .find(|target| outbound.expires_in(target).is_none())
            .map(|target| format!("there is no token for target {} yet", target.name));
        missing.map_or(Ok(()), Err)
    }

    async fn metrics(&self) -> Response<Body> {
        if let Some(outbound) = self.current.outbound() {
            outbound.look_at_assertion().await;
        }
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            let description = "the metrics cannot be written";
            return answer::error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                description,
            );
        }
        answer::text(
            StatusCode::OK,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            text,
        )
    }
}

fn probe(state: Result<(), String>) -> Response<Body> {
    match state {
        Ok(()) => answer::text(StatusCode::OK, "text/plain", "ok\n".to_owned()),
        Err(why) => answer::text(
            StatusCode::SERVICE_UNAVAILABLE,
            "text/plain",
            format!("{why}\n"),
        ),
    }
}
