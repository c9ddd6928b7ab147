//! Configurations of executions.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use realmkeep_representations::{AuthenticatorConfigRepresentation, RealmRepresentation};

use super::stored::{self, numbered, place_of};
use crate::error::{ApiError, ApiResult};
use crate::request::{Cx, Given, new_id};
use crate::rights::Right;

fn not_found() -> ApiError {
    ApiError::not_found("Could not find authenticator config")
}

/// The alias, checked: it names the configuration inside the realm.
fn alias(
    settings: &RealmRepresentation,
    given: &AuthenticatorConfigRepresentation,
    own_id: Option<&str>,
) -> ApiResult<String> {
    let alias = given.alias.clone().unwrap_or_default();
    if alias.is_empty() {
        return Err(ApiError::bad_request("Alias missing"));
    }
    stored::check_characters(&alias)?;
    if let Some(other) = stored::config_aliased(settings, &alias)
        && other.id.as_deref() != own_id
    {
        return Err(ApiError::conflict(format!(
            "Authentication config {alias} already exists"
        )));
    }
    Ok(alias)
}

pub async fn create(
    cx: Cx,
    given: Given<AuthenticatorConfigRepresentation>,
) -> ApiResult<Response> {
    cx.require(&[Right::MANAGE_REALM])?;
    let given = given.value;
    let id = new_id();
    cx.change_settings(
        |settings, _| {
            let mut flows = numbered(settings);
            let place = place_of(&flows, cx.param("execution"))
                .ok_or_else(|| ApiError::not_found("Illegal execution"))?;
            // The one that it has goes, and with it its name.
            let present = flows
                .get(place.flow)
                .and_then(|f| f.authentication_executions.as_ref()?.get(place.execution))
                .and_then(|e| e.authenticator_config.as_deref())
                .and_then(|alias| stored::config_aliased(settings, alias))
                .and_then(|config| config.id.clone());
            let alias = alias(settings, &given, present.as_deref())?;
            let Some(execution) = flows.get_mut(place.flow).and_then(|f| {
                f.authentication_executions
                    .as_mut()?
                    .get_mut(place.execution)
            }) else {
                return Err(ApiError::not_found("Illegal execution"));
            };
            let configs = settings.authenticator_config.get_or_insert_default();
            if let Some(old) = execution.authenticator_config.replace(alias.clone()) {
                configs.retain(|c| c.alias.as_ref() != Some(&old));
            }
            configs.push(AuthenticatorConfigRepresentation {
                id: Some(id.clone()),
                alias: Some(alias),
                config: Some(given.config.clone().unwrap_or_default()),
            });
            settings.authentication_flows = Some(flows);
            Ok(())
        },
        |()| Some(id.clone()),
    )
    .await?;
    Ok(created(&cx, &id))
}

fn created(cx: &Cx, id: &str) -> Response {
    let location = format!(
        "{}/admin/realms/{}/authentication/config/{id}",
        cx.services.base_url.as_str(),
        cx.realm.name
    );
    (StatusCode::CREATED, [(header::LOCATION, location)]).into_response()
}

/// A configuration that no execution has yet.
pub async fn create_unbound(
    cx: Cx,
    given: Given<AuthenticatorConfigRepresentation>,
) -> ApiResult<Response> {
    cx.require(&[Right::MANAGE_REALM])?;
    let given = given.value;
    let id = new_id();
    cx.change_settings(
        |settings, _| {
            let alias = alias(settings, &given, None)?;
            settings.authenticator_config.get_or_insert_default().push(
                AuthenticatorConfigRepresentation {
                    id: Some(id.clone()),
                    alias: Some(alias),
                    config: Some(given.config.clone().unwrap_or_default()),
                },
            );
            Ok(())
        },
        |()| Some(id.clone()),
    )
    .await?;
    Ok(created(&cx, &id))
}

pub async fn read(cx: Cx) -> ApiResult<Json<AuthenticatorConfigRepresentation>> {
    cx.require(&[Right::VIEW_REALM])?;
    let configs = cx.realm.settings.authenticator_config.iter().flatten();
    configs
        .into_iter()
        .find(|c| c.id.as_deref() == Some(cx.param("id")))
        .cloned()
        .map(Json)
        .ok_or_else(not_found)
}

pub async fn update(
    cx: Cx,
    given: Given<AuthenticatorConfigRepresentation>,
) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    let given = given.value;
    cx.change_settings(
        |settings, _| {
            let id = cx.param("id");
            let old = settings
                .authenticator_config
                .iter()
                .flatten()
                .find(|c| c.id.as_deref() == Some(id))
                .cloned()
                .ok_or_else(not_found)?;
            let new = match &given.alias {
                Some(_) => alias(settings, &given, Some(id))?,
                None => old.alias.clone().unwrap_or_default(),
            };
            let mut flows = numbered(settings);
            for execution in flows
                .iter_mut()
                .flat_map(|f| f.authentication_executions.iter_mut().flatten())
            {
                if execution.authenticator_config.is_some()
                    && execution.authenticator_config == old.alias
                {
                    execution.authenticator_config = Some(new.clone());
                }
            }
            settings.authentication_flows = Some(flows);
            for config in settings.authenticator_config.iter_mut().flatten() {
                if config.id.as_deref() == Some(id) {
                    config.alias = Some(new.clone());
                    if let Some(values) = &given.config {
                        let mut values = values.clone();
                        values.retain(|_, value| !value.is_empty());
                        config.config = Some(values);
                    }
                }
            }
            Ok(())
        },
        |()| None,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn delete(cx: Cx) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    cx.change_settings(
        |settings, _| {
            let id = cx.param("id");
            let configs = settings.authenticator_config.get_or_insert_default();
            let index = configs
                .iter()
                .position(|c| c.id.as_deref() == Some(id))
                .ok_or_else(not_found)?;
            let removed = configs.remove(index);
            let mut flows = numbered(settings);
            for execution in flows
                .iter_mut()
                .flat_map(|f| f.authentication_executions.iter_mut().flatten())
            {
                if execution.authenticator_config == removed.alias {
                    execution.authenticator_config = None;
                }
            }
            settings.authentication_flows = Some(flows);
            Ok(())
        },
        |()| None,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
