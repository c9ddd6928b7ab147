//! Flows as a whole.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use realmkeep_representations::{
    AuthenticationFlowRepresentation, ClientRepresentation, RealmRepresentation,
};

use super::stored::{self, MAX_FLOWS, numbered, position_of_alias, position_of_id, without_ids};
use crate::error::{ApiError, ApiResult};
use crate::request::{Cx, Given, new_id};
use crate::rights::Right;

/// Flow types that a flow can have.
/// `generic` is what older tools call a basic flow.
const FLOW_TYPES: [&str; 4] = ["basic-flow", "form-flow", "client-flow", "generic"];

pub async fn list(cx: Cx) -> ApiResult<Json<Vec<AuthenticationFlowRepresentation>>> {
    cx.require(&[Right::VIEW_REALM])?;
    // The flow of the SAML ECP profile is not for choosing.
    let top = numbered(&cx.realm.settings)
        .into_iter()
        .filter(|f| f.top_level == Some(true) && f.alias.as_deref() != Some("saml ecp"));
    Ok(Json(top.map(without_ids).collect()))
}

pub async fn read(cx: Cx) -> ApiResult<Json<AuthenticationFlowRepresentation>> {
    cx.require(&[Right::VIEW_REALM])?;
    let id = cx.param("flow");
    let found = numbered(&cx.realm.settings)
        .into_iter()
        .find(|f| f.id.as_deref() == Some(id));
    found
        .map(without_ids)
        .map(Json)
        .ok_or_else(|| ApiError::not_found("Could not find flow with id"))
}

/// # Errors
/// 409 for an empty name or one that is taken, 400 for one with characters that have a meaning in
/// addresses.
pub fn check_alias(flows: &[AuthenticationFlowRepresentation], alias: &str) -> ApiResult<()> {
    if alias.is_empty() {
        return Err(ApiError::conflict(
            "Failed to create flow with empty alias name",
        ));
    }
    stored::check_characters(alias)?;
    if stored::aliased(flows, alias).is_some() {
        return Err(ApiError::conflict(format!("Flow {alias} already exists")));
    }
    if flows.len() >= MAX_FLOWS {
        return Err(ApiError::bad_request(format!(
            "a realm has at most {MAX_FLOWS} flows"
        )));
    }
    Ok(())
}

pub async fn create(cx: Cx, given: Given<AuthenticationFlowRepresentation>) -> ApiResult<Response> {
    cx.require(&[Right::MANAGE_REALM])?;
    let given = given.value;
    if given
        .authentication_executions
        .as_ref()
        .is_some_and(|list| !list.is_empty())
    {
        return Err(ApiError::bad_request(
            "authenticationExecutions: add executions to the flow once it exists",
        ));
    }
    let provider = given
        .provider_id
        .clone()
        .unwrap_or_else(|| "basic-flow".to_owned());
    if !FLOW_TYPES.contains(&provider.as_str()) {
        return Err(ApiError::bad_request(format!(
            "providerId: one of {} was expected",
            FLOW_TYPES.join(", ")
        )));
    }
    let flow = AuthenticationFlowRepresentation {
        id: Some(new_id()),
        alias: given.alias.clone(),
        description: Some(given.description.clone().unwrap_or_default()),
        provider_id: Some(provider),
        top_level: Some(given.top_level.unwrap_or(false)),
        built_in: Some(false),
        authentication_executions: Some(Vec::new()),
    };
    let id = flow.id.clone().unwrap_or_default();
    cx.change_settings(
        |settings, _| {
            let mut flows = numbered(settings);
            check_alias(&flows, flow.alias.as_deref().unwrap_or_default())?;
            flows.push(flow.clone());
            settings.authentication_flows = Some(flows);
            Ok(())
        },
        |()| Some(id.clone()),
    )
    .await?;
    Ok(cx.created(&id))
}

