//! The finalizer that holds a resource until its server has confirmed the deletion.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::object::RawApi;

pub const FINALIZER: &str = "realmkeep.dev/cleanup";

pub fn is_held(meta: &ObjectMeta) -> bool {
    meta.finalizers.iter().flatten().any(|f| f == FINALIZER)
}

/// Holds the resource, which has `version` as far as we know.
///
/// # Errors
/// The API server refuses, with a conflict when the resource has changed meanwhile.
pub async fn hold(
    api: &RawApi,
    meta: &ObjectMeta,
    version: Option<String>,
) -> Result<(), kube::Error> {
    let mut finalizers = meta.finalizers.clone().unwrap_or_default();
    finalizers.push(FINALIZER.into());
    set(api, meta, version, &finalizers).await
}

/// Lets the resource go, which has `version` as far as we know.
///
/// # Errors
/// The API server refuses, with a conflict when the resource has changed meanwhile.
pub async fn release(
    api: &RawApi,
    meta: &ObjectMeta,
    version: Option<String>,
) -> Result<(), kube::Error> {
    let mut finalizers = meta.finalizers.clone().unwrap_or_default();
    finalizers.retain(|f| f != FINALIZER);
    match set(api, meta, version, &finalizers).await {
        Err(kube::Error::Api(e)) if e.code == 404 => Ok(()),
        other => other,
    }
}

async fn set(
    api: &RawApi,
    meta: &ObjectMeta,
    version: Option<String>,
    finalizers: &[String],
) -> Result<(), kube::Error> {
    // With the version that was seen: another controller's finalizer must not get lost.
    let patch = json!({"metadata": {
        "finalizers": finalizers,
        "resourceVersion": version,
        "uid": meta.uid,
    }});
    let name = meta.name.as_deref().unwrap_or_default();
    api.patch_metadata(name, &PatchParams::default(), &Patch::Merge(patch))
        .await?;
    Ok(())
}
