//! Clients.

mod output;
mod resolve;

use realmkeep_crds::{Client, DeletionPolicy, Lifecycle, ManagedStatus};
use realmkeep_plan::ObjectKey;

use crate::{
    context::Context,
    managed::{Managed, Resolved},
    problem::Problem,
    status::Verdict,
};

impl Managed for Client {
    const DELETION: DeletionPolicy = DeletionPolicy::Delete;

    fn status(&self) -> Option<&ManagedStatus> {
        self.status.as_ref()
    }

    fn lifecycle(&self) -> Lifecycle {
        self.spec.lifecycle()
    }

    fn key(realm: String, client_id: String) -> ObjectKey {
        ObjectKey::Client { realm, client_id }
    }

    async fn resolve(&self, context: &Context) -> Result<Resolved, Problem> {
        resolve::resolve(self, context).await
    }

    async fn publish(
        &self,
        context: &Context,
        status: &ManagedStatus,
    ) -> Result<Option<Verdict>, kube::Error> {
        output::publish(self, context, status).await
    }
}
