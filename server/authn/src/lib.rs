//! Who is it: logins, the proofs they ask for, and what they leave behind.

pub mod accounts;
pub mod action_token;
pub mod authenticators;
pub mod authorization_request;
mod base_url;
pub mod brute_force;
pub mod code;
pub mod conditions;
mod cookies;
pub mod device;
mod direct_grant;
pub mod event_listeners;
pub mod flow;
pub mod login_state;
pub mod mail;
pub mod new_account;
pub mod otp;
pub mod password;
pub mod random;
pub mod recovery_codes;
mod remote_keys;
pub mod required_actions;
mod services;
pub mod session;
pub mod session_end;
pub mod set_password;
pub mod webauthn;

pub use base_url::{BaseUrl, BaseUrlError};
pub use cookies::CookieSeal;
pub use direct_grant::{DirectGrant, direct_grant, docker_login};
pub use password::{LoginFailure, Refusal, verify_password};
pub use remote_keys::RemoteKeyCache;
pub use services::{BootstrapTrust, Services};
