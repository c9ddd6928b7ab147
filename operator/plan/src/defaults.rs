//! The values that a server gives to fields nobody set: what an explicit null resets to.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::ObjectKey;

/// The settings of a fresh realm, as the Admin API answers them.
static REALM: LazyLock<Map<String, Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("realm_defaults.json")).unwrap_or_default());

static CLIENT: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    object(json!({
        "name": "", "description": "", "rootUrl": "", "baseUrl": "", "adminUrl": "", "type": "",
        "surrogateAuthRequired": false, "enabled": true, "alwaysDisplayInConsole": false,
        "redirectUris": [], "webOrigins": [], "notBefore": 0, "bearerOnly": false,
        "consentRequired": false, "standardFlowEnabled": true, "implicitFlowEnabled": false,
        "directAccessGrantsEnabled": false, "serviceAccountsEnabled": false,
        "authorizationServicesEnabled": false, "frontchannelLogout": false,
        "protocol": "openid-connect", "fullScopeAllowed": true,
        "nodeReRegistrationTimeout": -1, "protocolMappers": [],
        "authenticationFlowBindingOverrides": {}
    }))
});

static IDENTITY_PROVIDER: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    object(json!({
        "displayName": "", "enabled": true, "storeToken": false,
        "addReadTokenRoleOnCreate": false, "authenticateByDefault": false, "linkOnly": false,
        "hideOnLogin": false, "trustEmail": false, "firstBrokerLoginFlowAlias": "",
        "postBrokerLoginFlowAlias": ""
    }))
});

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The default of a top-level field, when it is the same on every server.
pub(crate) fn default_of(key: &ObjectKey, field: &str) -> Option<&'static Value> {
    match key {
        ObjectKey::Realm { .. } => REALM.get(field),
        ObjectKey::Client { .. } => CLIENT.get(field),
        ObjectKey::IdentityProvider { .. } => IDENTITY_PROVIDER.get(field),
    }
}
