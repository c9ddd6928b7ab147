use serde::Serialize;

/// Shows who a client certificate belongs to. Buttons: `login`, `cancel`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoginX509Info {
    /// Subject of the certificate.
    pub subject: String,
    /// Username of the account; None when there is none.
    pub username: Option<String>,
}
