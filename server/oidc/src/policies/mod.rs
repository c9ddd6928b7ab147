//! Client policies (002:8561): what clients of a realm, and their requests, have to keep to.
//!
//! A policy names conditions and profiles. At each [`PolicyEvent`] the conditions of every enabled
//! policy vote; where they agree, the executors of its profiles run in their order. An executor sets the
//! client up, checks it, or checks the request; what it wishes of the answer it leaves in [`Effects`].
//! One condition or executor is one file, and one line in its list.

mod check;
mod conditions;
mod config;
mod enforce;
mod executors;
mod global;
mod property;
mod secret_expiry;
mod stored;
mod types;
mod uris;

pub use check::{Author, Check, Effects, PolicyEvent, SignedObject, Violation, Writer};
pub use enforce::{enforce, is_in_use};
pub use global::profiles as global_profiles;
pub(crate) use secret_expiry::begin as begin_secret_expiry;
pub use stored::{InvalidPolicies, validated_policies, validated_profiles};
pub use types::{
    CONDITION_PROVIDER, EXECUTOR_PROVIDER, component_types, condition_ids, executor_ids,
};
