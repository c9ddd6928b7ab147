//! The Admin REST API as its clients use it: over HTTP, against a server in process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod account;
mod bootstrap;
mod canary;
mod ciba_policy;
mod client_policies;
mod clients;
mod credentials;
mod declarative;
mod events;
mod flows;
mod groups;
mod identity_providers;
mod import;
mod installation;
mod keys;
mod keystores;
mod mail;
mod paths;
mod resources;
mod rights;
mod role_claims;
mod round_trip;
mod scopes;
mod screens;
mod security;
mod session_ends;
mod sessions;
mod support;
mod terraform;
mod user_profile;
mod validation;
mod vault;
mod webhooks;
