use std::sync::Arc;

use aws_lc_rs::digest;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use realmkeep_authn::Services;
use realmkeep_keys::KeysError;
use realmkeep_pages::{BackLink, Html, Message, PagesError};
use realmkeep_store::users::{EMAIL_TAKEN, USERNAME_TAKEN};
use realmkeep_store::{Client, StoreError};

use crate::context::Context;
use crate::error::chain;

use super::remember_locale;
use crate::policies::Violation;

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

    /// A policy of the realm refuses the application.
    pub(crate) fn policy(violation: Violation) -> Self {
        Self::bad_request("page-policy", violation.error)
            .about(violation.description)
            .status(violation.status)
    }

    /// A failure of ours whose cause the log has already.
    pub(crate) fn failed() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: "page-internal",
            argument: None,
            event: None,
        }
    }

    pub(crate) fn internal(cause: &dyn std::error::Error) -> Self {
        tracing::error!(cause = chain(cause), "a request failed");
        Self::failed()
    }

    pub(crate) fn into_response(self, context: &Context) -> Response {
        self.into_response_for(context, None)
    }

    /// In the client's theme, with a way back to it.
    pub(crate) fn into_response_for(self, context: &Context, client: Option<&Client>) -> Response {
        let mut message = Message::new(self.message);
        message.args.extend(self.argument);
        let look = context.look(client.map(|client| &client.representation), None);
        let mut frame = context.frame(look, "");
        frame.links.application = client.and_then(application);
        let error = realmkeep_pages::page::Error { message };
        match context.services.pages.render(&frame, error) {
            Ok(made) => page(context, self.status, made),
            Err(e) => {
                tracing::error!(cause = chain(&e), "the error page cannot be made");
                self.status.into_response()
            }
        }
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        // Somebody else was faster.
        if let StoreError::Conflict(text) = &error {
            let (message, event) = match text.as_str() {
                EMAIL_TAKEN => ("emailExistsMessage", "email_in_use"),
                USERNAME_TAKEN => ("usernameExistsMessage", "username_in_use"),
                _ => return Self::internal(&error),
            };
            return Self::bad_request(message, event).status(StatusCode::CONFLICT);
        }
        let temporary = error.is_temporary();
        let page = Self::internal(&error);
        if temporary {
            page.status(StatusCode::SERVICE_UNAVAILABLE)
        } else {
            page
        }
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

/// The application's own page, where it has one on the web.
pub(crate) fn application(client: &Client) -> Option<BackLink> {
    let client = &client.representation;
    let base = client.base_url.as_deref()?;
    let root = client.root_url.as_deref().unwrap_or_default();
    let href = if base.starts_with('/') {
        format!("{root}{base}")
    } else {
        base.to_owned()
    };
    let parsed = url::Url::parse(&href).ok()?;
    let name = client.name.clone().filter(|name| !name.is_empty());
    matches!(parsed.scheme(), "http" | "https").then(|| BackLink {
        href,
        name: name.or(client.client_id.clone()).unwrap_or_default(),
    })
}

/// What the realm is called on pages.
pub(crate) fn realm_name(context: &Context) -> &str {
    let display = context.realm.settings.display_name.as_deref();
    display
        .filter(|name| !name.trim().is_empty())
        .unwrap_or(&context.realm.name)
}

/// A page as [`realmkeep_pages::Pages::render`] made it: with what it may load, in the realm's
/// terms of who may frame it.
pub(crate) fn page(context: &Context, status: StatusCode, page: Html) -> Response {
    let headers = context.realm.settings.browser_security_headers.as_ref();
    let setting = |name: &str| headers.and_then(|h| h.get(name)).map(String::as_str);
    let policy = page.policy.header(setting("contentSecurityPolicy"));
    let policy =
        HeaderValue::from_str(&policy).unwrap_or_else(|_| HeaderValue::from_static(POLICY));
    let mut response = respond(context, status, page.text, policy);
    let sent = response.headers_mut();
    remember_locale(sent, context);
    if let Ok(lang) = HeaderValue::from_str(&page.lang) {
        sent.insert(header::CONTENT_LANGUAGE, lang);
    }
    let secure = context.services.base_url.is_secure();
    for (name, header) in &REALM_HEADERS {
        if *header == header::STRICT_TRANSPORT_SECURITY && !secure {
            continue;
        }
        match setting(name).map(str::trim) {
            Some("") => {
                sent.remove(header);
            }
            Some(value) => {
                if let Ok(value) = HeaderValue::from_str(value) {
                    sent.insert(header, value);
                }
            }
            None => {}
        }
    }
    response
}

/// The realm's `browserSecurityHeaders` that are sent as they are; an empty one is not sent.
static REALM_HEADERS: [(&str, HeaderName); 6] = [
    (
        "contentSecurityPolicyReportOnly",
        header::CONTENT_SECURITY_POLICY_REPORT_ONLY,
    ),
    ("referrerPolicy", header::REFERRER_POLICY),
    ("strictTransportSecurity", header::STRICT_TRANSPORT_SECURITY),
    ("xContentTypeOptions", header::X_CONTENT_TYPE_OPTIONS),
    ("xFrameOptions", header::X_FRAME_OPTIONS),
    ("xRobotsTag", HeaderName::from_static("x-robots-tag")),
];

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
    // Other rooms have resources too, below other second segments.
    Router::new()
        .route("/resources/{version}/{file}", get(own_resource))
        .route("/resources/{version}/login/{*path}", get(theme_resource))
        .route(
            "/resources/{version}/consoles/{*path}",
            get(console_resource),
        )
}

async fn own_resource(
    State(services): State<Arc<Services>>,
    Path((version, file)): Path<(String, String)>,
) -> Response {
    resource(&services, &format!("{version}/{file}"))
}

async fn theme_resource(
    State(services): State<Arc<Services>>,
    Path((version, path)): Path<(String, String)>,
) -> Response {
    resource(&services, &format!("{version}/login/{path}"))
}

async fn console_resource(
    State(services): State<Arc<Services>>,
    Path((version, path)): Path<(String, String)>,
) -> Response {
    resource(&services, &format!("{version}/consoles/{path}"))
}

/// The path changes with the content, so it may be kept for ever.
fn resource(services: &Services, path: &str) -> Response {
    let Some(found) = services.pages.resource(path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, found.content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, found.bytes.to_vec()).into_response()
}
