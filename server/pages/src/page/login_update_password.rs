use serde::Serialize;

use super::FieldErrors;

/// Asks for a new password. Fields: `password-new`, `password-confirm`, `logout-sessions`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoginUpdatePassword {
    /// For the browser's password store.
    pub username: String,
    /// Whether the box for ending other sessions is ticked; None when it is not offered.
    #[serde(rename = "logout_sessions_ticked")]
    pub logout_sessions: Option<bool>,
    /// Fields: `password` (the new one), `password-confirm`.
    pub errors: FieldErrors,
}
