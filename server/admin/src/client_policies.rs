//! Client profiles and policies: what clients must keep to. They are stored and shown here.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use realmkeep_authn::Services;
use realmkeep_representations::{ClientPoliciesRepresentation, ClientProfilesRepresentation};
use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};
use crate::request::{Cx, Given};
use crate::rights::Right;

/// Profiles, or policies, of a realm at most.
const LIMIT: usize = 500;

pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/policies", get(policies).put(set_policies))
        .route("/profiles", get(profiles).put(set_profiles))
}

async fn policies(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(&[Right::VIEW_REALM])?;
    let mut stored = with_list(cx.realm.settings.client_policies.clone(), "policies");
    if cx.flag("include-global-policies") {
        add(&mut stored, "globalPolicies");
    }
    Ok(Json(stored))
}

async fn profiles(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(&[Right::VIEW_REALM])?;
    let mut stored = with_list(cx.realm.settings.client_profiles.clone(), "profiles");
    if cx.flag("include-global-profiles") {
        // This server brings none along.
        add(&mut stored, "globalProfiles");
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

fn add(stored: &mut Value, list: &str) {
    if let Value::Object(fields) = stored {
        fields.insert(list.to_owned(), json!([]));
    }
}

async fn set_policies(cx: Cx, given: Given<ClientPoliciesRepresentation>) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    let known: BTreeSet<String> = names(cx.realm.settings.client_profiles.as_ref(), "profiles")?;
    let mut stored = given.json;
    remove(&mut stored, "globalPolicies");
    names(Some(&stored), "policies")?;
    let list = stored.get("policies").and_then(Value::as_array);
    for policy in list.into_iter().flatten() {
        let name = policy.get("name").and_then(Value::as_str);
        let profiles = policy.get("profiles").and_then(Value::as_array);
        for profile in profiles.into_iter().flatten().filter_map(Value::as_str) {
            if !known.contains(profile) {
                return Err(ApiError::bad_request(format!(
                    "policy '{}': there is no client profile '{profile}'",
                    name.unwrap_or_default()
                )));
            }
        }
    }
    cx.change_settings(
        |settings, _| {
            settings.client_policies = Some(with_list(Some(stored.clone()), "policies"));
            Ok(())
        },
        |()| None,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_profiles(cx: Cx, given: Given<ClientProfilesRepresentation>) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    let mut stored = given.json;
    remove(&mut stored, "globalProfiles");
    names(Some(&stored), "profiles")?;
    cx.change_settings(
        |settings, _| {
            settings.client_profiles = Some(with_list(Some(stored.clone()), "profiles"));
            Ok(())
        },
        |()| None,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn remove(stored: &mut Value, list: &str) {
    if let Value::Object(fields) = stored {
        fields.remove(list);
    }
}

/// The names in a list, each once.
fn names(stored: Option<&Value>, list: &str) -> ApiResult<BTreeSet<String>> {
    let entries = stored.and_then(|s| s.get(list)).and_then(Value::as_array);
    let mut found = BTreeSet::new();
    for (index, entry) in entries.into_iter().flatten().enumerate() {
        let name = entry
            .get("name")
            .and_then(Value::as_str)
            .filter(|name| !name.is_empty())
            .ok_or_else(|| {
                ApiError::bad_request(format!("{list}[{index}]: the name is missing"))
            })?;
        if !found.insert(name.to_owned()) {
            return Err(ApiError::bad_request(format!(
                "{list}: there are two named '{name}'"
            )));
        }
    }
    if found.len() > LIMIT {
        return Err(ApiError::bad_request(format!(
            "{list}: at most {LIMIT} entries"
        )));
    }
    Ok(found)
}
