use serde::Serialize;

use super::ProfileField;

/// Asks for a new e-mail address.
#[derive(Clone, Debug, Default, Serialize)]
pub struct UpdateEmail {
    /// The attribute `email`.
    pub fields: Vec<ProfileField>,
    /// Whether the box for ending other sessions is ticked; None when it is not offered.
    #[serde(rename = "logout_sessions_ticked")]
    pub logout_sessions: Option<bool>,
}
