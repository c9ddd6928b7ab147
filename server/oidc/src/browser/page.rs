use std::sync::Arc;

use aws_lc_rs::digest;
use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use realmkeep_authn::Services;
use realmkeep_keys::KeysError;
use realmkeep_pages::{ErrorPage, PagesError, Stylesheet};
use realmkeep_store::StoreError;

use crate::context::Context;
use crate::error::chain;

/// `form-action` is absent on purpose: browsers apply it to the redirects after a form as well,
/// and those lead to the applications.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; frame-ancestors 'none'";

/// A request that ends on a page of ours, because there is no application to tell it to.
#[derive(Debug)]
pub(crate) struct PageError {
    pub(crate) status: StatusCode,
    /// Key of the message.
    pub(crate) message: &'static str,
    pub(crate) argument: Option<String>,
    /// The event's error code; None when nothing is worth an event.
    pub(crate) event: Option<&'static str>,
}

impl PageError {
    pub(crate) fn bad_request(message: &'static str, event: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message,
            argument: None,
            event: Some(event),
        }
    }

    /// What goes into the message.
    pub(crate) fn about(mut self, argument: impl Into<String>) -> Self {
        self.argument = Some(argument.into());
        self
    }

    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    fn internal(cause: &dyn std::error::Error) -> Self {
        tracing::error!(cause = chain(cause), "a request failed");
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: "page-internal",
            argument: None,
            event: None,
        }
    }

    pub(crate) fn into_response(self, context: &Context) -> Response {
        let page = ErrorPage {
            realm: realm_name(context),
            message: self.message,
            argument: self.argument.as_deref(),
            back: None,
        };
        match context.services.pages.error(&page) {
            Ok(text) => html(context, self.status, text),
            Err(e) => {
                tracing::error!(cause = chain(&e), "the error page cannot be made");
                self.status.into_response()
            }
        }
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        Self::internal(&error)
    }
}

impl From<KeysError> for PageError {
    fn from(error: KeysError) -> Self {
        Self::internal(&error)
    }
}

impl From<PagesError> for PageError {
    fn from(error: PagesError) -> Self {
        Self::internal(&error)
    }
}

/// What the realm is called on pages.
pub(crate) fn realm_name(context: &Context) -> &str {
    let display = context.realm.settings.display_name.as_deref();
    display
        .filter(|name| !name.trim().is_empty())
        .unwrap_or(&context.realm.name)
}

/// A page without scripts.
pub(crate) fn html(context: &Context, status: StatusCode, text: String) -> Response {
    respond(context, status, text, HeaderValue::from_static(POLICY))
}

/// A page whose one script has this hash; see [`csp_hash`].
pub(crate) fn html_with_script(context: &Context, text: String, hash: &str) -> Response {
    let policy = format!("{POLICY}; script-src '{hash}'");
    let policy =
        HeaderValue::from_str(&policy).unwrap_or_else(|_| HeaderValue::from_static(POLICY));
    respond(context, StatusCode::OK, text, policy)
}

/// The hash of a script, as Content-Security-Policy writes it.
pub(crate) fn csp_hash(script: &str) -> String {
    let hash = digest::digest(&digest::SHA256, script.as_bytes());
    format!("sha256-{}", STANDARD.encode(hash))
}

fn respond(context: &Context, status: StatusCode, text: String, policy: HeaderValue) -> Response {
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(header::CONTENT_TYPE, "text/html;charset=utf-8");
    set(header::CONTENT_LANGUAGE, "en");
    set(
        header::CACHE_CONTROL,
        "no-store, must-revalidate, max-age=0",
    );
    set(header::X_FRAME_OPTIONS, "DENY");
    protect(&mut headers, context);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    (status, headers, text).into_response()
}

/// Headers of everything that a browser gets.
pub(crate) fn protect(headers: &mut HeaderMap, context: &Context) {
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(HeaderName::from_static("x-robots-tag"), "none");
    if context.services.base_url.is_secure() {
        set(
            header::STRICT_TRANSPORT_SECURITY,
            "max-age=31536000; includeSubDomains",
        );
    }
}

/// What pages load.
pub(crate) fn resources() -> Router<Arc<Services>> {
    Router::new().route("/resources/{version}/login.css", get(stylesheet))
}

async fn stylesheet(Path(version): Path<String>) -> Response {
    if version != Stylesheet::version() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let headers = [
        (header::CONTENT_TYPE, "text/css;charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Stylesheet::TEXT).into_response()
}
