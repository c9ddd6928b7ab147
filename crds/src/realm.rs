//! `Realm`: the settings of one realm on a server.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AdoptionPolicy, AllowedNamespaces, DeletionPolicy, DriftPolicy, Lifecycle, ManagedStatus,
    ManagementPolicy, RealmSettings, ServerRef, ValueFrom,
};

/// A realm on a server.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "realmkeep.dev",
    version = "v1alpha1",
    kind = "Realm",
    plural = "realms",
    shortname = "rlm",
    category = "iam",
    namespaced,
    status = "ManagedStatus",
    derive = "PartialEq",
    doc = "A realm: a set of users, clients and settings with an issuer of its own.",
    validation = Rule::new("(has(self.spec.realmName) ? self.spec.realmName : self.metadata.name) != 'master'")
        .message("the realm master administers the server and is not declared; choose another realmName"),
    printcolumn(name = "Realm", type_ = "string", json_path = ".status.externalName"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Issuer", type_ = "string", json_path = ".status.issuer", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.serverRef == oldSelf.serverRef").message("serverRef is immutable; delete the realm and write it anew").field_path(".serverRef"),
    validation = Rule::new("has(self.realmName) == has(oldSelf.realmName) && (!has(self.realmName) || self.realmName == oldSelf.realmName)").message("realmName is immutable; delete the realm and write it anew")
)]
pub struct RealmSpec {
    /// The server the realm lives on. Immutable.
    pub server_ref: ServerRef,

    /// The realm's name on the server and in its issuer; default: the resource's name. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 255),
        regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._~-]*$")
    )]
    pub realm_name: Option<String>,

    /// `Full` (the default), `CreateOnly` or `ObserveOnly`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management_policy: Option<ManagementPolicy>,
    /// `Orphan` (the default: the users of a realm are not in Git) or `Delete`.
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

    /// Whose Client and IdentityProvider resources may refer to this realm; default: those of the
    /// same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_clients: Option<AllowedClients>,

    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<RealmSettings>,
    /// The mail server of the realm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smtp: Option<SmtpSpec>,
    /// Fields that the server knows and `settings` does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::kinds::any_object")]
    pub overrides: Option<serde_json::Map<String, serde_json::Value>>,
}

/// What a realm's owner grants to other resources.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllowedClients {
    /// Their namespaces; default: the realm's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<AllowedNamespaces>,
    /// Whether their service accounts may get roles that administer the realm or impersonate its
    /// users: `Deny` (the default) or `Allow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_roles: Option<Permission>,
}

/// A yes or no that reads well in YAML.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Permission {
    #[default]
    Deny,
    Allow,
}

/// A mail server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SmtpSpec {
    /// Host name or address.
    #[schemars(length(min = 1, max = 253))]
    pub host: String,
    /// TCP port; default 25, 465 with `ssl`, 587 with `starttls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
    /// Sender address.
    pub from: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to_display_name: Option<String>,
    /// Address that bounces go to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope_from: Option<String>,
    /// TLS from the first byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssl: Option<bool>,
    /// TLS after STARTTLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starttls: Option<bool>,
    /// Login at the mail server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<SmtpAuth>,
}

/// A login by password.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SmtpAuth {
    pub user: String,
    pub password: ValueFrom,
}

impl RealmSpec {
    pub fn lifecycle(&self) -> Lifecycle {
        Lifecycle {
            management: self.management_policy.unwrap_or_default(),
            deletion: self.deletion_policy.unwrap_or(DeletionPolicy::Orphan),
            adoption: self.adoption_policy.unwrap_or_default(),
            drift: self.drift_policy.unwrap_or_default(),
            suspend: self.suspend.unwrap_or(false),
        }
    }
}

impl Realm {
    /// The realm's name on the server.
    pub fn realm_name(&self) -> &str {
        let named = self.spec.realm_name.as_deref();
        named.unwrap_or(self.metadata.name.as_deref().unwrap_or_default())
    }
}
