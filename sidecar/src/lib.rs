//! The parts of `realmkeep-sidecar`. This library has no other user than the program and its tests;
//! what other Rust programs may use is in `realmkeep-token-verifier` and `realmkeep-workload-identity`.

pub mod admin;
pub mod config;
pub mod decision;
pub mod direct_reach;
pub mod ext_authz;
pub mod forward_auth;
pub mod http;
pub mod inbound;
pub mod metrics;
pub mod outbound;
pub mod run;
