//! References between resources, and who may make them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kinds a realm can live on.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
pub enum ServerKind {
    /// A server that the operator runs.
    #[default]
    IdentityServer,
    /// A server that exists already.
    ExternalServer,
}

/// The server that a realm lives on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerRef {
    /// `IdentityServer` (the default) or `ExternalServer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ServerKind>,
    /// Name of the server resource.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its namespace; default: the realm's. Another namespace needs the server's `allowedRealms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

/// The realm that a client or an identity provider lives in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RealmRef {
    /// Name of the Realm resource (not the realm's name on the server).
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its namespace; default: the resource's own. Another namespace needs the realm's
    /// `allowedClients`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

/// Which namespaces an owner admits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NamespacesFrom {
    /// Only the owner's own namespace.
    #[default]
    Same,
    /// Every namespace.
    All,
    /// Namespaces whose labels match `selector`.
    Selector,
}

/// The namespaces whose resources may refer to this one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.selector) == (has(self.from) && self.from == 'Selector')")
        .message("selector belongs to from: Selector, and only to it")
)]
pub struct AllowedNamespaces {
    /// `Same` (the default), `All` or `Selector`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<NamespacesFrom>,
    /// Namespace labels; with `from: Selector`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// Who may place realms on a server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllowedRealms {
    /// Namespaces of the realms; default: the server's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<AllowedNamespaces>,
}

/// A server reference with everything filled in, as a status keeps it.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct ResolvedServerRef {
    pub kind: ServerKind,
    pub namespace: String,
    pub name: String,
}

impl ServerRef {
    /// With defaults for a realm in `namespace`.
    pub fn resolve(&self, namespace: &str) -> ResolvedServerRef {
        ResolvedServerRef {
            kind: self.kind.unwrap_or_default(),
            namespace: self.namespace.clone().unwrap_or_else(|| namespace.into()),
            name: self.name.clone(),
        }
    }
}

impl RealmRef {
    /// The realm resource's (namespace, name) for a resource in `namespace`.
    pub fn resolve(&self, namespace: &str) -> (String, String) {
        (
            self.namespace.clone().unwrap_or_else(|| namespace.into()),
            self.name.clone(),
        )
    }
}

impl AllowedNamespaces {
    /// Whether a resource in `from` may refer to an owner in `owner`; `labels` are those of the
    /// namespace `from`.
    pub fn admits<'l>(
        &self,
        owner: &str,
        from: &str,
        labels: impl Fn(&str) -> Option<&'l str>,
    ) -> bool {
        if owner == from {
            return true;
        }
        match self.from.unwrap_or_default() {
            NamespacesFrom::Same => false,
            NamespacesFrom::All => true,
            NamespacesFrom::Selector => self
                .selector
                .as_ref()
                .is_some_and(|selector| selects(selector, labels)),
        }
    }
}

/// Kubernetes label selector semantics; an empty selector matches everything.
fn selects<'l>(selector: &LabelSelector, labels: impl Fn(&str) -> Option<&'l str>) -> bool {
    let equal = selector
        .match_labels
        .iter()
        .flatten()
        .all(|(key, value)| labels(key) == Some(value.as_str()));
    equal
        && selector
            .match_expressions
            .iter()
            .flatten()
            .all(|requirement| {
                let value = labels(&requirement.key);
                let listed = || {
                    let values = requirement.values.iter().flatten();
                    value.is_some_and(|v| values.into_iter().any(|listed| listed == v))
                };
                match requirement.operator.as_str() {
                    "In" => listed(),
                    "NotIn" => !listed(),
                    "Exists" => value.is_some(),
                    "DoesNotExist" => value.is_none(),
                    _ => false,
                }
            })
}
