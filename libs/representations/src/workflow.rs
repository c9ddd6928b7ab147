//! Workflows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lenient;

/// The values of step execution status, as they stand on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StepExecutionStatus {
    /// `COMPLETED`
    #[serde(rename = "COMPLETED")]
    Completed,
    /// `PENDING`
    #[serde(rename = "PENDING")]
    Pending,
}

/// `WorkflowConcurrencyRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkflowConcurrencyRepresentation {
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "cancel-in-progress",
        deserialize_with = "lenient::string"
    )]
    pub cancel_in_progress: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "restart-in-progress",
        deserialize_with = "lenient::string"
    )]
    pub restart_in_progress: Option<String>,
}

/// `WorkflowRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkflowRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<WorkflowConcurrencyRepresentation>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::boolean"
    )]
    pub enabled: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub id: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub r#if: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub name: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub on: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<WorkflowScheduleRepresentation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<WorkflowStateRepresentation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<WorkflowStepRepresentation>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub supports: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::multi_map"
    )]
    pub with: Option<BTreeMap<String, Vec<String>>>,
}

/// `WorkflowScheduleRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkflowScheduleRepresentation {
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub after: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "batch-size",
        deserialize_with = "lenient::integer"
    )]
    pub batch_size: Option<i32>,
}

/// `WorkflowStateRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkflowStateRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<String>>,
}

/// `WorkflowStepRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkflowStepRepresentation {
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub after: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub id: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "scheduled-at",
        deserialize_with = "lenient::long"
    )]
    pub scheduled_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<StepExecutionStatus>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub uses: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::multi_map"
    )]
    pub with: Option<BTreeMap<String, Vec<String>>>,
}
