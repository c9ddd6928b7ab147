//! A client for the Admin REST API, ours or a Keycloak's.
//!
//! Objects are read as [`serde_json::Value`]: the planner compares exactly what the server
//! answered, and what is written back keeps the fields this version does not model.

mod client;
mod credentials;
mod error;
mod objects;
mod token;

pub use client::{AdminClient, AdminClientBuilder, ClientConfigError};
pub use credentials::{AssertionFuture, AssertionSource, Credentials};
pub use error::{Error, FoundExt};
pub use objects::{CLIENT_PAGE, ScopeAssignment};
