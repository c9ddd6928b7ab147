use serde::Serialize;

use super::{FieldErrors, PasskeyRequest, SocialProvider, UsernameLabel};

/// The first of two steps: who.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoginUsername {
    pub username: String,
    pub label: UsernameLabel,
    pub remember_me: Option<bool>,
    pub social: Vec<SocialProvider>,
    pub passkeys: Option<PasskeyRequest>,
    /// Field: `username`.
    pub errors: FieldErrors,
}
