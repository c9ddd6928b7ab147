//! The real program, from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod decisions;
mod dpop;
mod envoy;
mod inbound;
mod introspection;
mod outbound;
mod process;
mod reload;
mod rules;
mod spiffe;
mod streams;
mod support;
mod tls;
mod token_api;
