use serde_json::{Map, Value, json};

use super::Installation;
use crate::error::{ApiError, ApiResult};

/// `keycloak.json`, which keycloak-js and other adapters read.
pub(super) fn write(installation: &Installation<'_>) -> ApiResult<String> {
    let adapter = &installation.adapter;
    let mut json = Map::new();
    let mut put = |name: &str, value: Value| json.insert(name.to_owned(), value);
    put("realm", json!(adapter.realm));
    if adapter.bearer_only {
        put("bearer-only", json!(true));
    }
    put("auth-server-url", json!(adapter.server));
    put("ssl-required", json!(adapter.ssl_required));
    put("resource", json!(adapter.resource));
    if adapter.verify_audience {
        put("verify-token-audience", json!(true));
    }
    if adapter.public {
        put("public-client", json!(true));
    }
    if let Some(credentials) = &adapter.credentials {
        put("credentials", Value::Object(credentials.clone()));
    }
    if adapter.own_roles {
        put("use-resource-role-mappings", json!(true));
    }
    put("confidential-port", json!(0));
    serde_json::to_string_pretty(&json).map_err(ApiError::internal)
}
