//! Which web pages may read our answers (Fetch standard, CORS protocol).

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use realmkeep_representations::ClientRepresentation;
use serde_json::json;
use url::Url;

use crate::context::Context;
use crate::dpop;

/// Headers that a page may send along.
const REQUEST_HEADERS: &str = "Origin, Access-Control-Request-Method, X-Requested-With, Accept, Access-Control-Request-Headers, DPoP, Content-Type, Authorization";

/// The web origins of a client, with `+` replaced by those of its redirect URIs.
pub(crate) fn web_origins(client: &ClientRepresentation) -> Vec<String> {
    let mut origins = Vec::new();
    let mut add = |origin: String| {
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    };
    for entry in client.web_origins.iter().flatten() {
        if entry != "+" {
            add(entry.trim_end_matches('/').to_owned());
            continue;
        }
        let root = client.root_url.as_deref().unwrap_or_default();
        for redirect in client.redirect_uris.iter().flatten() {
            let absolute = if redirect.starts_with('/') {
                format!("{root}{redirect}")
            } else {
                redirect.clone()
            };
            if let Ok(url) = Url::parse(&absolute)
                && matches!(url.scheme(), "http" | "https")
            {
                add(url.origin().ascii_serialization());
            }
        }
    }
    origins
}

/// Whether pages of this origin may use the client.
pub(crate) fn is_web_origin(
    context: &Context,
    client: &ClientRepresentation,
    origin: &str,
) -> bool {
    let own = Url::parse(context.services.base_url.as_str())
        .is_ok_and(|url| url.origin().ascii_serialization() == origin);
    own || web_origins(client)
        .iter()
        .any(|allowed| allowed == "*" || allowed == origin)
}

/// Whether the request's page, if it comes from one, may use this client.
pub(crate) fn allows(context: &Context, client: &ClientRepresentation) -> bool {
    let Some(origin) = &context.origin else {
        return true;
    };
    is_web_origin(context, client, origin)
}

/// Lets the page read the answer. Call it only when [`allows`] said yes.
pub(crate) fn expose(context: &Context, mut response: Response) -> Response {
    if let Some(origin) = &context.origin
        && let Ok(origin) = HeaderValue::from_str(origin)
    {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
        let exposed = if headers.contains_key(dpop::nonce::HEADER) {
            "Access-Control-Allow-Methods, WWW-Authenticate, DPoP-Nonce"
        } else {
            "Access-Control-Allow-Methods, WWW-Authenticate"
        };
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(exposed),
        );
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    response
}

/// The answer to a page of a foreign origin.
pub(crate) fn foreign_origin() -> Response {
    (
        StatusCode::FORBIDDEN,
        axum::Json(json!({ "error": "Invalid origin" })),
    )
        .into_response()
}

pub(crate) async fn preflight_post(headers: HeaderMap) -> Response {
    preflight(&headers, "POST, OPTIONS")
}

pub(crate) async fn preflight_get(headers: HeaderMap) -> Response {
    preflight(&headers, "GET, POST, OPTIONS")
}

/// Any page may ask; whether it may read is decided when the client is known.
fn preflight(request: &HeaderMap, methods: &'static str) -> Response {
    let mut headers = HeaderMap::new();
    if let Some(origin) = request.get(header::ORIGIN) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static(methods),
        );
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static(REQUEST_HEADERS),
        );
        headers.insert(
            header::ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from_static("3600"),
        );
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    }
    (StatusCode::OK, headers).into_response()
}
