//! Who is it: logins, the proofs they ask for, and what they leave behind.

pub mod authenticators;
mod base_url;
pub mod code;
mod cookies;
pub mod login_state;
pub mod random;
mod remote_keys;
mod services;
pub mod session;

pub use authenticators::username_password::{LoginFailure, Refusal, verify_password};
pub use base_url::{BaseUrl, BaseUrlError};
pub use cookies::CookieSeal;
pub use remote_keys::RemoteKeyCache;
pub use services::{BootstrapTrust, Services};
