//! Partial import and error bodies.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::ClientRepresentation;
use crate::group::GroupRepresentation;
use crate::identity_provider::IdentityProviderMapperRepresentation;
use crate::identity_provider::IdentityProviderRepresentation;
use crate::lenient;
use crate::role::RolesRepresentation;
use crate::schema;
use crate::user::UserRepresentation;

/// `ErrorRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorRepresentation {
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub error_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::anything")]
    pub errors: Option<Vec<ErrorRepresentation>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::anything")]
    pub params: Option<Vec<serde_json::Value>>,
}

/// `PartialImportRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PartialImportRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clients: Option<Vec<ClientRepresentation>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<GroupRepresentation>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_provider_mappers: Option<Vec<IdentityProviderMapperRepresentation>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_providers: Option<Vec<IdentityProviderRepresentation>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub if_resource_exists: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PartialImportRepresentationPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<RolesRepresentation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<UserRepresentation>>,
}

/// The values of partial import policy, as they stand on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PartialImportRepresentationPolicy {
    /// `SKIP`
    #[serde(rename = "SKIP")]
    Skip,
    /// `OVERWRITE`
    #[serde(rename = "OVERWRITE")]
    Overwrite,
    /// `FAIL`
    #[serde(rename = "FAIL")]
    Fail,
}
