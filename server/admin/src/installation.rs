//! Ready-made configuration files for applications.

use axum::response::{IntoResponse, Response};
use http::header;
use realmkeep_representations::ClientRepresentation;
use serde_json::{Map, Value, json};

use crate::clients;
use crate::error::{ApiError, ApiResult};
use crate::request::Cx;
use crate::rights::Right;

/// The formats, as `serverinfo` lists them.
pub fn listed() -> Vec<Value> {
    vec![json!({
        "id": "keycloak-oidc-keycloak-json",
        "protocol": "openid-connect",
        "downloadOnly": false,
        "displayType": "Keycloak OIDC JSON",
        "helpText": "",
        "filename": "keycloak.json",
        "mediaType": "application/json",
    })]
}

pub async fn file(cx: Cx) -> ApiResult<Response> {
    cx.require(clients::VIEW)?;
    let client = clients::here(&cx).await?;
    let provider = cx.param("provider");
    if provider != "keycloak-oidc-keycloak-json" {
        return Err(ApiError::not_found("Unknown Provider"));
    }
    let with_secret = cx.rights.has(Right::MANAGE_CLIENTS)
        && clients::require_manageable(&cx, &client).await.is_ok();
    let json = keycloak_json(&cx, &client, with_secret);
    let text = serde_json::to_string_pretty(&json).map_err(ApiError::internal)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

fn keycloak_json(cx: &Cx, client: &ClientRepresentation, with_secret: bool) -> Value {
    let mut json = Map::new();
    json.insert("realm".to_owned(), json!(cx.realm.name));
    json.insert(
        "auth-server-url".to_owned(),
        json!(format!("{}/", cx.services.base_url.as_str())),
    );
    let ssl = cx.realm.settings.ssl_required.as_deref();
    json.insert("ssl-required".to_owned(), json!(ssl.unwrap_or("external")));
    json.insert("resource".to_owned(), json!(client.client_id));
    if client.public_client == Some(true) {
        json.insert("public-client".to_owned(), json!(true));
    } else if client.bearer_only == Some(true) {
        json.insert("bearer-only".to_owned(), json!(true));
    } else if let Some(secret) = client.secret.as_ref().filter(|_| with_secret) {
        json.insert("credentials".to_owned(), json!({"secret": secret.expose()}));
    }
    json.insert("confidential-port".to_owned(), json!(0));
    Value::Object(json)
}
