//! All kinds, and the CustomResourceDefinitions generated from them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::{Client, ExternalServer, IdentityProvider, IdentityServer, Realm};

pub const GROUP: &str = "realmkeep.dev";
pub const VERSION: &str = "v1alpha1";

/// One definition per kind.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![
        Client::crd(),
        ExternalServer::crd(),
        IdentityProvider::crd(),
        IdentityServer::crd(),
        Realm::crd(),
    ]
}

/// The files of `crds/yaml`: name and content, the same on every run.
///
/// # Errors
/// A definition that cannot be written as YAML.
pub fn crd_yaml() -> Result<Vec<(String, String)>, crate::yaml::WriteError> {
    crds()
        .iter()
        .map(|crd| {
            let file = format!("{GROUP}_{}.yaml", crd.spec.names.plural);
            Ok((file, crate::yaml::to_yaml(crd)?))
        })
        .collect()
}

pub(crate) fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "nullable": true,
        "x-kubernetes-preserve-unknown-fields": true
    })
}

pub(crate) fn nullable_strings(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "nullable": true,
        "additionalProperties": { "type": "string", "nullable": true }
    })
}
