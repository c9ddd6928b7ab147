//! The Admin REST API as its clients use it: over HTTP, against a server in process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod account;
mod bootstrap;
mod clients;
mod declarative;
mod events;
mod flows;
mod import;
mod installation;
mod mail;
mod paths;
mod resources;
mod rights;
mod round_trip;
mod screens;
mod support;
