//! What a client is told when something is refused (RFC 6749 section 5.2), and what the event says.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use realmkeep_keys::{KeysError, PasswordError};
use realmkeep_store::StoreError;
use serde_json::json;
use url::Url;

/// A refusal: the RFC's code and a description for the client, the exact reason for the event.
#[derive(Clone, Debug)]
pub struct OAuthError {
    pub status: StatusCode,
    pub error: &'static str,
    pub description: Cow<'static, str>,
    /// The event's error code, such as `invalid_client_credentials`.
    pub event: &'static str,
    /// The exact reason, for the event only. Never holds a credential.
    pub reason: Option<String>,
    /// Seconds after which trying again makes sense.
    pub retry_after: Option<u32>,
    /// Set when the client used HTTP Basic: the answer then names the scheme (RFC 6749 section 5.2).
    pub basic_realm: Option<Box<str>>,
    /// Where the user can link the account that the client asked a token of.
    pub account_link_url: Option<Box<Url>>,
}

impl OAuthError {
    pub fn new(
        status: StatusCode,
        error: &'static str,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            error,
            description: description.into(),
            event: error,
            reason: None,
            retry_after: None,
            basic_realm: None,
            account_link_url: None,
        }
    }

    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    pub fn invalid_grant(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_grant", description)
    }

    pub fn invalid_scope(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_scope", description)
    }

    /// 401, for a client that may not do what it asks for.
    pub fn unauthorized_client(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized_client", description)
    }

    /// The client is not known, or did not prove who it is; the answer does not tell which.
    pub fn invalid_client() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "Invalid client or Invalid client credentials",
        )
        .event("client_not_found")
    }

    /// A claim of a client assertion is not as it has to be.
    pub fn invalid_assertion(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_client", description)
            .event("invalid_client_credentials")
    }

    /// The event's error code, where it differs from the RFC's.
    #[must_use]
    pub fn event(mut self, code: &'static str) -> Self {
        self.event = code;
        self
    }

    /// The exact reason, for the event.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// A failure of ours; the cause goes to the log only.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "The request could not be completed; the server's log has the cause",
        )
    }

    /// The database is away; the cause goes to the log only.
    pub fn unavailable(cause: &dyn std::fmt::Display) -> Self {
        tracing::warn!(%cause, "a request could not be served for now");
        let mut error = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "The server cannot serve this for now; try again in a moment",
        );
        error.retry_after = Some(1);
        error
    }

    /// Too much to do; try again later.
    pub fn overloaded() -> Self {
        let mut error = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "The server is busy; try again in a moment",
        );
        error.retry_after = Some(1);
        error
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.error, "error_description": self.description });
        if let (Some(url), Some(fields)) = (&self.account_link_url, body.as_object_mut()) {
            fields.insert("account-link-url".to_owned(), url.as_str().into());
        }
        let mut response = (self.status, no_store(), axum::Json(body)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(realm) = &self.basic_realm
            && self.status == StatusCode::UNAUTHORIZED
            && let Ok(value) = HeaderValue::from_str(&format!("Basic realm=\"{realm}\""))
        {
            headers.insert(header::WWW_AUTHENTICATE, value);
        }
        response
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        if error.is_temporary() {
            return Self::unavailable(&chain(&error));
        }
        match error {
            StoreError::Unstorable(why) => {
                Self::new(StatusCode::BAD_REQUEST, "invalid_request", why)
            }
            other => Self::internal(&chain(&other)),
        }
    }
}

impl From<KeysError> for OAuthError {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Store(error) => error.into(),
            other => Self::internal(&chain(&other)),
        }
    }
}

impl From<PasswordError> for OAuthError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Overloaded => Self::overloaded(),
            other => Self::internal(&chain(&other)),
        }
    }
}

/// Headers of an answer that nobody may keep.
pub fn no_store() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    headers
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
