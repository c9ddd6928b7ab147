//! Probes and metrics, on a listener of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use crate::http::{Body, answer};
use crate::inbound::Verifier;
use crate::metrics::{Metrics, State};
use crate::outbound::Outbound;

pub struct Admin {
    registry: Registry,
    verifier: Option<Arc<Verifier>>,
    outbound: Option<Arc<Outbound>>,
    require_issuers: bool,
    started: Instant,
    startup_wait: Duration,
    /// Once started, always started.
    startup_done: AtomicBool,
    draining: AtomicBool,
}

impl Admin {
    pub fn new(
        metrics: &Metrics,
        verifier: Option<Arc<Verifier>>,
        outbound: Option<Arc<Outbound>>,
        require_issuers: bool,
        startup_wait: Duration,
    ) -> Self {
        let mut registry = Registry::with_prefix("authsc");
        metrics.register(&mut registry);
        registry.register_collector(Box::new(State {
            verifier: verifier.clone(),
            outbound: outbound.clone(),
        }));
        Self {
            registry,
            verifier,
            outbound,
            require_issuers,
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
        if self.require_issuers {
            self.issuers_loaded()
        } else {
            Ok(())
        }
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
        let missing = self
            .verifier
            .iter()
            .flat_map(|verifier| verifier.keys())
            .find(|(_, keys)| !keys.is_loaded());
        missing.map_or(Ok(()), |(name, _)| {
            Err(format!("the keys of {name} are not there yet"))
        })
    }

    fn tokens_held(&self) -> Result<(), String> {
        let missing = self.outbound.iter().flat_map(|outbound| {
            outbound
                .targets()
                .iter()
                .filter(|target| outbound.expires_in(target).is_none())
        });
        match missing.map(|target| target.name.as_str()).next() {
            None => Ok(()),
            Some(name) => Err(format!("there is no token for target {name} yet")),
        }
    }

    async fn metrics(&self) -> Response<Body> {
        if let Some(outbound) = &self.outbound {
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
