//! Logins by flows: steps, conditions, required actions, levels, lockouts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../support/authenticator.rs"]
mod authenticator;
#[path = "../authorize/browser.rs"]
#[allow(dead_code)]
mod browser;
mod brute_force;
mod flows;
mod levels;
mod otp;
mod passwords;
mod recovery_codes;
mod replays;
mod required_actions;
mod session_limits;
#[path = "../support/mod.rs"]
mod support;
mod tools;
mod walk;
mod webauthn;
