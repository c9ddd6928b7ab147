//! Deletion: needs nothing but the status, ends when the server has confirmed it.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::ObjectMeta, jiff::Timestamp};
use kube::runtime::events::EventType;
use realmkeep_crds::{
    AdoptionPolicy, ConditionType, DeletionPolicy, DriftPolicy, Lifecycle, ManagedStatus,
    ManagementPolicy, Reason,
};
use realmkeep_plan::{DesiredObject, SecretInputs, plan_delete};
use realmkeep_sync::{SyncError, apply, observe};

use super::Managed;
use crate::{
    context::Context,
    finalizer,
    object::{name, namespace, object_name, raw_api},
    problem::Problem,
    status::{Verdict, conditions},
};

/// What deletion needs to know of a resource, valid or not.
pub struct Departing {
    pub status: ManagedStatus,
    pub deletion: DeletionPolicy,
    /// It never changed anything on the server, or is not to any more.
    pub hands_off: bool,
}

impl Departing {
    /// None: there is nothing to do.
    pub fn of<K: Managed>(object: &K) -> Option<Self> {
        if !finalizer::is_held(object.meta()) {
            return None;
        }
        let lifecycle = object.lifecycle();
        Some(Self {
            status: object.status().cloned().unwrap_or_default(),
            deletion: lifecycle.deletion,
            hands_off: lifecycle.suspend || lifecycle.management == ManagementPolicy::ObserveOnly,
        })
    }
}

/// What became of the object on the server.
enum Fate {
    Deleted,
    /// It stays, as asked for.
    Orphaned,
    /// It is not there, or not ours, or its server is gone.
    Absent,
}

/// Deletes the object and lets the resource go; `Ok(Err(()))` when that has to be tried again.
pub async fn leave<K: Managed>(
    context: &Context,
    meta: &ObjectMeta,
    departing: Departing,
) -> Result<Result<(), ()>, kube::Error> {
    match remove::<K>(context, meta, &departing).await {
        Ok(fate) => {
            let (reason, note) = match fate {
                Fate::Deleted => ("Deleted", "deleted on the server"),
                Fate::Orphaned => ("Orphaned", "left on the server"),
                Fate::Absent => ("Released", "there is nothing to delete on the server"),
            };
            let api = raw_api::<K>(&context.client, namespace(meta));
            finalizer::release(&api, meta, context.known_version(meta)).await?;
            let (namespace, name) = (namespace(meta), name(meta));
            tracing::info!(kind = K::KIND, namespace, name, reason, "{note}");
            context
                .tell::<K>(meta, EventType::Normal, "Delete", reason, note)
                .await;
            Ok(Ok(()))
        }
        Err(problem) => {
            let message = format!(
                "{}; it is tried again, and spec.deletionPolicy: Orphan lets the resource go without it",
                problem.message
            );
            let cached = serde_json::to_value(&departing.status).unwrap_or_default();
            let before = context.known_status(meta, &cached);
            let mut status = departing.status;
            let verdict = Verdict::new(
                ConditionType::Deleting,
                true,
                Reason::RemoteDeleteFailed,
                &message,
            );
            status.conditions = conditions(
                &status.conditions,
                vec![verdict],
                meta.generation,
                Timestamp::now(),
            );
            status.observed_generation = meta.generation;
            let status = serde_json::to_value(&status).unwrap_or_default();
            if context.write_status::<K>(meta, &before, status).await? {
                let reason = Reason::RemoteDeleteFailed.as_str();
                context
                    .tell::<K>(meta, EventType::Warning, "Delete", reason, &message)
                    .await;
            }
            Ok(Err(()))
        }
    }
}

async fn remove<K: Managed>(
    context: &Context,
    meta: &ObjectMeta,
    departing: &Departing,
) -> Result<Fate, Problem> {
    let ManagedStatus {
        server_ref,
        realm,
        external_name,
        ..
    } = &departing.status;
    let (Some(server_ref), Some(realm), Some(external_name)) = (server_ref, realm, external_name)
    else {
        return Ok(Fate::Absent);
    };
    if departing.hands_off || departing.deletion == DeletionPolicy::Orphan {
        return Ok(Fate::Orphaned);
    }
    let Some(server) = context.servers.connect(&context.stores, server_ref).await? else {
        return Ok(Fate::Absent);
    };
    let owner = context.owner::<K>(meta);
    let sought = DesiredObject {
        key: K::key(realm.clone(), external_name.clone()),
        resource: object_name(K::KIND, meta),
        owner: owner.clone(),
        lifecycle: Lifecycle {
            management: ManagementPolicy::Full,
            deletion: departing.deletion,
            adoption: AdoptionPolicy::Never,
            drift: DriftPolicy::Correct,
            suspend: false,
        },
        fields: serde_json::Map::new(),
        secrets: SecretInputs::new(),
        federation: None,
    };
    let observed = observe(&server.admin, &sought)
        .await
        .map_err(SyncError::from)?;
    match plan_delete(&sought.key, &sought.resource, &owner, observed.as_ref()) {
        None => Ok(Fate::Absent),
        Some(change) => {
            apply(&server.admin, &change).await?;
            context.metrics.server_written(K::KIND, "delete");
            Ok(Fate::Deleted)
        }
    }
}
