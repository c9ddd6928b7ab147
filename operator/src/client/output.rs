//! The ConfigMap that applications read about their client.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams},
};
use realmkeep_crds::{Client, ConditionType, ManagedStatus, Reason};

use crate::{
    context::{Context, MANAGER},
    identity_server::MANAGED_BY_KEY,
    object::{is_owned_by, namespace, owner_reference},
    status::Verdict,
};

/// Label with the uid of the resource that a ConfigMap was made for.
const MADE_FOR: &str = "realmkeep.dev/made-for";

/// Writes the ConfigMap when it is not as it should be, and removes one of an earlier name.
pub async fn publish(
    client: &Client,
    context: &Context,
    status: &ManagedStatus,
) -> Result<Option<Verdict>, kube::Error> {
    let output = client
        .spec
        .output
        .as_ref()
        .and_then(|output| output.config_map.as_ref());
    let name = output.map(|output| output.name.as_str());
    let api: Api<ConfigMap> = Api::namespaced(context.client.clone(), namespace(client.meta()));
    // Only a change of the spec can have left one behind.
    let spec_changed = status.observed_generation != client.meta().generation;
    let had_output = status.conditions.iter().any(|c| c.type_ == "Synced");
    if spec_changed && had_output {
        remove_others(client, &api, name).await?;
    }
    let Some(name) = name else { return Ok(None) };

    let found = api.get_opt(name).await?;
    if let Some(found) = &found
        && !is_owned_by(found.meta(), client.meta())
    {
        let message = format!(
            "spec.output.configMap.name: ConfigMap {name} was made by somebody else and is left alone; choose another name or delete it"
        );
        let verdict = Verdict::new(ConditionType::Synced, false, Reason::ForeignObject, message);
        return Ok(Some(verdict));
    }
    let data = data(client, status);
    if found.and_then(|found| found.data).as_ref() != Some(&data) {
        let patch = Patch::Apply(config_map(client, name, data));
        let parameters = PatchParams::apply(MANAGER).force();
        match api.patch(name, &parameters, &patch).await {
            Ok(_) => {}
            Err(kube::Error::Api(e)) if e.code == 400 || e.code == 422 => {
                let message = format!("spec.output.configMap.name: {}", e.message);
                let verdict = Verdict::new(ConditionType::Synced, false, Reason::Invalid, message);
                return Ok(Some(verdict));
            }
            Err(e) => return Err(e),
        }
    }
    Ok(Some(Verdict::new(
        ConditionType::Synced,
        true,
        Reason::Synced,
        "",
    )))
}

async fn remove_others(
    client: &Client,
    api: &Api<ConfigMap>,
    kept: Option<&str>,
) -> Result<(), kube::Error> {
    let uid = client.meta().uid.as_deref().unwrap_or_default();
    let made = ListParams::default().labels(&format!("{MADE_FOR}={uid}"));
    for other in api.list(&made).await? {
        let name = other.name_any();
        if kept != Some(name.as_str()) && is_owned_by(other.meta(), client.meta()) {
            api.delete(&name, &DeleteParams::default()).await?;
        }
    }
    Ok(())
}

fn config_map(client: &Client, name: &str, data: BTreeMap<String, String>) -> ConfigMap {
    let uid = client.meta().uid.clone().unwrap_or_default();
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(BTreeMap::from([
                (MANAGED_BY_KEY.to_owned(), MANAGER.to_owned()),
                (MADE_FOR.to_owned(), uid),
            ])),
            owner_references: Some(vec![owner_reference::<Client>(client.meta())]),
            ..ObjectMeta::default()
        },
        data: Some(data),
        ..ConfigMap::default()
    }
}

fn data(client: &Client, status: &ManagedStatus) -> BTreeMap<String, String> {
    let issuer = status.issuer.clone().unwrap_or_default();
    BTreeMap::from([
        ("clientId".to_owned(), client.client_id().to_owned()),
        (
            "tokenEndpoint".to_owned(),
            format!("{issuer}/protocol/openid-connect/token"),
        ),
        ("issuer".to_owned(), issuer),
    ])
}
