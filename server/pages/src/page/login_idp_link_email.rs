use serde::Serialize;

/// A mail with a link was sent that connects an account with an identity provider.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoginIdpLinkEmail {
    pub provider: String,
    pub username: String,
    pub email: String,
}
