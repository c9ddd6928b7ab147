use serde::Serialize;

use super::{FieldErrors, PasskeyRequest, SocialProvider, UsernameLabel};

/// The login form with username and password.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Login {
    /// What was typed in, or `login_hint`.
    pub username: String,
    pub label: UsernameLabel,
    /// The user is known and may not be changed (re-authentication): the name is text, not a field.
    pub fixed_username: bool,
    /// Whether the box is ticked; None when the realm does not offer it.
    pub remember_me: Option<bool>,
    pub social: Vec<SocialProvider>,
    pub passkeys: Option<PasskeyRequest>,
    /// `username` holds what is wrong with the login as a whole.
    pub errors: FieldErrors,
}
