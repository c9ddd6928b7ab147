//! What the Admin API answers when it does not do what was asked.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use realmkeep_authn::set_password::SetPasswordError;
use realmkeep_keys::{KeysError, PasswordError};
use realmkeep_representations::strict::ReadError;
use realmkeep_store::StoreError;
use serde_json::{Value, json};

/// A status and a body in one of the shapes that existing clients read.
#[derive(Debug)]
pub struct ApiError {
    pub status: StatusCode,
    pub body: Value,
    /// Seconds after which it is worth trying again.
    retry_after: Option<u32>,
}

pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// `{"errorMessage": …}`: the request was understood and cannot be done.
    pub fn message(status: StatusCode, text: impl Into<String>) -> Self {
        Self::with(status, json!({ "errorMessage": text.into() }))
    }

    /// `{"error": …}`.
    pub fn error(status: StatusCode, text: impl Into<String>) -> Self {
        Self::with(status, json!({ "error": text.into() }))
    }

    pub fn bad_request(text: impl Into<String>) -> Self {
        Self::message(StatusCode::BAD_REQUEST, text)
    }

    /// `{"error": "invalid_input", "error_description": …}`, as for clients.
    pub fn invalid_input(text: impl Into<String>) -> Self {
        Self::with(
            StatusCode::BAD_REQUEST,
            json!({ "error": "invalid_input", "error_description": text.into() }),
        )
    }

    pub fn conflict(text: impl Into<String>) -> Self {
        Self::message(StatusCode::CONFLICT, text)
    }

    pub fn not_found(text: impl Into<String>) -> Self {
        Self::error(StatusCode::NOT_FOUND, text)
    }

    pub fn unauthorized() -> Self {
        Self::error(StatusCode::UNAUTHORIZED, "HTTP 401 Unauthorized")
    }

    /// The caller's realm does not take requests in the clear from where this one came from.
    pub fn https_required() -> Self {
        Self::with(
            StatusCode::FORBIDDEN,
            json!({"error": "invalid_request", "error_description": "HTTPS required"}),
        )
    }

    pub fn forbidden() -> Self {
        Self::error(StatusCode::FORBIDDEN, "HTTP 403 Forbidden")
    }

    /// A forbidden change, with the reason.
    pub fn exceeds(text: impl Into<String>) -> Self {
        Self::with(
            StatusCode::FORBIDDEN,
            json!({ "error": "HTTP 403 Forbidden", "error_description": text.into() }),
        )
    }

    /// A part of the Admin API that this server does not have yet.
    pub fn not_supported(capability: &str) -> Self {
        Self::error(
            StatusCode::NOT_IMPLEMENTED,
            format!("not supported by this server yet: {capability}"),
        )
    }

    /// Something is wrong with the server; the reason goes to the log only.
    pub fn internal(reason: impl std::fmt::Display) -> Self {
        tracing::error!(%reason, "admin request failed");
        Self::with(
            StatusCode::INTERNAL_SERVER_ERROR,
            json!({
                "error": "unknown_error",
                "error_description": "The server failed; its log has the reason.",
            }),
        )
    }

    pub fn with(status: StatusCode, body: Value) -> Self {
        Self {
            status,
            body,
            retry_after: None,
        }
    }

    /// The text of the body, for a log or a terminal.
    pub fn text(&self) -> String {
        ["errorMessage", "error_description", "error"]
            .iter()
            .find_map(|key| self.body.get(*key)?.as_str())
            .map_or_else(|| self.body.to_string(), str::to_owned)
    }

    /// The same with the place in front of its text.
    #[must_use]
    pub fn at(mut self, place: &str) -> Self {
        for key in ["errorMessage", "error_description"] {
            if let Some(Value::String(text)) = self.body.get_mut(key) {
                *text = format!("{place}: {text}");
            }
        }
        self
    }

    pub fn busy(reason: impl std::fmt::Display) -> Self {
        Self {
            retry_after: Some(1),
            ..Self::error(StatusCode::SERVICE_UNAVAILABLE, reason.to_string())
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::Conflict(text) => Self::conflict(text),
            StoreError::Guard(text) => Self::not_found(text),
            StoreError::Closed => Self::busy("the server is stopping; try again"),
            StoreError::Unstorable(why) => Self::bad_request(why),
            e if e.is_temporary() => {
                tracing::warn!(
                    cause = cause_chain(&e),
                    "a request could not be served for now"
                );
                Self::busy("the database is not available for now; try again in a moment")
            }
            other => Self::internal(cause_chain(&other)),
        }
    }
}

