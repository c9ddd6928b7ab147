//! `ExternalServer`: a server that exists already, ours or a Keycloak.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AllowedRealms, ServerStatus, ValueFrom};

/// A server that somebody else runs.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "realmkeep.dev",
    version = "v1alpha1",
    kind = "ExternalServer",
    plural = "externalservers",
    shortname = "extserver",
    category = "iam",
    namespaced,
    status = "ServerStatus",
    derive = "PartialEq",
    doc = "A connection to a server with the Admin API that the operator does not run.",
    printcolumn(name = "URL", type_ = "string", json_path = ".spec.url"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct ExternalServerSpec {
    /// What comes before `/realms` and `/admin`.
    #[schemars(length(min = 8, max = 2048), regex(pattern = r"^https?://[^\s?#@]+$"))]
    pub url: String,
    /// How the operator proves who it is.
    pub auth: ExternalServerAuth,
    /// Certificates to trust beside the system's, PEM. Public, so not a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 262144))]
    pub ca: Option<String>,
    /// Who may place realms here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_realms: Option<AllowedRealms>,
}

/// The operator's credentials: exactly one of these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ExternalServerAuth {
    /// The operator's own service account token. No secret exists. Only in namespaces with the
    /// label `realmkeep.dev/allow-operator-account: "true"`, because the account administers the
    /// server.
    ServiceAccount(OperatorAuth),
    /// A client with a secret.
    ClientCredentials(ClientCredentialsAuth),
    /// An administrator with a password.
    Password(PasswordAuth),
    /// An access token that somebody else renews.
    Token(TokenAuth),
}

/// The operator's own service account token as client assertion.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperatorAuth {
    /// The realm that holds the operator's client; default `master`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
    /// The operator's client there; default: the server finds it by the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The token's audience, the issuer of that realm; default: the server's `url` and
    /// `/realms/` with the realm's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
}

/// A client with a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientCredentialsAuth {
    /// The client's realm; default `master`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
    pub client_id: String,
    pub client_secret: ValueFrom,
}

/// An administrator with a password.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasswordAuth {
    /// The administrator's realm; default `master`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
    /// Default `admin-cli`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    pub username: String,
    pub password: ValueFrom,
}

/// An access token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenAuth {
    pub value_from: ValueFrom,
}
