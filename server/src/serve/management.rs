//! The management listener: health for probes, metrics for Prometheus.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use prometheus_client::registry::Registry;
use realmkeep_store::Store;
use serde_json::{Value, json};

use super::limits;

/// How far the server is; probes read it.
#[derive(Debug, Default)]
pub struct Health {
    started: AtomicBool,
    stopping: AtomicBool,
    store: OnceLock<Store>,
}

#[derive(Clone)]
struct Management {
    health: Arc<Health>,
    registry: Arc<Registry>,
}

impl Health {
    /// The server can be used from now on.
    pub fn started(&self, store: &Store) {
        let _ = self.store.set(store.clone());
        self.started.store(true, Ordering::Release);
    }

    /// No new requests, please.
    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    fn is_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    /// # Errors
    /// What is wrong with the database.
    async fn database(&self) -> Result<(), String> {
        let Some(store) = self.store.get() else {
            return Err("it is not open yet".to_owned());
        };
        match tokio::time::timeout(limits::DATABASE_PROBE, store.ping()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(e)) => Err(e.to_string()),
            Err(_) => Err("it does not answer".to_owned()),
        }
    }

    async fn ready(&self) -> (bool, Vec<Value>) {
        let database = self.database().await;
        let serving = match (self.is_started(), self.stopping.load(Ordering::Acquire)) {
            (false, _) => Err("the server is starting".to_owned()),
            (true, true) => Err("the server is stopping".to_owned()),
            (true, false) => Ok(()),
        };
        let up = database.is_ok() && serving.is_ok();
        (
            up,
            vec![check("database", database), check("serving", serving)],
        )
    }
}

/// The routes of the management listener.
pub fn router(health: Arc<Health>, registry: Arc<Registry>) -> Router {
    Router::new()
        .route("/health", get(ready))
        .route("/health/ready", get(ready))
        .route("/health/live", get(live))
        .route("/health/started", get(started))
        .route("/metrics", get(metrics))
        .with_state(Management { health, registry })
}

async fn ready(State(m): State<Management>) -> Response {
    let (up, checks) = m.health.ready().await;
    answer(up, checks)
}

/// The process answers; that is all: a database that is away is no reason for a restart.
async fn live() -> Response {
    answer(true, Vec::new())
}

async fn started(State(m): State<Management>) -> Response {
    answer(m.health.is_started(), Vec::new())
}

async fn metrics(State(m): State<Management>) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &m.registry) {
        Ok(()) => (
            [(
                header::CONTENT_TYPE,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            )],
            text,
        )
            .into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn answer(up: bool, checks: Vec<Value>) -> Response {
    let status = if up {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = json!({"status": word(up), "checks": checks});
    (status, Json(body)).into_response()
}

fn check(name: &str, up: Result<(), String>) -> Value {
    match up {
        Ok(()) => json!({"name": name, "status": word(true)}),
        Err(reason) => {
            json!({"name": name, "status": word(false), "data": {"reason": reason}})
        }
    }
}

fn word(up: bool) -> &'static str {
    if up { "UP" } else { "DOWN" }
}
