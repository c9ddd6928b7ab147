//! Realms, clients and identity providers: objects on a server.
//!
//! The phases are resolve → validate → plan → apply → publish; only resolve, observe and apply do
//! I/O. What differs between the kinds is [`Managed`].

mod delete;
mod reconcile;

pub use delete::Departing;
pub use reconcile::reconcile;

use realmkeep_crds::{DeletionPolicy, Lifecycle, ManagedStatus, ResolvedServerRef};
use realmkeep_plan::{DesiredObject, ObjectKey};

use crate::{
    context::Context, object::Kind, problem::Problem, server_client::Server, status::Verdict,
};

/// A kind whose objects live on a server.
pub trait Managed: Kind {
    /// What deletion does when the spec does not say.
    const DELETION: DeletionPolicy;

    fn status(&self) -> Option<&ManagedStatus>;

    fn lifecycle(&self) -> Lifecycle;

    fn key(realm: String, external_name: String) -> ObjectKey;

    /// Follows the references and makes what is declared.
    fn resolve(&self, context: &Context) -> impl Future<Output = Result<Resolved, Problem>> + Send;

    /// Writes what others read about the object; `None` when the spec asks for nothing.
    fn publish(
        &self,
        context: &Context,
        status: &ManagedStatus,
    ) -> impl Future<Output = Result<Option<Verdict>, kube::Error>> + Send {
        let _ = (context, status);
        async { Ok(None) }
    }
}

/// A resource whose references lead somewhere.
pub struct Resolved {
    pub server_ref: ResolvedServerRef,
    pub server: Server,
    pub desired: DesiredObject,
}
