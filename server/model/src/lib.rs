//! What a realm, client, user, role and session is: rules that need no I/O.

pub mod clock;
pub mod fresh;
pub mod redirect_uri;
