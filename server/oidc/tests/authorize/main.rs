//! The authorization endpoint, as browsers and applications meet it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../support/mod.rs"]
mod support;

mod bound_code;
mod browser;
mod clients;
mod consent;
mod device;
mod encrypted;
mod hostile;
mod lifespans;
mod policies;
mod prompt;
mod pushed;
mod registration;
mod request_object;
mod response_modes;
mod response_types;
mod sessions;
mod substitution;
