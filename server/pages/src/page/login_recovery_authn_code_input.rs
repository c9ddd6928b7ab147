use serde::Serialize;

use super::FieldErrors;

/// Asks for one of the recovery codes. Field: `recoveryCodeInput`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoginRecoveryAuthnCodeInput {
    /// Which code of the list, counted from 1.
    pub number: u32,
    /// Field: `recoveryCodeInput`.
    pub errors: FieldErrors,
}
