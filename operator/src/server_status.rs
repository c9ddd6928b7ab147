//! Status of the two kinds of servers.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::ObjectMeta, jiff::Timestamp};
use kube::runtime::events::EventType;
use realmkeep_crds::ServerStatus;
use serde_json::Value;

use crate::{
    context::Context,
    object::{Kind, name, namespace},
    problem::Problem,
    status::{Verdict, conditions},
};

/// What a look at a server found.
pub struct Outcome<'o> {
    /// As cached.
    pub before: ServerStatus,
    /// Without its conditions.
    pub after: ServerStatus,
    pub verdicts: Vec<Verdict>,
    pub problem: Option<&'o Problem>,
}

/// Writes it where it is news, and tells of a new problem.
///
/// # Errors
/// The API server refuses.
pub async fn publish<K: Kind>(
    context: &Context,
    meta: &ObjectMeta,
    outcome: Outcome<'_>,
    now: Timestamp,
) -> Result<(), kube::Error> {
    let before = context.known_status(meta, &json(&outcome.before));
    let known: ServerStatus = serde_json::from_value(before.clone()).unwrap_or_default();
    let mut after = outcome.after;
    after.conditions = conditions(&known.conditions, outcome.verdicts, meta.generation, now);
    let ready = |status: &ServerStatus| {
        let found = status.conditions.iter().find(|c| c.type_ == "Ready");
        found.map(|c| (c.status.clone(), c.reason.clone()))
    };
    let (was, is) = (ready(&known), ready(&after));
    let written = context
        .write_status::<K>(meta, &before, json(&after))
        .await?;
    if !written || was == is {
        return Ok(());
    }
    match outcome.problem {
        Some(problem) => context.tell_problem::<K>(meta, problem).await,
        None => {
            tracing::info!(
                kind = K::KIND,
                namespace = namespace(meta),
                name = name(meta),
                "ready"
            );
            context
                .tell::<K>(
                    meta,
                    EventType::Normal,
                    "Reconcile",
                    "Ready",
                    "the server answers",
                )
                .await;
        }
    }
    Ok(())
}

fn json(status: &ServerStatus) -> Value {
    serde_json::to_value(status).unwrap_or_default()
}
