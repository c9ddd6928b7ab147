//! `Client`: an application of a realm.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AdoptionPolicy, ClientSettings, DeletionPolicy, DriftPolicy, Lifecycle, ManagedStatus,
    ManagementPolicy, RealmRef, ValueFrom,
};

/// An application of a realm.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "realmkeep.dev",
    version = "v1alpha1",
    kind = "Client",
    plural = "clients",
    shortname = "oidc",
    category = "iam",
    namespaced,
    status = "ManagedStatus",
    derive = "PartialEq",
    doc = "A client: an application that signs users in or calls other services.",
    validation = Rule::new("!((has(self.spec.clientId) ? self.spec.clientId : self.metadata.name) in ['account', 'account-console', 'admin-cli', 'broker', 'realm-management', 'security-admin-console']) || (has(self.spec.deletionPolicy) && self.spec.deletionPolicy == 'Orphan')")
        .message("this client is built into every realm; declare it with deletionPolicy: Orphan"),
    printcolumn(name = "Client ID", type_ = "string", json_path = ".status.externalName"),
    printcolumn(name = "Realm", type_ = "string", json_path = ".status.realm"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.realmRef == oldSelf.realmRef").message("realmRef is immutable; delete the client and write it anew").field_path(".realmRef"),
    validation = Rule::new("has(self.clientId) == has(oldSelf.clientId) && (!has(self.clientId) || self.clientId == oldSelf.clientId)").message("clientId is immutable; delete the client and write it anew")
)]
pub struct ClientSpec {
    /// The realm the client lives in. Immutable.
    pub realm_ref: RealmRef,

    /// The client's id in the protocols; default: the resource's name. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub client_id: Option<String>,

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

    /// How the client proves who it is; absent: not managed, a new client gets the server's
    /// default (a generated secret that nobody knows).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<ClientAuth>,
    /// Roles of the client's service account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_roles: Option<RoleGrants>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<ClientSettings>,
    /// Fields that the server knows and `settings` does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::kinds::any_object")]
    pub overrides: Option<serde_json::Map<String, serde_json::Value>>,

    /// What applications read about the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<ClientOutput>,
}

/// How a client authenticates: exactly one of these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ClientAuth {
    /// With the token of a Kubernetes service account. No secret exists.
    ServiceAccount(ServiceAccountAuth),
    /// With a token of another issuer that an identity provider of the realm trusts.
    Federated(FederatedAuth),
    /// With a JWT signed by its own key (private_key_jwt).
    SignedJwt(SignedJwtAuth),
    /// With a shared secret.
    ClientSecret(ClientSecretAuth),
    /// Not at all: a browser or mobile application, protected by PKCE.
    Public(PublicAuth),
}

/// A Kubernetes service account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountAuth {
    /// Name of the service account.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its namespace; default: the resource's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// Alias of the identity provider that trusts the cluster; default: `kubernetes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub provider: Option<String>,
}

/// A subject of another issuer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FederatedAuth {
    /// Alias of the identity provider that trusts the issuer.
    #[schemars(length(min = 1, max = 255))]
    pub provider: String,
    /// The exact `sub` of the tokens.
    #[schemars(length(min = 1, max = 2048))]
    pub subject: String,
}

/// Public keys of the client.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.jwks) != has(self.jwksUrl)").message("give jwks or jwksUrl, and only one of them")
)]
pub struct SignedJwtAuth {
    /// A JSON Web Key Set (RFC 7517), as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 65536))]
    pub jwks: Option<String>,
    /// Where the key set is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub jwks_url: Option<String>,
}

/// A shared secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientSecretAuth {
    pub value_from: ValueFrom,
}

/// No authentication; no settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PublicAuth {}

/// Roles: exactly these, beside the realm's default role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleGrants {
    /// Realm roles by name; absent: not managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub realm: Option<Vec<String>>,
    /// Client roles by `clientId`; a client that is not named is not managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<BTreeMap<String, Vec<String>>>,
}

/// Objects the operator writes for the application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientOutput {
    /// A ConfigMap with `issuer`, `clientId` and `tokenEndpoint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapOutput>,
}

/// A ConfigMap in the resource's namespace. One that somebody else made is left alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapOutput {
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

impl ClientSpec {
    pub fn lifecycle(&self) -> Lifecycle {
        Lifecycle {
            management: self.management_policy.unwrap_or_default(),
            deletion: self.deletion_policy.unwrap_or(DeletionPolicy::Delete),
            adoption: self.adoption_policy.unwrap_or_default(),
            drift: self.drift_policy.unwrap_or_default(),
            suspend: self.suspend.unwrap_or(false),
        }
    }
}

impl ServiceAccountAuth {
    /// Alias of the identity provider when none is named.
    pub const DEFAULT_PROVIDER: &str = "kubernetes";

    pub fn provider(&self) -> &str {
        self.provider.as_deref().unwrap_or(Self::DEFAULT_PROVIDER)
    }

    /// The `sub` of the account's tokens, for a resource in `namespace`.
    pub fn subject(&self, namespace: &str) -> String {
        format!(
            "system:serviceaccount:{}:{}",
            self.namespace.as_deref().unwrap_or(namespace),
            self.name
        )
    }
}

impl ClientAuth {
    /// The identity provider's alias and the subject, when tokens of another issuer are accepted.
    pub fn federation(&self, namespace: &str) -> Option<(String, String)> {
        match self {
            Self::ServiceAccount(account) => {
                Some((account.provider().to_owned(), account.subject(namespace)))
            }
            Self::Federated(federated) => {
                Some((federated.provider.clone(), federated.subject.clone()))
            }
            _ => None,
        }
    }
}

impl Client {
    /// The client's id in the protocols.
    pub fn client_id(&self) -> &str {
        let named = self.spec.client_id.as_deref();
        named.unwrap_or(self.metadata.name.as_deref().unwrap_or_default())
    }
}
