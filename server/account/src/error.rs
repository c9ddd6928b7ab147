//! What the account API answers when it does not do what was asked.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use realmkeep_oidc::bearer::BearerError;
use realmkeep_store::StoreError;
use serde_json::{Value, json};

/// A status and a body.
#[derive(Debug)]
pub struct AccountError {
    status: StatusCode,
    body: Value,
}

pub type AccountResult<T> = Result<T, AccountError>;

impl AccountError {
    pub fn with(status: StatusCode, body: Value) -> Self {
        Self { status, body }
    }

    pub fn bad_request(text: impl Into<String>) -> Self {
        Self::with(
            StatusCode::BAD_REQUEST,
            json!({ "errorMessage": text.into() }),
        )
    }

    pub fn not_found(text: impl Into<String>) -> Self {
        Self::with(
            StatusCode::NOT_FOUND,
            json!({ "errorMessage": text.into() }),
        )
    }

    pub fn unauthorized() -> Self {
        Self::with(
            StatusCode::UNAUTHORIZED,
            json!({ "error": "HTTP 401 Unauthorized" }),
        )
    }

    pub fn forbidden() -> Self {
        Self::with(
            StatusCode::FORBIDDEN,
            json!({ "error": "HTTP 403 Forbidden" }),
        )
    }

    /// The realm does not take requests in the clear from where this one came from.
    pub fn https_required() -> Self {
        Self::with(
            StatusCode::FORBIDDEN,
            json!({ "error": "invalid_request", "error_description": "HTTPS required" }),
        )
    }

    pub fn not_supported(capability: &str) -> Self {
        let text = format!("not supported by this server yet: {capability}");
        Self::with(StatusCode::NOT_IMPLEMENTED, json!({ "error": text }))
    }

    /// Something is wrong with the server; the reason goes to the log only.
    pub fn internal(reason: impl std::fmt::Display) -> Self {
        tracing::error!(%reason, "account request failed");
        Self::with(
            StatusCode::INTERNAL_SERVER_ERROR,
            json!({
                "error": "unknown_error",
                "error_description": "The server failed; its log has the reason.",
            }),
        )
    }
}

impl IntoResponse for AccountError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreError> for AccountError {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::Conflict(text) => {
                Self::with(StatusCode::CONFLICT, json!({ "errorMessage": text }))
            }
            StoreError::Guard(text) => Self::not_found(text),
            other => Self::internal(other),
        }
    }
}

impl From<BearerError> for AccountError {
    fn from(e: BearerError) -> Self {
        tracing::debug!(reason = ?e, "account request without a good token");
        Self::unauthorized()
    }
}

pub async fn no_organizations() -> AccountError {
    AccountError::not_supported("organizations")
}

pub async fn no_resources() -> AccountError {
    AccountError::not_supported("authorization services")
}

pub async fn no_verifiable_credentials() -> AccountError {
    AccountError::not_supported("verifiable credentials")
}
