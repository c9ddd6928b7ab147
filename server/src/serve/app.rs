//! The public routes and what holds for all of them.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use realmkeep_authn::Services;
use realmkeep_oidc::transport::{Secure, Transport};
use serde_json::json;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use super::admission::{self, Admission};
use super::limits;
use super::metrics::{self, HttpMetrics};
use super::welcome;
use crate::traces;

const REFERRER_POLICY: HeaderName = HeaderName::from_static("referrer-policy");
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
/// One year.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");

/// Everything the outside world may ask.
pub fn router(
    services: Arc<Services>,
    http: HttpMetrics,
    admission: Admission,
    traced: bool,
) -> Router {
    let realms = realmkeep_oidc::router()
        .merge(realmkeep_account::router())
        .layer(RequestBodyLimitLayer::new(limits::BODY_BYTES));
    let admin =
        realmkeep_admin::router().layer(RequestBodyLimitLayer::new(limits::ADMIN_BODY_BYTES));
    // Below /admin, it knows best what is not there.
    let unknown_admin = realmkeep_admin::router().with_state(services.clone());
    let dressed = |router: Router<Arc<Services>>| -> Router {
        let router = router
            .with_state(services.clone())
            .layer(middleware::from_fn_with_state(
                services.clone(),
                account_pages,
            ))
            // Ours above, one for each part.
            .layer(DefaultBodyLimit::disable())
            .layer(TimeoutLayer::with_status_code(
                StatusCode::REQUEST_TIMEOUT,
                limits::REQUEST_TIMEOUT,
            ))
            .layer(middleware::from_fn_with_state(
                admission.clone(),
                admission::admit,
            ))
            .layer(CatchPanicLayer::custom(|_| server_error()))
            .layer(middleware::from_fn(security_headers))
            .layer(middleware::from_fn_with_state(
                http.clone(),
                metrics::measure,
            ));
        if traced {
            router.layer(middleware::from_fn(traces::follow))
        } else {
            router
        }
    };
    let rest = Router::new()
        .merge(realms)
        .merge(admin)
        .merge(welcome::router())
        .fallback(async move |request: Request| {
            let path = request.uri().path();
            if path == "/admin" || path.starts_with("/admin/") {
                unknown_admin.oneshot(request).await.into_response()
            } else {
                not_found()
            }
        });
    // The consoles' paths lie within those of others (`/admin/{realm}/console` below `/admin/…`),
    // which one router does not take; so they are looked at first.
    dressed(realmkeep_console::router()).fallback_service(dressed(rest))
}

/// The account console's pages and the account REST API have the same addresses.
async fn account_pages(
    State(services): State<Arc<Services>>,
    request: Request,
    next: Next,
) -> Response {
    let page = realmkeep_console::account_pages(
        &services,
        request.method(),
        request.uri(),
        request.headers(),
        Transport::of(request.extensions()),
    );
    match page.await {
        Some(page) => page,
        None => next.run(request).await,
    }
}

fn not_found() -> Response {
    let body = json!({"error": "HTTP 404 Not Found"});
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}

fn server_error() -> Response {
    let body = json!({"error": "unknown_error", "error_description": "the server failed; its log says more"});
    (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
}

/// What every answer carries, unless the handler has set its own.
async fn security_headers(request: Request, next: Next) -> Response {
    let secure = request.extensions().get::<Secure>().is_some_and(|s| s.0);
    let mut response = next.run(request).await;
    let framed = response
        .extensions()
        .get::<realmkeep_oidc::FramedAnywhere>()
        .is_some();
    let headers = response.headers_mut();
    if !framed {
        headers
            .entry(header::X_FRAME_OPTIONS)
            .or_insert(HeaderValue::from_static("SAMEORIGIN"));
    }
    headers
        .entry(header::X_CONTENT_TYPE_OPTIONS)
        .or_insert(HeaderValue::from_static("nosniff"));
    headers
        .entry(REFERRER_POLICY)
        .or_insert(HeaderValue::from_static("no-referrer"));
    headers
        .entry(ROBOTS)
        .or_insert(HeaderValue::from_static("none"));
    if secure {
        headers
            .entry(header::STRICT_TRANSPORT_SECURITY)
            .or_insert(HSTS);
    }
    response
}
