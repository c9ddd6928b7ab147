//! `IdentityServer`: a server that the operator runs.

use k8s_openapi::{
    api::core::v1::{EnvVar, ResourceRequirements},
    apimachinery::pkg::api::resource::Quantity,
};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AllowedRealms, ServerStatus};

/// A server that the operator runs.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "realmkeep.dev",
    version = "v1alpha1",
    kind = "IdentityServer",
    plural = "identityservers",
    shortname = "idserver",
    category = "iam",
    namespaced,
    status = "ServerStatus",
    derive = "PartialEq",
    doc = "An identity server, run by the operator.",
    validation = Rule::new("size(self.metadata.name) <= 52").message("the name is part of pod names; use at most 52 characters"),
    printcolumn(name = "URL", type_ = "string", json_path = ".status.url"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(oldSelf.storage) || !has(oldSelf.storage.persistentVolumeClaim) || (has(self.storage) && has(self.storage.persistentVolumeClaim))")
        .message("storage cannot change from a volume claim to an empty directory: the database would be lost")
)]
pub struct IdentityServerSpec {
    /// Container image; default: the operator's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub image: Option<String>,
    /// `Always`, `IfNotPresent` or `Never`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^(Always|IfNotPresent|Never)$"))]
    pub image_pull_policy: Option<String>,
    /// Pods; SQLite has one writer, so 0 or 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub replicas: Option<i32>,
    /// The URL that applications and users see, before `/realms`; it is part of every issuer.
    /// Default: `http://NAME.NAMESPACE.svc.cluster.local:8080`, the server inside the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 2048), regex(pattern = r"^https?://[^\s?#@]+$"))]
    pub url: Option<String>,
    /// Where the database is: exactly one of `persistentVolumeClaim`, `emptyDir`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<ServerStorage>,
    /// CPU and memory; default: 100m and 64Mi requested, 256Mi of memory as the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// More environment variables of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub env: Option<Vec<EnvVar>>,
    /// Who may place realms here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_realms: Option<AllowedRealms>,
}

/// Where the database file is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ServerStorage {
    /// On a volume that outlives the pod.
    PersistentVolumeClaim(PersistentStorage),
    /// In the pod: gone with it. For tests.
    EmptyDir(EmptyDirStorage),
}

/// A claimed volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersistentStorage {
    /// Size, such as `1Gi`.
    pub size: Quantity,
    /// Default: the cluster's default class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class_name: Option<String>,
}

/// A directory in the pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmptyDirStorage {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_limit: Option<Quantity>,
}

impl IdentityServer {
    /// Where the operator and the pods of the cluster reach the server.
    pub fn cluster_url(&self) -> String {
        format!(
            "http://{}.{}.svc.cluster.local:8080",
            self.metadata.name.as_deref().unwrap_or_default(),
            self.metadata.namespace.as_deref().unwrap_or("default"),
        )
    }

    /// What comes before `/realms` in its issuers.
    pub fn public_url(&self) -> String {
        let url = self.spec.url.clone().unwrap_or_else(|| self.cluster_url());
        url.trim_end_matches('/').to_owned()
    }
}
