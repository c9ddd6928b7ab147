//! Whether a request carries an access token that is good here, now, and from this sender.
//!
//! * [`Verifier`]: tokens of the configured issuers, verified with their keys (RFC 9068 and the
//!   access tokens of Keycloak), remembered, and judged anew at each use.
//! * [`dpop`]: proof of possession by a key (RFC 9449).
//! * [`SenderConstraints`]: which tokens have to be bound to their sender, by DPoP or by a client
//!   certificate (RFC 8705 section 3).
//! * [`Introspector`]: asks the issuer (RFC 7662), where that is wanted.
//! * [`BearerLayer`]: all of it in front of any `tower` service, such as an `axum` router.
//!
//! Whatever goes wrong, the answer is a [`Denied`].

mod binding;
mod credentials;
mod denial;
pub mod dpop;
mod introspection;
mod issuer;
mod layer;
mod replay;
mod token;
mod verifier;

pub use binding::{Constraint, Sender, SenderConstraints, certificate_thumbprint};
pub use credentials::{Credentials, Scheme, credentials};
pub use denial::{Challenge, Denial, Denied, challenge};
pub use introspection::{Introspector, IntrospectorConfig};
pub use issuer::{Issuer, IssuerPolicy};
pub use layer::{BearerLayer, BearerService};
pub use token::VerifiedToken;
pub use verifier::{Verifier, VerifierStats};
