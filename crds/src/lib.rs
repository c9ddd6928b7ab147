//! The custom resources: what a person writes in YAML to declare servers, realms, clients and
//! identity providers. One file per kind; the payload's vocabulary is the representations'.
//!
//! Every spec has four layers, in this order: placement (the parent), identity (the name on the
//! server), lifecycle (what the operator may do), payload.

// Printer columns of one kind repeat the words of another.
#![allow(clippy::duplicated_attributes)]

mod conditions;
mod external_server;
mod identity_provider;
mod identity_server;
mod kinds;
mod lifecycle;
mod realm;
mod refs;
mod resource;
mod secrets;
mod settings;
mod status;
mod validate;
pub mod yaml;

mod client;

pub use client::{
    Client, ClientAuth, ClientOutput, ClientSecretAuth, ClientSpec, ConfigMapOutput, FederatedAuth,
    PublicAuth, RoleGrants, ServiceAccountAuth, SignedJwtAuth,
};
pub use conditions::{Condition, ConditionType, Reason, condition};
pub use external_server::{
    ClientCredentialsAuth, ExternalServer, ExternalServerAuth, ExternalServerSpec, OperatorAuth,
    PasswordAuth, TokenAuth,
};
pub use identity_provider::{
    GenericProvider, IdentityProvider, IdentityProviderSpec, IdentityProviderType,
    KubernetesProvider, OidcProvider,
};
pub use identity_server::{
    EmptyDirStorage, IdentityServer, IdentityServerSpec, PersistentStorage, ServerStorage,
};
pub use kinds::{GROUP, VERSION, crd_yaml, crds};
pub use lifecycle::{AdoptionPolicy, DeletionPolicy, DriftPolicy, Lifecycle, ManagementPolicy};
pub use realm::{AllowedClients, Permission, Realm, RealmSpec, SmtpAuth, SmtpSpec};
pub use refs::{
    AllowedNamespaces, AllowedRealms, NamespacesFrom, RealmRef, ResolvedServerRef, ServerKind,
    ServerRef,
};
pub use resource::{AnyResource, ObjectName};
pub use secrets::{ALLOW_OPERATOR_LABEL, SecretKeySelector, ValueFrom, is_secret_key};
pub use settings::{
    ClientKind, ClientSettings, IdentityProviderKind, IdentityProviderSettings, RealmKind,
    RealmSettings, Settings, SettingsKind,
};
pub use status::{ManagedStatus, ServerStatus};
pub use validate::{FieldError, Validate};
