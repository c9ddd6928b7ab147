//! Health and metrics over HTTP.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::{
    metrics::{Metrics, text},
    object::{GuardedStore, Kind},
    status::status_of,
    stores::Stores,
};

/// What the endpoints answer from.
pub struct Management {
    pub metrics: Metrics,
    pub registry: Registry,
    pub stores: Stores,
    /// The caches are filled: this replica leads or could.
    pub ready: AtomicBool,
}

/// # Errors
/// The address cannot be listened on.
pub async fn serve(address: SocketAddr, management: Arc<Management>) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, "health and metrics");
    let router = Router::new()
        .route("/health/live", get(|| async { "ok" }))
        .route("/health/started", get(readiness))
        .route("/health/ready", get(readiness))
        .route("/metrics", get(metrics))
        .with_state(management);
    tokio::spawn(async move {
        if let Err(e) = axum::serve(listener, router).await {
            tracing::error!(error = %e, "health and metrics have ended");
        }
    });
    Ok(())
}

async fn readiness(State(management): State<Arc<Management>>) -> impl IntoResponse {
    if management.ready.load(Ordering::Relaxed) {
        (StatusCode::OK, "ok")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the caches are being filled",
        )
    }
}

async fn metrics(State(management): State<Arc<Management>>) -> impl IntoResponse {
    let Stores {
        identity_servers,
        external_servers,
        realms,
        clients,
        identity_providers,
        ..
    } = &management.stores;
    count(&management.metrics, identity_servers);
    count(&management.metrics, external_servers);
    count(&management.metrics, realms);
    count(&management.metrics, clients);
    count(&management.metrics, identity_providers);
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, format)], text(&management.registry))
}

fn count<K: Kind>(metrics: &Metrics, store: &GuardedStore<K>) {
    let (mut ready, mut not_ready, mut unknown) = (0, 0, 0);
    for object in store.state() {
        let conditions = object.0.as_ref().map(Kind::conditions).unwrap_or_default();
        match status_of(conditions, realmkeep_crds::ConditionType::Ready) {
            Some(true) => ready += 1,
            Some(false) => not_ready += 1,
            None => unknown += 1,
        }
    }
    metrics.resources(K::KIND, [ready, not_ready, unknown]);
}