impl From<KeysError> for ApiError {
    fn from(e: KeysError) -> Self {
        match e {
            KeysError::Store(e) => e.into(),
            other => Self::internal(cause_chain(&other)),
        }
    }
}

impl From<PasswordError> for ApiError {
    fn from(e: PasswordError) -> Self {
        match e {
            PasswordError::Overloaded => Self::busy(e),
            PasswordError::TooLong | PasswordError::Unusable(_) => Self::bad_request(e.to_string()),
            other => Self::internal(cause_chain(&other)),
        }
    }
}

impl From<SetPasswordError> for ApiError {
    fn from(e: SetPasswordError) -> Self {
        match e {
            SetPasswordError::Policy(unmet) => {
                let key = unmet.message_key;
                let text = unmet_policy(key, &unmet.params.join(", "));
                Self::with(
                    StatusCode::BAD_REQUEST,
                    json!({"error": key, "error_description": text}),
                )
            }
            SetPasswordError::Overloaded => Self::busy(PasswordError::Overloaded),
            SetPasswordError::Setting(e) => {
                Self::bad_request(format!("the realm's password policy: {e}"))
            }
            SetPasswordError::Blacklist(_) => Self::bad_request(e.to_string()),
            SetPasswordError::Hash(e) => e.into(),
            SetPasswordError::Store(e) => e.into(),
        }
    }
}

/// What a password policy wants, in the words that existing tools know.
fn unmet_policy(key: &str, params: &str) -> String {
    let wanted = match key {
        "invalidPasswordMinLengthMessage" => format!("minimum length {params}"),
        "invalidPasswordMaxLengthMessage" => format!("maximum length {params}"),
        "invalidPasswordMinDigitsMessage" => {
            format!("must contain at least {params} numerical digits")
        }
        "invalidPasswordMinLowerCaseCharsMessage" => {
            format!("must contain at least {params} lower case characters")
        }
        "invalidPasswordMinUpperCaseCharsMessage" => {
            format!("must contain at least {params} upper case characters")
        }
        "invalidPasswordMinSpecialCharsMessage" => {
            format!("must contain at least {params} special characters")
        }
        "invalidPasswordNotUsernameMessage" => "must not be equal to the username".to_owned(),
        "invalidPasswordNotEmailMessage" => "must not be equal to the email".to_owned(),
        "invalidPasswordHistoryMessage" => {
            format!("must not be equal to any of last {params} passwords")
        }
        other => {
            return format!("the password policy is not met: {other} {params}")
                .trim_end()
                .to_owned();
        }
    };
    format!("Invalid password: {wanted}.")
}

impl From<ReadError> for ApiError {
    fn from(e: ReadError) -> Self {
        let text = match e {
            ReadError::UnknownFields(paths) => {
                let named: Vec<String> = paths.iter().map(|p| format!("\"{p}\"")).collect();
                let (field, verb) = if named.len() == 1 {
                    ("field", "it")
                } else {
                    ("fields", "them")
                };
                format!(
                    "Unrecognized {field} {}; check the spelling, or leave {verb} out",
                    named.join(", ")
                )
            }
            invalid @ ReadError::Invalid { .. } => format!("Cannot read {invalid}"),
        };
        Self::error(StatusCode::BAD_REQUEST, text)
    }
}

fn cause_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut here = error.source();
    while let Some(cause) = here {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        here = cause.source();
    }
    text
}
