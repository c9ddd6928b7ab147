//! Required actions: which there are, in which order, and what they are set to.

use std::collections::BTreeMap;

use axum::Json;
use http::StatusCode;
use realmkeep_model::fresh;
use realmkeep_representations::{
    RealmRepresentation, RequiredActionConfigRepresentation, RequiredActionProviderRepresentation,
};
use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};
use crate::merge::merged;
use crate::request::{Cx, Given};
use crate::rights::Right;

/// Actions whose proof of identity may be at most so old, by a setting of the action.
const WITH_MAX_AGE: [&str; 8] = [
    "CONFIGURE_RECOVERY_AUTHN_CODES",
    "CONFIGURE_TOTP",
    "UPDATE_EMAIL",
    "UPDATE_PASSWORD",
    "delete_account",
    "delete_credential",
    "webauthn-register",
    "webauthn-register-passwordless",
];
const MAX_AGE: &str = "max_auth_age";

/// The providers of required actions, by id.
pub fn known() -> BTreeMap<String, String> {
    fresh::required_actions()
        .into_iter()
        .filter_map(|a| Some((a.provider_id?, a.name?)))
        .collect()
}

/// Whether the action has settings.
pub fn configurable(provider: &str) -> bool {
    WITH_MAX_AGE.contains(&provider)
}

/// The realm's actions, in order.
pub fn sorted(settings: &RealmRepresentation) -> Vec<RequiredActionProviderRepresentation> {
    let mut actions = settings.required_actions.clone().unwrap_or_default();
    actions.sort_by_key(|a| a.priority);
    actions
}

fn not_found() -> ApiError {
    ApiError::not_found("Failed to find required action")
}

pub async fn list(cx: Cx) -> ApiResult<Json<Vec<RequiredActionProviderRepresentation>>> {
    cx.require(&[Right::VIEW_REALM, Right::VIEW_USERS])?;
    Ok(Json(sorted(&cx.realm.settings)))
}

pub async fn read(cx: Cx) -> ApiResult<Json<RequiredActionProviderRepresentation>> {
    cx.require(&[Right::VIEW_REALM])?;
    here(&cx).map(Json)
}

fn here(cx: &Cx) -> ApiResult<RequiredActionProviderRepresentation> {
    sorted(&cx.realm.settings)
        .into_iter()
        .find(|a| a.alias.as_deref() == Some(cx.param("alias")))
        .ok_or_else(not_found)
}

