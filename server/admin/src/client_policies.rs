//! Client profiles and policies: what clients of the realm, and their requests, have to keep to.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use realmkeep_authn::Services;
use realmkeep_oidc::policies::{
    InvalidPolicies, global_profiles, validated_policies, validated_profiles,
};
use realmkeep_representations::{ClientPoliciesRepresentation, ClientProfilesRepresentation};
use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};
use crate::request::{Cx, Given};
use crate::rights::Right;

pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/policies", get(policies).put(set_policies))
        .route("/profiles", get(profiles).put(set_profiles))
}

impl From<InvalidPolicies> for ApiError {
    fn from(error: InvalidPolicies) -> Self {
        Self::bad_request(error.0)
    }
}

/// There are no policies that every realm has; profiles there are.
async fn policies(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(&[Right::VIEW_REALM])?;
    let mut stored = with_list(cx.realm.settings.client_policies.clone(), "policies");
    if cx.flag("include-global-policies") {
        add(&mut stored, "globalPolicies", json!([]));
    }
    Ok(Json(stored))
}

async fn profiles(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(&[Right::VIEW_REALM])?;
    let mut stored = with_list(cx.realm.settings.client_profiles.clone(), "profiles");
    if cx.flag("include-global-profiles") {
        add(&mut stored, "globalProfiles", json!(global_profiles()));
    }
    Ok(Json(stored))
}

fn with_list(stored: Option<Value>, list: &str) -> Value {
    match stored {
        Some(Value::Object(mut fields)) => {
            fields.entry(list).or_insert_with(|| json!([]));
            Value::Object(fields)
        }
        _ => json!({ list: [] }),
    }
}

fn add(stored: &mut Value, list: &str, entries: Value) {
    if let Value::Object(fields) = stored {
        fields.insert(list.to_owned(), entries);
    }
}

async fn set_policies(cx: Cx, given: Given<ClientPoliciesRepresentation>) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    cx.change_settings(
        |settings, _| {
            let profiles = settings.client_profiles.as_ref();
            settings.client_policies = Some(validated_policies(&given.json, profiles)?);
            Ok(())
        },
        |()| None,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_profiles(cx: Cx, given: Given<ClientProfilesRepresentation>) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    let stored = validated_profiles(&given.json)?;
    cx.change_settings(
        |settings, _| {
            settings.client_profiles = Some(stored.clone());
            Ok(())
        },
        |()| None,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
