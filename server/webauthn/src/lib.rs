//! The relying party of Web Authentication (W3C WebAuthn Level 3): checks what browsers send when a
//! credential is made or used. No I/O; challenges, policies and stored credentials are arguments.
//!
//! CBOR and COSE are read by ciborium and coset, certificates by x509-parser and rustls-webpki,
//! signatures are checked by aws-lc-rs (docs/decisions/0010).

mod aaguid;
mod algorithm;
mod assertion;
mod attestation;
mod authenticator_data;
mod cbor;
mod client_data;
mod error;
mod public_key;
mod registration;
mod relying_party;

pub use aaguid::Aaguid;
pub use algorithm::Algorithm;
pub use assertion::{Assertion, Response, StoredCredential, verify_assertion};
pub use attestation::{AttestationError, TrustAnchors, Truststore};
pub use authenticator_data::{AuthenticatorData, Flags};
pub use error::WebauthnError;
pub use public_key::PublicKey;
pub use registration::{Conveyance, NewCredential, Registration, verify_registration};
pub use relying_party::RelyingParty;
