//! Why a resource cannot be brought to the server.

use realmkeep_admin_client::Error as AdminError;
use realmkeep_crds::{ALLOW_OPERATOR_LABEL, Reason};
use realmkeep_plan::PlanError;

/// A reference that leads nowhere, or where it may not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefError {
    #[error("{field}: there is no {kind} {namespace}/{name}; create it or correct the reference")]
    ServerNotFound {
        field: &'static str,
        kind: &'static str,
        namespace: String,
        name: String,
    },
    #[error(
        "spec.realmRef: there is no Realm {namespace}/{name}; create it or correct the reference"
    )]
    RealmNotFound { namespace: String, name: String },
    #[error(
        "{field}: the realm has no identity provider {alias:?}; create an IdentityProvider with this alias or correct the name"
    )]
    IdentityProviderNotFound { field: &'static str, alias: String },
    #[error("{field}: there is no Secret {namespace}/{name}; create it or correct the reference")]
    SecretNotFound {
        field: String,
        namespace: String,
        name: String,
    },
    #[error(
        "{field}: the Secret {namespace}/{name} may not be read; add the label {ALLOW_OPERATOR_LABEL}: \"true\" to it"
    )]
    SecretNotOptedIn {
        field: String,
        namespace: String,
        name: String,
    },
    #[error("{field}: the Secret {namespace}/{name} has no key {key:?}, or it is empty or no text")]
    KeyMissing {
        field: String,
        namespace: String,
        name: String,
        key: String,
    },
    #[error("{field}: {owner} does not admit namespace {namespace}; its owner can with {grant}")]
    NotPermitted {
        field: &'static str,
        owner: String,
        namespace: String,
        grant: &'static str,
    },
}

/// Why an object is not as declared.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    #[error(transparent)]
    Reference(#[from] RefError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Server(#[from] AdminError),
    #[error("{0}")]
    Denied(String),
    /// Something that a setting names does not exist on the server.
    #[error("{field}: {what} does not exist in the realm; create it or correct the name")]
    Unknown { field: String, what: String },
}

impl RefError {
    pub fn reason(&self) -> Reason {
        match self {
            Self::ServerNotFound { .. } => Reason::ServerNotFound,
            Self::RealmNotFound { .. } => Reason::RealmNotFound,
            Self::IdentityProviderNotFound { .. } => Reason::IdentityProviderNotFound,
            Self::SecretNotFound { .. } => Reason::SecretNotFound,
            Self::SecretNotOptedIn { .. } => Reason::SecretNotOptedIn,
            Self::KeyMissing { .. } => Reason::KeyMissing,
            Self::NotPermitted { .. } => Reason::RefNotPermitted,
        }
    }
}

impl SyncError {
    pub fn reason(&self) -> Reason {
        match self {
            Self::Reference(e) => e.reason(),
            Self::Plan(PlanError::AdoptionRequired { .. }) => Reason::AdoptionRequired,
            Self::Plan(PlanError::OwnershipConflict { .. }) => Reason::OwnershipConflict,
            Self::Plan(PlanError::NothingToObserve { .. }) => Reason::Pending,
            Self::Plan(PlanError::NoDefault { .. }) => Reason::Invalid,
            Self::Plan(PlanError::IdentityConflict { .. } | PlanError::SubjectConflict { .. }) => {
                Reason::IdentityConflict
            }
            Self::Server(AdminError::Unreachable { .. } | AdminError::ServerFailed { .. }) => {
                Reason::ServerUnreachable
            }
            Self::Server(AdminError::Unauthorized { .. } | AdminError::Forbidden { .. }) => {
                Reason::Unauthorized
            }
            Self::Server(AdminError::RateLimited { .. }) => Reason::RateLimited,
            Self::Server(_) | Self::Unknown { .. } => Reason::RemoteRejected,
            Self::Denied(_) => Reason::PrivilegeDenied,
        }
    }
}
