//! Applies the parts of a server, where they are not as declared.

use kube::{
    Api, Resource,
    api::{ApiResource, DynamicObject, Patch, PatchParams, TypeMeta},
    core::GroupVersionKind,
};
use realmkeep_crds::{IdentityServer, Reason};
use serde_json::Value;

use super::covers::covers;
use crate::{
    context::{Context, MANAGER},
    object::{is_owned_by, namespace},
    problem::Problem,
};

/// # Errors
/// The object is somebody else's, or the API server refuses it.
pub async fn apply(
    server: &IdentityServer,
    context: &Context,
    manifest: Value,
) -> Result<(), Problem> {
    let text = |pointer: &str| {
        manifest
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let kind = text("/kind").to_owned();
    let name = text("/metadata/name").to_owned();
    let types = TypeMeta {
        api_version: text("/apiVersion").to_owned(),
        kind: kind.clone(),
    };
    let resource = GroupVersionKind::try_from(&types).map(|gvk| ApiResource::from_gvk(&gvk));
    let resource = resource.map_err(|e| Problem::programmed(Reason::Pending, e.to_string()))?;
    let api: Api<DynamicObject> =
        Api::namespaced_with(context.client.clone(), namespace(server.meta()), &resource);
    let found = api.get_opt(&name).await?;
    if let Some(found) = &found {
        if !is_owned_by(found.meta(), server.meta()) {
            let message = format!(
                "{kind} {name} was made by somebody else; delete it, or name the server otherwise"
            );
            return Err(Problem::programmed(Reason::ForeignObject, message));
        }
        let live = serde_json::to_value(found).unwrap_or_default();
        if covers(&live, &manifest) {
            return Ok(());
        }
    }
    let parameters = PatchParams::apply(MANAGER).force();
    let verb = if found.is_some() {
        "changed"
    } else {
        "created"
    };
    match api
        .patch(&name, &parameters, &Patch::Apply(&manifest))
        .await
    {
        Ok(applied) => {
            // An apply that the API server finds nothing new in keeps the version.
            let version = |object: &DynamicObject| object.metadata.resource_version.clone();
            if found.as_ref().and_then(version) != version(&applied) {
                let server = server.meta().name.as_deref();
                tracing::info!(server, kind, name, "{verb}");
            }
            Ok(())
        }
        Err(kube::Error::Api(e))
            if (400..500).contains(&e.code) && e.code != 409 && e.code != 429 =>
        {
            let message = format!("{kind} {name} was refused: {}", e.message);
            Err(Problem::programmed(Reason::RemoteRejected, message))
        }
        Err(e) => Err(e.into()),
    }
}