/// Changes the action in the request's path.
async fn change(
    cx: &Cx,
    how: impl Fn(&mut RequiredActionProviderRepresentation) -> ApiResult<()>,
) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    cx.change_settings(
        |settings, _| {
            let action = settings
                .required_actions
                .iter_mut()
                .flatten()
                .find(|a| a.alias.as_deref() == Some(cx.param("alias")))
                .ok_or_else(not_found)?;
            how(action)
        },
        |()| None,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn update(
    cx: Cx,
    given: Given<RequiredActionProviderRepresentation>,
) -> ApiResult<StatusCode> {
    if let Some(config) = &given.value.config {
        check_config(cx.param("alias"), config)?;
    }
    change(&cx, |action| {
        let mut new = merged(action, &given.json, &[])?;
        new.alias.clone_from(&action.alias);
        new.provider_id.clone_from(&action.provider_id);
        *action = new;
        Ok(())
    })
    .await
}

pub async fn delete(cx: Cx) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    cx.change_settings(
        |settings, _| {
            let actions = settings.required_actions.get_or_insert_default();
            let before = actions.len();
            actions.retain(|a| a.alias.as_deref() != Some(cx.param("alias")));
            if actions.len() == before {
                return Err(not_found());
            }
            Ok(())
        },
        |()| None,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn config(cx: Cx) -> ApiResult<Json<RequiredActionConfigRepresentation>> {
    cx.require(&[Right::VIEW_REALM])?;
    Ok(Json(RequiredActionConfigRepresentation {
        config: Some(here(&cx)?.config.unwrap_or_default()),
    }))
}

pub async fn set_config(
    cx: Cx,
    given: Given<RequiredActionConfigRepresentation>,
) -> ApiResult<StatusCode> {
    let config = given.value.config.unwrap_or_default();
    check_config(cx.param("alias"), &config)?;
    change(&cx, |action| {
        action.config = Some(config.clone());
        Ok(())
    })
    .await
}

pub async fn clear_config(cx: Cx) -> ApiResult<StatusCode> {
    change(&cx, |action| {
        action.config = Some(BTreeMap::new());
        Ok(())
    })
    .await
}

fn check_config(alias: &str, config: &BTreeMap<String, String>) -> ApiResult<()> {
    let Some(age) = config.get(MAX_AGE).filter(|age| !age.is_empty()) else {
        return Ok(());
    };
    if age.parse::<u32>().is_err() {
        return Err(ApiError::bad_request(format!(
            "config.{MAX_AGE}: a number of seconds was expected for {alias}"
        )));
    }
    Ok(())
}

pub async fn config_description(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(&[Right::VIEW_REALM])?;
    let action = here(&cx)?;
    let provider = action.provider_id.unwrap_or_default();
    let properties = if configurable(&provider) {
        json!([{
            "name": MAX_AGE, "label": "Maximum Age of Authentication", "helpText": "",
            "type": "String", "defaultValue": 300, "secret": false, "required": false, "readOnly": false,
        }])
    } else {
        json!([])
    };
    Ok(Json(json!({ "properties": properties })))
}

pub async fn raise(cx: Cx) -> ApiResult<StatusCode> {
    swap(cx, true).await
}

pub async fn lower(cx: Cx) -> ApiResult<StatusCode> {
    swap(cx, false).await
}

/// Changes places with the action before it, or the one after it.
async fn swap(cx: Cx, up: bool) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    cx.change_settings(
        |settings, _| {
            let mut actions = sorted(settings);
            let index = actions
                .iter()
                .position(|a| a.alias.as_deref() == Some(cx.param("alias")))
                .ok_or_else(not_found)?;
            let other = if up {
                index.checked_sub(1)
            } else {
                Some(index + 1).filter(|next| *next < actions.len())
            };
            if let Some(other) = other {
                let mut priorities: Vec<i32> =
                    actions.iter().map(|a| a.priority.unwrap_or(0)).collect();
                priorities.sort_unstable();
                actions.swap(index, other);
                let mut last = i32::MIN;
                for (action, priority) in actions.iter_mut().zip(priorities) {
                    last = priority.max(last.saturating_add(1));
                    action.priority = Some(last);
                }
            }
            settings.required_actions = Some(actions);
            Ok(())
        },
        |()| None,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn unregistered(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(&[Right::VIEW_REALM])?;
    let there = sorted(&cx.realm.settings);
    Ok(Json(
        known()
            .into_iter()
            .filter(|(id, _)| !there.iter().any(|a| a.provider_id.as_ref() == Some(id)))
            .map(|(id, name)| json!({"name": name, "providerId": id}))
            .collect(),
    ))
}

pub async fn register(cx: Cx, given: Given<BTreeMap<String, String>>) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    let provider = given.value.get("providerId").cloned().unwrap_or_default();
    let name = known().get(&provider).cloned().ok_or_else(|| {
        ApiError::bad_request(format!(
            "providerId: there is no required action '{provider}'"
        ))
    })?;
    let name = given.value.get("name").cloned().unwrap_or(name);
    cx.change_settings(
        |settings, _| {
            let mut actions = sorted(settings);
            if actions
                .iter()
                .any(|a| a.provider_id.as_ref() == Some(&provider))
            {
                return Err(ApiError::conflict(format!(
                    "the required action '{provider}' is registered already"
                )));
            }
            let last = actions.iter().filter_map(|a| a.priority).max();
            actions.push(RequiredActionProviderRepresentation {
                alias: Some(provider.clone()),
                name: Some(name.clone()),
                provider_id: Some(provider.clone()),
                enabled: Some(true),
                default_action: Some(false),
                priority: Some(last.map_or(0, |p| p.saturating_add(1))),
                config: Some(BTreeMap::new()),
            });
            settings.required_actions = Some(actions);
            Ok(())
        },
        |()| Some(provider.clone()),
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
