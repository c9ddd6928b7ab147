//! Objects that are not what their definition says: stored before a rule existed, or against a
//! rule that the definition cannot express.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::ObjectMeta, jiff::Timestamp};
use realmkeep_crds::{Condition, DeletionPolicy, ManagedStatus, Reason};
use realmkeep_representations::strict;
use serde_json::{Value, json};

use crate::{
    context::Context,
    finalizer,
    managed::{Departing, Managed},
    object::{Kind, name, namespace, raw_api},
    problem::Problem,
    status::{conditions, phases},
};

/// Says in the status what is wrong, by path.
///
/// # Errors
/// The API server refuses.
pub async fn report<K: Kind>(
    context: &Context,
    meta: &ObjectMeta,
    error: &str,
) -> Result<(), kube::Error> {
    let Some(raw) = raw::<K>(context, meta).await? else {
        return Ok(());
    };
    let message = match strict::collect_unknown::<K>(&raw) {
        Err(e) => e.to_string(),
        Ok(_) => error.to_owned(),
    };
    let before = raw.get("status").cloned().unwrap_or_else(|| json!({}));
    let old: Vec<Condition> = before
        .get("conditions")
        .and_then(|c| serde_json::from_value(c.clone()).ok())
        .unwrap_or_default();
    let problem = Problem::accepted(Reason::Invalid, message);
    let new = conditions(
        &old,
        phases(Some(&problem)),
        meta.generation,
        Timestamp::now(),
    );
    let mut status = before.clone();
    if let Some(status) = status.as_object_mut() {
        status.insert(
            "conditions".into(),
            serde_json::to_value(new).unwrap_or_default(),
        );
        status.insert("observedGeneration".into(), json!(meta.generation));
    }
    if context.write_status::<K>(meta, &before, status).await? {
        context.tell_problem::<K>(meta, &problem).await;
    }
    Ok(())
}

/// What deletion needs to know, read without the rest. None: there is nothing to do.
///
/// # Errors
/// The API server refuses.
pub async fn departing<K: Managed>(
    context: &Context,
    meta: &ObjectMeta,
) -> Result<Option<Departing>, kube::Error> {
    if !finalizer::is_held(meta) {
        return Ok(None);
    }
    let Some(raw) = raw::<K>(context, meta).await? else {
        return Ok(None);
    };
    let text = |pointer: &str| raw.pointer(pointer).and_then(Value::as_str);
    let status = raw.get("status").cloned().unwrap_or_default();
    Ok(Some(Departing {
        status: serde_json::from_value::<ManagedStatus>(status).unwrap_or_default(),
        deletion: match text("/spec/deletionPolicy") {
            Some("Delete") => DeletionPolicy::Delete,
            Some("Orphan") => DeletionPolicy::Orphan,
            _ => K::DELETION,
        },
        hands_off: text("/spec/managementPolicy") == Some("ObserveOnly")
            || raw.pointer("/spec/suspend") == Some(&Value::Bool(true)),
    }))
}

async fn raw<K: Kind>(context: &Context, meta: &ObjectMeta) -> Result<Option<Value>, kube::Error> {
    let api = raw_api::<K>(&context.client, namespace(meta));
    let found = api.get_opt(name(meta)).await?;
    Ok(found.and_then(|object| serde_json::to_value(object).ok()))
}
