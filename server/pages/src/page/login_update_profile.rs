use serde::Serialize;

use super::ProfileField;

/// Shows the user profile to be completed or changed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoginUpdateProfile {
    pub fields: Vec<ProfileField>,
}
