//! How a workload proves who it is without a secret, and how its counterpart finds the keys for that.
//!
//! * [`OutboundHttp`]: the guarded client for every request to an address that comes from
//!   configuration or from another server.
//! * [`RemoteKeys`]: the verification keys of an issuer, fetched, cached and kept fresh.
//! * [`AssertionSource`]: the platform's credential, such as a projected service account token.
//! * [`spiffe`]: SPIFFE IDs, the Workload API and trust bundles.
//! * [`TokenClient`]: turns that credential into access tokens and keeps them fresh
//!   (RFC 7521, RFC 7523).

mod address;
mod api_server;
mod assertion;
mod clock;
mod discovery;
pub mod dpop;
mod outbound_http;
mod remote_keys;
mod secret;
pub mod spiffe;
mod token_client;

pub use api_server::ApiServer;
pub use assertion::{Assertion, AssertionError, AssertionSource, JWT_BEARER, JWT_SPIFFE};
pub use clock::Clock;
pub use discovery::{DiscoveryError, Metadata, discover, discovery_url};
pub use outbound_http::{
    Fetched, MAX_BODY_BYTES, OutboundConfig, OutboundError, OutboundHttp, TrustRoots,
};
pub use remote_keys::{KeyLimits, KeySource, KeyStats, RemoteKeys, RemoteKeysError};
pub use secret::Secret;
pub use token_client::{
    AccessToken, TokenClient, TokenClientConfig, TokenEndpoint, TokenError, TokenEvent,
    TokenRequest,
};

/// The guarded outbound client; see [`OutboundHttp`].
pub mod http {
    pub use crate::outbound_http::{
        Fetched, MAX_BODY_BYTES, OutboundConfig, OutboundError, OutboundHttp, TrustRoots,
    };
}
