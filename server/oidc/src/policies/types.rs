//! The kinds of conditions and executors, as `serverinfo` lists them.

use std::collections::BTreeMap;

use realmkeep_representations::ComponentTypeRepresentation;
use serde_json::Value;

use super::conditions::CONDITIONS;
use super::executors::EXECUTORS;
use super::property::Property;

/// Component types of conditions and executors.
pub const CONDITION_PROVIDER: &str =
    "org.keycloak.services.clientpolicy.condition.ClientPolicyConditionProvider";
pub const EXECUTOR_PROVIDER: &str =
    "org.keycloak.services.clientpolicy.executor.ClientPolicyExecutorProvider";

pub fn condition_ids() -> impl Iterator<Item = &'static str> {
    CONDITIONS.iter().map(|kind| kind.id)
}

pub fn executor_ids() -> impl Iterator<Item = &'static str> {
    EXECUTORS.iter().map(|kind| kind.id)
}

/// Both kinds, by [`CONDITION_PROVIDER`] and [`EXECUTOR_PROVIDER`].
pub fn component_types() -> [(&'static str, Vec<ComponentTypeRepresentation>); 2] {
    let conditions = CONDITIONS.iter();
    let executors = EXECUTORS.iter();
    [
        (
            CONDITION_PROVIDER,
            conditions
                .map(|k| listed(k.id, k.help, k.properties))
                .collect(),
        ),
        (
            EXECUTOR_PROVIDER,
            executors
                .map(|k| listed(k.id, k.help, k.properties))
                .collect(),
        ),
    ]
}

fn listed(id: &str, help: &str, properties: &[Property]) -> ComponentTypeRepresentation {
    ComponentTypeRepresentation {
        id: Some(id.to_owned()),
        help_text: Some(Value::from(help)),
        properties: Some(properties.iter().map(Property::representation).collect()),
        metadata: Some(BTreeMap::new()),
        client_properties: None,
    }
}
