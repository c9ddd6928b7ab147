use serde::Serialize;

use super::ProfileField;

/// Shows what another identity provider said about a new user, to be reviewed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct IdpReviewUserProfile {
    pub fields: Vec<ProfileField>,
}
