//! Identity providers.

mod resolve;

use realmkeep_crds::{DeletionPolicy, IdentityProvider, Lifecycle, ManagedStatus};
use realmkeep_plan::ObjectKey;

use crate::{
    context::Context,
    managed::{Managed, Resolved},
    problem::Problem,
};

impl Managed for IdentityProvider {
    const DELETION: DeletionPolicy = DeletionPolicy::Delete;

    fn status(&self) -> Option<&ManagedStatus> {
        self.status.as_ref()
    }

    fn lifecycle(&self) -> Lifecycle {
        self.spec.lifecycle()
    }

    fn key(realm: String, alias: String) -> ObjectKey {
        ObjectKey::IdentityProvider { realm, alias }
    }

    async fn resolve(&self, context: &Context) -> Result<Resolved, Problem> {
        resolve::resolve(self, context).await
    }
}
