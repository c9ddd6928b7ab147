//! Traces: what each request did and how long it took, sent to a collector as OpenTelemetry has it
//! (OTLP over HTTP).
//!
//! Spans are those of `tracing` with the target `realmkeep_trace`; nothing else is sent. A request that
//! brings a `traceparent` (W3C Trace Context) goes on with that trace.

mod export;
mod otlp;
mod spans;

pub use export::Exporter;
pub use spans::SpanLayer;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::mpsc;
use tracing::Instrument;
use tracing::field::Empty;

use crate::config::Config;

/// Spans that wait to be sent; further ones are dropped.
const QUEUE: usize = 4_096;

/// The layer that notes spans, and what sends them.
///
/// # Errors
/// When the collector's address is none.
pub fn start(config: &Config) -> anyhow::Result<Option<(SpanLayer, Exporter)>> {
    if !config.tracing_enabled {
        return Ok(None);
    }
    let (sender, receiver) = mpsc::channel(QUEUE);
    let layer = SpanLayer::new(sender, config.tracing_sampler_ratio.0);
    let exporter = Exporter::new(
        &config.tracing_endpoint.0,
        &config.tracing_service_name,
        receiver,
    )?;
    Ok(Some((layer, exporter)))
}

/// A span for every request, by its route: paths hold names and ids.
pub async fn follow(request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str);
    let parent = request.headers().get("traceparent");
    let span = tracing::trace_span!(
        target: "realmkeep_trace",
        "request",
        otel.kind = "server",
        http.request.method = request.method().as_str(),
        http.route = route,
        http.response.status_code = Empty,
        traceparent = parent.and_then(|value| value.to_str().ok()),
    );
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    response
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::body::Bytes;
    use axum::routing::post;
    use prost::Message;
    use tracing_subscriber::layer::SubscriberExt;
    use url::Url;

    use super::otlp::ExportTraceServiceRequest;
    use super::*;

    async fn collector() -> (Url, Arc<Mutex<Vec<Bytes>>>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let got: Arc<Mutex<Vec<Bytes>>> = Arc::default();
        let kept = got.clone();
        let app = Router::new().route(
            "/v1/traces",
            post(async move |body: Bytes| kept.lock().unwrap().push(body)),
        );
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (url.parse().unwrap(), got)
    }

    /// A request's span goes on with the trace that the request brings, has the spans of what it did
    /// below it, and arrives at the collector; a trace that is not sampled does not.
    #[tokio::test]
    async fn spans_of_a_request_arrive_at_the_collector() {
        let (url, got) = collector().await;
        let (sender, receiver) = mpsc::channel(10);
        let layer = SpanLayer::new(sender, 1.0);
        let exporter = Exporter::new(&url, "id", receiver).unwrap();
        let app = Router::new()
            .route(
                "/realms/{realm}",
                axum::routing::get(async || {
                    let span = tracing::trace_span!(target: "realmkeep_trace", "db.query", db.operation.name = "FIND");
                    async {}.instrument(span).await;
                    http::StatusCode::IM_A_TEAPOT
                }),
            )
            .layer(axum::middleware::from_fn(follow));
        let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        for parent in [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        ] {
            let request = Request::get("/realms/secret-name").header("traceparent", parent);
            let request = request.body(axum::body::Body::empty()).unwrap();
            tower::ServiceExt::oneshot(app.clone(), request)
                .await
                .unwrap();
        }
        exporter.flush().await;
        let bodies = got.lock().unwrap().clone();
        assert_eq!(bodies.len(), 1);
        let request = ExportTraceServiceRequest::decode(bodies[0].clone()).unwrap();
        let resource = &request.resource_spans[0];
        let named = |all: &[otlp::KeyValue], key: &str| {
            all.iter()
                .find(|a| a.key == key)
                .map(|a| format!("{:?}", a.value))
        };
        let service = named(
            &resource.resource.as_ref().unwrap().attributes,
            "service.name",
        );
        assert!(service.unwrap().contains("\"id\""));
        let spans = &resource.scope_spans[0].spans;
        assert_eq!(spans.len(), 2, "{spans:?}");
        let (query, served) = (&spans[0], &spans[1]);
        assert_eq!(served.name, "GET /realms/{realm}");
        assert_eq!(served.kind, otlp::SERVER);
        assert_eq!(
            served.parent_span_id,
            [0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31]
        );
        assert_eq!(served.trace_id[0], 0x0a);
        assert!(
            named(&served.attributes, "http.response.status_code")
                .unwrap()
                .contains("418")
        );
        assert_eq!(query.trace_id, served.trace_id);
        assert_eq!(query.parent_span_id, served.span_id);
        assert_eq!(query.name, "db.query FIND");
        assert!(query.start_time_unix_nano <= query.end_time_unix_nano);
        assert!(!format!("{spans:?}").contains("secret-name"));
    }
}
