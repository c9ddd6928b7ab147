//! From resources to a server: resolves references, observes, plans, applies.
//!
//! [`folder`] does all of it for a folder of YAML; the operator uses the steps one by one.

mod apply;
mod drift;
mod error;
pub mod folder;
mod observe;
mod policy;
mod secrets;

pub use apply::apply;
pub use error::{RefError, SyncError};
pub use folder::{FolderError, FolderErrors, FolderPlan, apply_plan, plan_folder};
pub use observe::observe;
pub use policy::denied_privilege;
pub use secrets::{FolderSecrets, SecretData, SecretSource, resolve_secret};
