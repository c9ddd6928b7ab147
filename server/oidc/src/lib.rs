//! OpenID Connect and OAuth 2.0 toward applications: everything below `/realms`.

#![recursion_limit = "256"]

mod authorize;
pub mod bearer;
mod binding;
mod browser;
mod ciba;
pub mod claims;
pub mod client_auth;
pub mod content_coding;
pub mod context;
mod cors;
mod device;
mod discovery;
pub mod docker;
mod dpop;
mod encryption;
pub mod error;
pub mod evaluate;
pub mod form;
mod introspect;
pub mod issue;
mod lifespans;
mod login_actions;
pub mod logout;
mod material;
pub mod mtls;
pub mod policies;
pub mod registration;
mod revoke;
mod roles;
mod router;
pub mod scopes;
mod session_status;
pub mod token;
pub mod transport;
mod userinfo;

pub use claims::protocol_mapper_types;
pub use router::router;
pub use session_status::FramedAnywhere;
