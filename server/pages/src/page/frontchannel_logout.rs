use serde::Serialize;

/// Signs out of applications by frames (OpenID Connect Front-Channel Logout 1.0).
#[derive(Clone, Debug, Default, Serialize)]
pub struct FrontchannelLogout {
    pub clients: Vec<LoggedOutClient>,
    /// Where to go on to when done.
    pub redirect_uri: Option<String>,
}

/// One application.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoggedOutClient {
    pub name: String,
    /// Its logout address with `iss` and `sid`.
    pub url: String,
}
