use serde::Serialize;

/// What users call themselves in this realm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum UsernameLabel {
    #[default]
    #[serde(rename = "username")]
    Username,
    #[serde(rename = "usernameOrEmail")]
    UsernameOrEmail,
    #[serde(rename = "email")]
    Email,
}

/// One of several credentials of a kind.
#[derive(Clone, Debug, Serialize)]
pub struct CredentialChoice {
    pub id: String,
    /// The user's label for it.
    pub label: String,
}

/// An identity provider that one may sign in with.
#[derive(Clone, Debug, Serialize)]
pub struct SocialProvider {
    pub alias: String,
    pub display_name: String,
    pub login_url: String,
}
