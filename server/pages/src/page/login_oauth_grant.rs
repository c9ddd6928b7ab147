use serde::Serialize;

/// Asks whether an application may have what it asks for. Buttons: `accept`, `cancel`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoginOauthGrant {
    /// What the application is called.
    pub client: String,
    pub scopes: Vec<GrantedScope>,
    /// Comes back as `code`.
    pub code: String,
    /// An image on the web; the page may load images from its origin.
    pub logo_uri: Option<String>,
    pub policy_uri: Option<String>,
    pub tos_uri: Option<String>,
}

/// One scope.
#[derive(Clone, Debug, Default, Serialize)]
pub struct GrantedScope {
    /// Consent screen text of the scope, may be `${key}`.
    pub text: String,
    /// What a dynamic scope was asked for with.
    pub parameter: Option<String>,
}
