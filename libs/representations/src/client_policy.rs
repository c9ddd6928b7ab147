//! Client policies and profiles.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient;
use crate::schema;

/// `ClientPoliciesRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientPoliciesRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global_policies: Option<Vec<ClientPolicyRepresentation>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies: Option<Vec<ClientPolicyRepresentation>>,
}

/// `ClientPolicyConditionConfigurationRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientPolicyConditionConfigurationRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::anything")]
    pub config_as_map: Option<BTreeMap<String, serde_json::Value>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "is-negative-logic",
        deserialize_with = "lenient::boolean"
    )]
    pub is_negative_logic: Option<bool>,
}

/// `ClientPolicyConditionRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientPolicyConditionRepresentation {
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub condition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::anything")]
    pub configuration: Option<serde_json::Value>,
}

/// `ClientPolicyExecutorConfigurationRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientPolicyExecutorConfigurationRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::anything")]
    pub config_as_map: Option<BTreeMap<String, serde_json::Value>>,
}

/// `ClientPolicyExecutorRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientPolicyExecutorRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::anything")]
    pub configuration: Option<serde_json::Value>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub executor: Option<String>,
}

/// `ClientPolicyRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientPolicyRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<ClientPolicyConditionRepresentation>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub description: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::boolean"
    )]
    pub enabled: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub mode: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profiles: Option<Vec<String>>,
}

/// `ClientProfileRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientProfileRepresentation {
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executors: Option<Vec<ClientPolicyExecutorRepresentation>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub name: Option<String>,
}

/// `ClientProfilesRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientProfilesRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global_profiles: Option<Vec<ClientProfileRepresentation>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profiles: Option<Vec<ClientProfileRepresentation>>,
}
