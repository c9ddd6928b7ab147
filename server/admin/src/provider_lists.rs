//! Lists of what a realm can be configured with.

use std::sync::Arc;

use axum::routing::{get, post};
use axum::{Json, Router};
use realmkeep_authn::Services;
use realmkeep_authn::flow::registry;
use realmkeep_representations::ComponentRepresentation;
use serde_json::Value;

use crate::client_descriptions;
use crate::error::{ApiError, ApiResult};
use crate::request::Cx;
use crate::rights::Right;
use crate::server_info::{REGISTRATION_POLICY, types_of};

/// Required actions that set up a credential.
const REGISTRATORS: [&str; 4] = [
    "CONFIGURE_TOTP",
    "webauthn-register",
    "webauthn-register-passwordless",
    "CONFIGURE_RECOVERY_AUTHN_CODES",
];

pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/credential-registrators", get(credential_registrators))
        .route(
            "/client-registration-policy/providers",
            get(registration_policies),
        )
        .route(
            "/components/{id}/sub-component-types",
            get(sub_component_types),
        )
        .route(
            "/client-description-converter",
            post(client_descriptions::convert),
        )
}

/// Those that this server has.
async fn credential_registrators(cx: Cx) -> ApiResult<Json<Vec<&'static str>>> {
    cx.require(&[Right::VIEW_REALM, Right::VIEW_USERS])?;
    Ok(Json(
        REGISTRATORS
            .into_iter()
            .filter(|id| registry::required_action(id).is_some())
            .collect(),
    ))
}

async fn registration_policies(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(&[Right::VIEW_REALM, Right::VIEW_CLIENTS])?;
    let mut types = types_of(REGISTRATION_POLICY)?;
    let scopes: Vec<&String> = cx
        .realm
        .client_scopes
        .iter()
        .filter_map(|s| s.name.as_ref())
        .collect();
    let mappers: Vec<String> = realmkeep_oidc::protocol_mapper_types()
        .into_values()
        .flatten()
        .filter_map(|t| t.id)
        .collect();
    for property in types
        .iter_mut()
        .filter_map(|t| t.get_mut("properties")?.as_array_mut())
        .flatten()
    {
        let options = match property.get("name").and_then(Value::as_str) {
            Some("allowed-client-scopes") => serde_json::json!(scopes),
            Some("allowed-protocol-mapper-types") => serde_json::json!(mappers),
            _ => continue,
        };
        if let Value::Object(fields) = property {
            fields.insert("options".to_owned(), options);
        }
    }
    Ok(Json(types))
}

/// What can be below a component: nothing is, until there are user storages with mappers.
async fn sub_component_types(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(&[Right::VIEW_REALM])?;
    cx.store()
        .find::<ComponentRepresentation>(&cx.realm.id, cx.param("id"))
        .await?
        .ok_or_else(|| ApiError::not_found("Could not find component"))?;
    if cx.query("type").is_none() {
        return Err(ApiError::bad_request("must specify a subtype"));
    }
    Ok(Json(Vec::new()))
}
