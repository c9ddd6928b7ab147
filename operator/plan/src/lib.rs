//! The planner: what has to change on a server so that it is as resources declare it.
//!
//! Pure: [`DesiredObject`]s are made from resources whose references are resolved, observed
//! objects are the server's own JSON, and the [`Plan`] is a function of both. No I/O, no clock.
//!
//! Rules: a field that is absent is not managed; a value is managed; an explicit null resets to
//! the server's default. Maps (`attributes`, `config`) are merged by key, lists are exact. What a
//! server writes differently but means the same compares equal.

mod change;
mod defaults;
mod desired;
mod key;
mod owner;
mod planner;
mod reconcile;

pub use change::{Body, Change, FieldChange, Operation, Plan};
pub use desired::{DesiredObject, SecretInput, SecretInputs, client, identity_provider, realm};
pub use key::ObjectKey;
pub use owner::{OWNER_ATTRIBUTE, Owner, SECRET_VERSIONS_ATTRIBUTE};
pub use planner::{Observed, PlanError, plan, plan_delete, plan_object};

/// Name of the field under which the roles of a client's service account stand in observed and
/// planned clients. The Admin API keeps them elsewhere.
pub const SERVICE_ACCOUNT_ROLES: &str = "serviceAccountRoles";
