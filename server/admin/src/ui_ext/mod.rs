//! What the admin console asks for beyond the documented API, in fewer calls than that would take.

mod flows;
mod roles;
mod sessions;
mod users;

use std::sync::Arc;

use axum::routing::{get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use realmkeep_authn::Services;
use realmkeep_events::LISTENERS;
use realmkeep_representations::{RealmRepresentation, UPConfig};
use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};
use crate::request::{Cx, Given};
use crate::rights::Right;
use crate::{profile, realms};

pub fn routes() -> Router<Arc<Services>> {
    let of_roles = |kind: &str, id: &str| {
        Router::new()
            .route(
                &format!("/available-roles/{kind}/{id}"),
                get(roles::available),
            )
            .route(
                &format!("/effective-roles/{kind}/{id}"),
                get(roles::effective_of_clients),
            )
            .route(
                &format!("/effective-roles-all/{kind}/{id}"),
                get(roles::effective),
            )
            .route(
                &format!("/role-mapping-delete/{kind}/{id}"),
                post(roles::remove),
            )
    };
    Router::new()
        .route("/", put(update_realm))
        .route("/info", get(info))
        .route("/realms/names", get(realm_names))
        .route("/available-event-listeners", get(event_listeners))
        .route("/brute-force-user", get(users::list))
        .route("/sessions", get(sessions::of_realm))
        .route("/sessions/client", get(sessions::of_client))
        .route("/authentication-management/flows", get(flows::list))
        .route(
            "/authentication-management/required-actions",
            get(flows::required_actions),
        )
        .route(
            "/authentication-management/{kind}/{flow}",
            get(flows::used_by),
        )
        .route("/role-mappings/roles/{role_id}", get(roles::composites))
        .merge(of_roles("users", "{user}"))
        .merge(of_roles("groups", "{group}"))
        .merge(of_roles("clients", "{client}"))
        .merge(of_roles("clientScopes", "{scope}"))
        .merge(of_roles("roles", "{role_id}"))
}

/// The realm's settings and, beside them, its user profile.
async fn update_realm(cx: Cx, given: Given<Value>) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    let mut json = given.json;
    let mut user_profile = None;
    if let Value::Object(fields) = &mut json {
        user_profile = fields.remove("upConfig").filter(|p| !p.is_null());
        // The console sends the realm's name here.
        fields.remove("id");
    }
    let value: RealmRepresentation = realmkeep_representations::strict::refuse_unknown(&json)?;
    let realm = Given { value, json };
    if let Some(user_profile) = user_profile {
        let value: UPConfig = realmkeep_representations::strict::refuse_unknown(&user_profile)?;
        let config = Given {
            value,
            json: user_profile,
        };
        profile::check_config(&config.value)?;
        realms::change(&cx, realm).await?;
        profile::store(&cx, &config.value).await?;
    } else {
        realms::change(&cx, realm).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn info(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(&[Right::VIEW_REALM, Right::VIEW_USERS, Right::QUERY_USERS])?;
    Ok(Json(json!({"userProfileProvidersEnabled": false})))
}

async fn event_listeners(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(&[Right::VIEW_EVENTS])?;
    Ok(Json(
        LISTENERS
            .iter()
            .filter(|l| !l.global)
            .map(|l| json!({ "id": l.id }))
            .collect(),
    ))
}

/// The realms that the actor may do anything in, by name.
async fn realm_names(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    let search = cx.query("search").map(str::to_lowercase);
    let page = cx.page_or(100)?;
    let mut found = Vec::new();
    for name in cx.store().realm_names().await? {
        if search
            .as_ref()
            .is_some_and(|s| !name.to_lowercase().contains(s))
        {
            continue;
        }
        let Some(realm) = cx.store().realm(&name).await? else {
            continue;
        };
        if cx.actor.rights_in(&cx.services, &realm).await?.is_empty() {
            continue;
        }
        found.push(json!({"name": name, "displayName": realm.settings.display_name}));
    }
    Ok(Json(
        found
            .into_iter()
            .skip(usize::try_from(page.first).unwrap_or(0))
            .take(usize::try_from(page.max).unwrap_or(usize::MAX))
            .collect(),
    ))
}

/// The part of a list that `first` and `max` name.
fn paged<T>(cx: &Cx, list: Vec<T>) -> ApiResult<Vec<T>> {
    let page = cx.page_or(100)?;
    Ok(list
        .into_iter()
        .skip(usize::try_from(page.first).unwrap_or(0))
        .take(usize::try_from(page.max).unwrap_or(usize::MAX))
        .collect())
}

fn not_found() -> ApiError {
    ApiError::not_found("HTTP 404 Not Found")
}
