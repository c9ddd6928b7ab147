use serde::Serialize;

use super::{FieldErrors, UsernameLabel};

/// Asks whose credentials are forgotten. Field: `username`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoginResetPassword {
    pub username: String,
    pub label: UsernameLabel,
    /// Field: `username`.
    pub errors: FieldErrors,
}
