use serde::Serialize;

use super::{CredentialChoice, FieldErrors};

/// Asks for a one-time code. Fields: `otp`, and `selectedCredentialId` when there is a choice.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoginOtp {
    /// The user's devices, first preferred; no choice is offered for fewer than two.
    pub credentials: Vec<CredentialChoice>,
    /// Id of the chosen one.
    pub selected: Option<String>,
    /// Field: `totp`.
    pub errors: FieldErrors,
}
