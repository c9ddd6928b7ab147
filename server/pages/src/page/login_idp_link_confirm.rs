use serde::Serialize;

/// An account with what the identity provider says exists. Buttons: `submitAction` with
/// `updateProfile` or `linkAccount`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoginIdpLinkConfirm {
    /// What the identity provider is called.
    pub provider: String,
    /// Whether the profile may be changed instead.
    pub review_profile: bool,
}
