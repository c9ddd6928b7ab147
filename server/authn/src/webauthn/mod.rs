//! Security keys and passkeys: credentials of two kinds, each with a policy of the realm.

mod assertion;
mod credential;
pub mod passkeys;
mod policy;
pub mod registration;

pub use assertion::{prepare, request, verify};
pub use credential::WebauthnCredential;
pub use policy::{WebauthnPolicy, problem};

/// What a key is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Beside a password.
    TwoFactor,
    /// Instead of one, maybe instead of a username too.
    Passwordless,
}

impl Kind {
    /// Type of the credential.
    pub fn credential_type(self) -> &'static str {
        match self {
            Self::TwoFactor => "webauthn",
            Self::Passwordless => "webauthn-passwordless",
        }
    }

    /// The required action that registers one.
    pub fn action(self) -> &'static str {
        match self {
            Self::TwoFactor => "webauthn-register",
            Self::Passwordless => "webauthn-register-passwordless",
        }
    }
}
