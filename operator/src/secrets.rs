//! Secrets are read when they are needed and not kept.

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client as KubeClient};
use realmkeep_crds::ValueFrom;
use realmkeep_plan::SecretInput;
use realmkeep_sync::{SecretData, resolve_secret};

use crate::problem::Problem;

/// The value that `field` of a resource in `namespace` refers to.
///
/// # Errors
/// There is no such Secret or key, or the Secret does not carry the label that lets us read it.
pub async fn resolve(
    client: &KubeClient,
    namespace: &str,
    field: &str,
    from: &ValueFrom,
) -> Result<SecretInput, Problem> {
    let selector = &from.secret_key_ref;
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let secret = api.get_opt(&selector.name).await?;
    let data = secret.as_ref().map(SecretData::from);
    Ok(resolve_secret(field, namespace, selector, data.as_ref())?)
}
