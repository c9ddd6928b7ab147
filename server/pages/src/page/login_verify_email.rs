use serde::Serialize;

/// A mail with a link was sent; the form sends it again.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoginVerifyEmail {
    /// Where the mail went.
    pub email: String,
    /// No mail has gone out yet, because the user must ask for it.
    pub unsent: bool,
}
