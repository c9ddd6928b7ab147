//! Conditions: what a resource says about itself. `metav1.Condition`, positive polarity.

use std::fmt;

pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

/// The types, in the order in which the first failing one becomes the reason of `Ready`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionType {
    /// The spec is valid and allowed here.
    Accepted,
    /// Every reference was found and is permitted.
    ResolvedRefs,
    /// The server's state is the declared one.
    Programmed,
    /// The outputs are written.
    Synced,
    /// With `driftPolicy: Report`: whether the server differs from what is declared.
    Drifted,
    /// Only while the resource is being deleted.
    Deleting,
    /// The summary.
    Ready,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Why a condition is as it is; one word, as Kubernetes asks for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason { $($(#[$doc])* $name),+ }

        impl Reason {
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }
        }
    };
}

reasons! {
    Accepted,
    /// The spec breaks a rule; the message names the field.
    Invalid,
    /// A key of `overrides` has a typed home.
    OverlappingField,
    NamespaceNotAllowed,
    PrivilegeDenied,
    /// Another resource declares the same object.
    IdentityConflict,
    UnsupportedByServer,
    ResolvedRefs,
    ServerNotFound,
    RealmNotFound,
    IdentityProviderNotFound,
    SecretNotFound,
    SecretNotOptedIn,
    RefNotPermitted,
    KeyMissing,
    Programmed,
    Pending,
    Suspended,
    ServerUnreachable,
    Unauthorized,
    RateLimited,
    RemoteRejected,
    OwnershipConflict,
    AdoptionRequired,
    Synced,
    ForeignObject,
    NoDrift,
    DriftDetected,
    RemoteDeleteFailed,
    Progressing,
    Ready,
}

/// A condition as of `now`; `set` keeps the transition time when nothing changed.
pub fn condition(
    kind: ConditionType,
    status: Option<bool>,
    reason: Reason,
    message: impl Into<String>,
    generation: Option<i64>,
    now: Timestamp,
) -> Condition {
    Condition {
        type_: kind.to_string(),
        status: match status {
            Some(true) => "True",
            Some(false) => "False",
            None => "Unknown",
        }
        .into(),
        reason: reason.as_str().into(),
        message: message.into(),
        observed_generation: generation,
        last_transition_time: Time(now),
    }
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
