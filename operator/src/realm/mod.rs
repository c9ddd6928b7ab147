//! Realms.

mod resolve;

use realmkeep_crds::{DeletionPolicy, Lifecycle, ManagedStatus, Realm};
use realmkeep_plan::ObjectKey;

use crate::{
    context::Context,
    managed::{Managed, Resolved},
    problem::Problem,
};

impl Managed for Realm {
    const DELETION: DeletionPolicy = DeletionPolicy::Orphan;

    fn status(&self) -> Option<&ManagedStatus> {
        self.status.as_ref()
    }

    fn lifecycle(&self) -> Lifecycle {
        self.spec.lifecycle()
    }

    fn key(realm: String, _: String) -> ObjectKey {
        ObjectKey::Realm { realm }
    }

    async fn resolve(&self, context: &Context) -> Result<Resolved, Problem> {
        resolve::resolve(self, context).await
    }
}
