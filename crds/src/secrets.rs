//! Secrets are never written in a resource; they are referred to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A Secret carries this label with the value `"true"` to let the operator read it.
pub const ALLOW_OPERATOR_LABEL: &str = "realmkeep.dev/allow-operator";

/// One key of a Secret in the resource's own namespace. The Secret must carry the label
/// `realmkeep.dev/allow-operator: "true"`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeySelector {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key in its data.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// Where a secret value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValueFrom {
    pub secret_key_ref: SecretKeySelector,
}

/// Whether a key of an attribute or config map holds a secret value.
pub fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    // Facts about a secret, not the secret: `client.secret.creation.time`, `…expiration…`.
    if key.ends_with(".time") || key.ends_with(".enabled") || key.contains("secret-version") {
        return false;
    }
    [
        "secret",
        "password",
        "private.key",
        "privatekey",
        "bindcredential",
        "keystorepassword",
    ]
    .iter()
    .any(|part| key.contains(part))
}
