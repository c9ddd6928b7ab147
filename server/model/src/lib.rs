//! What a realm, client, user, role and session is: rules that need no I/O.

pub mod clock;
pub mod features;
pub mod fresh;
pub mod password_policy;
pub mod pattern;
pub mod redirect_uri;
pub mod secret_rotation;
pub mod user_profile;
