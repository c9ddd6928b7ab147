use serde::Serialize;

use super::CredentialChoice;

/// Which of several one-time code devices is to be set up anew. Field: `selectedCredentialId`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoginResetOtp {
    pub credentials: Vec<CredentialChoice>,
    pub selected: Option<String>,
}