pub async fn update(
    cx: Cx,
    given: Given<AuthenticationFlowRepresentation>,
) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    let given = given.value;
    cx.change_settings(
        |settings, _| {
            let mut flows = numbered(settings);
            let index = position_of_id(&flows, cx.param("flow"))
                .ok_or_else(|| ApiError::not_found("Illegal execution flow"))?;
            let old = flows
                .get(index)
                .and_then(|f| f.alias.clone())
                .unwrap_or_default();
            if let Some(new) = given.alias.as_ref().filter(|a| **a != old) {
                check_alias(&flows, new)?;
                stored::rename(settings, &mut flows, &old, new);
                if let Some(flow) = flows.get_mut(index) {
                    flow.alias = Some(new.clone());
                }
            }
            if let Some(flow) = flows.get_mut(index) {
                flow.description = given
                    .description
                    .clone()
                    .or_else(|| flow.description.clone());
                flow.top_level = given.top_level.or(flow.top_level);
                flow.provider_id = given
                    .provider_id
                    .clone()
                    .or_else(|| flow.provider_id.clone());
            }
            settings.authentication_flows = Some(flows);
            Ok(())
        },
        |()| None,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn delete(cx: Cx) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    let id = cx.param("flow");
    let clients = cx
        .store()
        .list::<ClientRepresentation>(&cx.realm.id)
        .await?;
    let used_by_client = clients.iter().any(|client| {
        let overrides = client
            .authentication_flow_binding_overrides
            .iter()
            .flatten();
        overrides.into_iter().any(|(_, flow)| flow == id)
    });
    let providers = &cx.realm.identity_providers;
    cx.change_settings(
        |settings, _| {
            let mut flows = numbered(settings);
            let index = position_of_id(&flows, id)
                .ok_or_else(|| ApiError::not_found("Could not find flow with id"))?;
            let flow = flows.get(index).cloned().unwrap_or_default();
            if flow.built_in == Some(true) {
                return Err(ApiError::error(
                    StatusCode::BAD_REQUEST,
                    "Can't delete built in flow",
                ));
            }
            let bound = is_bound(settings, &flow);
            let of_providers = providers.iter().any(|p| {
                p.first_broker_login_flow_alias == flow.alias
                    || p.post_broker_login_flow_alias == flow.alias
            });
            let inside_another = flows
                .iter()
                .flat_map(stored::executions)
                .any(|e| e.flow_alias.is_some() && e.flow_alias == flow.alias);
            if bound || used_by_client || of_providers || inside_another {
                return Err(ApiError::bad_request(
                    "Cannot remove authentication flow, it is currently in use",
                ));
            }
            stored::remove_flow(settings, &mut flows, index);
            settings.authentication_flows = Some(flows);
            Ok(())
        },
        |()| None,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn is_bound(settings: &RealmRepresentation, flow: &AuthenticationFlowRepresentation) -> bool {
    stored::bindings(settings)
        .iter()
        .any(|(_, bound)| bound.is_some() && *bound == flow.alias.as_ref())
}

pub async fn copy(cx: Cx, given: Given<BTreeMap<String, String>>) -> ApiResult<Response> {
    cx.require(&[Right::MANAGE_REALM])?;
    let name = given.value.get("newName").cloned().unwrap_or_default();
    let id = cx
        .change_settings(
            |settings, _| {
                let mut flows = numbered(settings);
                if name.is_empty() || stored::aliased(&flows, &name).is_some() {
                    return Err(ApiError::conflict("New flow alias name already exists"));
                }
                check_alias(&flows, &name)?;
                let source = position_of_alias(&flows, cx.param("flow"))
                    .ok_or_else(|| ApiError::not_found("Flow not found"))?;
                let source = flows.get(source).cloned().unwrap_or_default();
                let id = copy_into(settings, &mut flows, &source, &name, &name, 0)?;
                settings.authentication_flows = Some(flows);
                Ok(id)
            },
            |id| Some(id.clone()),
        )
        .await?;
    let location = format!(
        "{}/admin/realms/{}/authentication/flows/{id}",
        cx.services.base_url.as_str(),
        cx.realm.name
    );
    Ok((StatusCode::CREATED, [(header::LOCATION, location)]).into_response())
}

/// Copies the flow under the name `alias`; flows inside and configurations get `prefix` before theirs.
fn copy_into(
    settings: &mut RealmRepresentation,
    flows: &mut Vec<AuthenticationFlowRepresentation>,
    source: &AuthenticationFlowRepresentation,
    alias: &str,
    prefix: &str,
    depth: usize,
) -> ApiResult<String> {
    if depth > 16 {
        return Err(ApiError::bad_request("the flow is nested too deep"));
    }
    let id = new_id();
    let mut copied = AuthenticationFlowRepresentation {
        id: Some(id.clone()),
        alias: Some(alias.to_owned()),
        built_in: Some(false),
        ..source.clone()
    };
    for execution in copied.authentication_executions.iter_mut().flatten() {
        execution.id = Some(new_id());
        if let Some(config) = execution
            .authenticator_config
            .as_deref()
            .and_then(|alias| stored::config_aliased(settings, alias).cloned())
        {
            let alias = format!("{prefix} {}", config.alias.as_deref().unwrap_or_default());
            let configs = settings.authenticator_config.get_or_insert_default();
            configs.push(
                realmkeep_representations::AuthenticatorConfigRepresentation {
                    id: Some(new_id()),
                    alias: Some(alias.clone()),
                    config: config.config,
                },
            );
            execution.authenticator_config = Some(alias);
        }
        let Some(inside) = execution.flow_alias.clone() else {
            continue;
        };
        let Some(inside) = stored::aliased(flows, &inside).cloned() else {
            continue;
        };
        let alias = format!("{prefix} {}", inside.alias.as_deref().unwrap_or_default());
        check_alias(flows, &alias)?;
        copy_into(settings, flows, &inside, &alias, prefix, depth + 1)?;
        execution.flow_alias = Some(alias);
    }
    flows.push(copied);
    Ok(id)
}
