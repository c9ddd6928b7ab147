//! What this server is and what it has, for clients that ask before they offer a choice.

use std::sync::Arc;

use axum::extract::State;
use axum::{Json, Router, routing::get};
use realmkeep_authn::Services;
use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};
use crate::identity_providers;
use crate::realms::Caller;

/// The Keycloak version whose Admin API and representations this server speaks. Tools compare it to
/// decide which fields they may send.
pub const COMPATIBLE_VERSION: &str = "26.7.3";

pub fn routes() -> Router<Arc<Services>> {
    Router::new().route("/serverinfo", get(read))
}

async fn read(State(services): State<Arc<Services>>, caller: Caller) -> ApiResult<Json<Value>> {
    // Any administrator of any realm.
    let mut any = caller.actor.can_create_realms();
    if !any {
        for name in services.store.realm_names().await? {
            if let Some(realm) = services.store.realm(&name).await? {
                any = !caller.actor.rights_in(&services, &realm).await?.is_empty();
            }
            if any {
                break;
            }
        }
    }
    if !any {
        return Err(ApiError::forbidden());
    }
    let providers = |ids: &[&str]| -> Value {
        let all: serde_json::Map<String, Value> = ids
            .iter()
            .map(|id| ((*id).to_owned(), json!({"order": 0})))
            .collect();
        json!({"internal": false, "providers": all})
    };
    Ok(Json(json!({
        "systemInfo": {
            "version": COMPATIBLE_VERSION,
            "osName": std::env::consts::OS,
            "osArchitecture": std::env::consts::ARCH,
        },
        "profileInfo": {
            "name": "realmkeep",
            "disabledFeatures": [],
            "previewFeatures": [],
            "experimentalFeatures": [],
        },
        "cpuInfo": {
            "processorCount": std::thread::available_parallelism().map_or(1, usize::from),
        },
        "cryptoInfo": {
            "cryptoProvider": "aws-lc-rs",
            "supportedKeystoreTypes": [],
            "clientSignatureSymmetricAlgorithms": [],
            "clientSignatureAsymmetricAlgorithms": [
                "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
            ],
        },
        "features": [],
        "themes": {},
        "socialProviders": [],
        "identityProviders": identity_providers::listed(),
        "componentTypes": {},
        "clientInstallations": {},
        "builtinProtocolMappers": {},
        "passwordPolicies": [],
        "enums": {},
        "providers": {
            "client-authenticator": providers(&["client-secret", "client-jwt", "federated-jwt"]),
            "identity_provider": providers(&["kubernetes", "oidc"]),
            "keys": providers(&["rsa-generated", "ecdsa-generated", "eddsa-generated", "hmac-generated"]),
            "login-protocol": providers(&["openid-connect"]),
            "password-hashing": providers(&["argon2", "pbkdf2-sha256", "pbkdf2-sha512"]),
        },
    })))
}
