//! OpenID Connect and OAuth 2.0 toward applications: everything below `/realms`.

mod authorize;
pub mod bearer;
mod browser;
pub mod claims;
pub mod client_auth;
pub mod context;
mod cors;
mod discovery;
pub mod error;
pub mod form;
mod introspect;
pub mod issue;
mod lifespans;
mod login_actions;
mod logout;
mod material;
mod revoke;
mod roles;
mod router;
pub mod scopes;
pub mod token;
mod userinfo;

pub use router::router;
