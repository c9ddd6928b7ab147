//! `IdentityProvider`: another issuer that a realm trusts.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AdoptionPolicy, DeletionPolicy, DriftPolicy, IdentityProviderSettings, Lifecycle,
    ManagedStatus, ManagementPolicy, RealmRef, ValueFrom,
};

/// Another issuer that a realm trusts.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "realmkeep.dev",
    version = "v1alpha1",
    kind = "IdentityProvider",
    plural = "identityproviders",
    shortname = "idp",
    category = "iam",
    namespaced,
    status = "ManagedStatus",
    derive = "PartialEq",
    doc = "An identity provider: an issuer whose users or workloads a realm lets in.",
    validation = Rule::new("(has(self.spec.alias) ? self.spec.alias : self.metadata.name).matches('^[A-Za-z0-9._-]{1,255}$')")
        .message("the alias is part of URLs: letters, digits, '.', '_' and '-' only"),
    printcolumn(name = "Alias", type_ = "string", json_path = ".status.externalName"),
    printcolumn(name = "Realm", type_ = "string", json_path = ".status.realm"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.realmRef == oldSelf.realmRef").message("realmRef is immutable; delete the identity provider and write it anew").field_path(".realmRef"),
    validation = Rule::new("has(self.alias) == has(oldSelf.alias) && (!has(self.alias) || self.alias == oldSelf.alias)").message("alias is immutable; delete the identity provider and write it anew")
)]
pub struct IdentityProviderSpec {
    /// The realm that trusts the provider. Immutable.
    pub realm_ref: RealmRef,

    /// The provider's name in the realm; default: the resource's name. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub alias: Option<String>,

    /// `Full` (the default), `CreateOnly` or `ObserveOnly`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management_policy: Option<ManagementPolicy>,
    /// `Delete` (the default) or `Orphan`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// `Never` (the default), `IfUnowned` or `Force`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption_policy: Option<AdoptionPolicy>,
    /// `Correct` (the default) or `Report`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_policy: Option<DriftPolicy>,
    /// Leave the server alone while true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// What kind of provider it is: exactly one of `kubernetes`, `oidc`, `generic`.
    pub r#type: IdentityProviderType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<IdentityProviderSettings>,
    /// More configuration of the provider, by the Admin API's keys; null resets a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::kinds::nullable_strings")]
    pub config: Option<BTreeMap<String, Option<String>>>,
    /// Configuration whose values are secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_config: Option<BTreeMap<String, ValueFrom>>,
    /// Fields that the server knows and `settings` does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::kinds::any_object")]
    pub overrides: Option<serde_json::Map<String, serde_json::Value>>,
}

/// The provider's type: exactly one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum IdentityProviderType {
    /// The service accounts of a Kubernetes cluster, as clients.
    Kubernetes(KubernetesProvider),
    /// OpenID Connect: users who sign in there, or workloads with its tokens.
    Oidc(Box<OidcProvider>),
    /// Any provider of the server, by its id; everything else is in `config`.
    Generic(GenericProvider),
}

/// A Kubernetes cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubernetesProvider {
    /// The cluster's service account issuer; its keys are found by discovery. Default:
    /// `https://kubernetes.default.svc.cluster.local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub issuer: Option<String>,
    /// Longest accepted lifetime of a token in seconds; default 3600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86400))]
    pub max_assertion_lifetime: Option<i32>,
    /// Accepted difference of clocks in seconds; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 300))]
    pub allowed_clock_skew: Option<i32>,
}

/// An OpenID Connect provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcProvider {
    /// Its issuer, exactly as in its tokens.
    #[schemars(length(min = 1, max = 2048))]
    pub issuer: String,
    /// Where its keys are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub jwks_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub authorization_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub token_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub user_info_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub logout_url: Option<String>,
    /// Our client id there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub client_id: Option<String>,
    /// Our secret there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<ValueFrom>,
    /// Scopes to ask for, separated by spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_scope: Option<String>,
    /// Whether clients may authenticate with its tokens (federated client authentication).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_assertions: Option<bool>,
    /// Whether such a token may be used more than once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_assertion_reuse: Option<bool>,
}

/// A provider by id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GenericProvider {
    #[schemars(length(min = 1, max = 255))]
    pub provider_id: String,
}

impl IdentityProviderSpec {
    pub fn lifecycle(&self) -> Lifecycle {
        Lifecycle {
            management: self.management_policy.unwrap_or_default(),
            deletion: self.deletion_policy.unwrap_or(DeletionPolicy::Delete),
            adoption: self.adoption_policy.unwrap_or_default(),
            drift: self.drift_policy.unwrap_or_default(),
            suspend: self.suspend.unwrap_or(false),
        }
    }

    /// Every secret it refers to, by config key.
    pub fn secrets(&self) -> BTreeMap<String, (String, ValueFrom)> {
        let mut secrets = BTreeMap::new();
        if let IdentityProviderType::Oidc(oidc) = &self.r#type
            && let Some(value_from) = &oidc.client_secret
        {
            secrets.insert(
                "clientSecret".to_owned(),
                ("spec.type.oidc.clientSecret".to_owned(), value_from.clone()),
            );
        }
        for (key, value_from) in self.secret_config.iter().flatten() {
            let field = format!("spec.secretConfig.{key}");
            secrets.insert(key.clone(), (field, value_from.clone()));
        }
        secrets
    }
}

impl IdentityProvider {
    /// The provider's name in the realm.
    pub fn alias(&self) -> &str {
        let named = self.spec.alias.as_deref();
        named.unwrap_or(self.metadata.name.as_deref().unwrap_or_default())
    }
}
