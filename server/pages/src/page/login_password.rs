use serde::Serialize;

use super::{FieldErrors, PasskeyRequest};

/// The second of two steps: the password of `Frame::attempted_username`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoginPassword {
    pub passkeys: Option<PasskeyRequest>,
    /// Field: `password`.
    pub errors: FieldErrors,
}
