//! Executions: the steps of a flow, and the flows inside it.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use realmkeep_representations::{
    AuthenticationExecutionExportRepresentation as Execution,
    AuthenticationExecutionInfoRepresentation, AuthenticationExecutionRepresentation,
    AuthenticationFlowRepresentation,
};
use serde_json::Value;

use super::flows::check_alias;
use super::providers::{self, Provider};
use super::stored::{self, MAX_EXECUTIONS, numbered, place_of, position_of_alias, require_own};
use crate::error::{ApiError, ApiResult};
use crate::request::{Cx, Given, new_id};
use crate::rights::Right;

const REQUIREMENTS: [&str; 4] = ["REQUIRED", "ALTERNATIVE", "DISABLED", "CONDITIONAL"];

pub async fn list(cx: Cx) -> ApiResult<Json<Vec<AuthenticationExecutionInfoRepresentation>>> {
    cx.require(&[Right::VIEW_REALM])?;
    let flows = numbered(&cx.realm.settings);
    let flow = stored::aliased(&flows, cx.param("flow"))
        .ok_or_else(|| ApiError::not_found("Flow not found"))?;
    let mut rows = Vec::new();
    add_rows(&cx, &flows, flow, 0, &mut rows)?;
    Ok(Json(rows))
}

fn add_rows(
    cx: &Cx,
    flows: &[AuthenticationFlowRepresentation],
    flow: &AuthenticationFlowRepresentation,
    level: i32,
    rows: &mut Vec<AuthenticationExecutionInfoRepresentation>,
) -> ApiResult<()> {
    // A flow cannot contain itself; the bound is for what was imported.
    if level > 16 {
        return Ok(());
    }
    for (index, execution) in stored::executions(flow).iter().enumerate() {
        let below = execution
            .flow_alias
            .as_deref()
            .and_then(|alias| stored::aliased(flows, alias));
        let shown = execution
            .authenticator
            .as_deref()
            .map(providers::find)
            .transpose()?
            .flatten();
        let config = execution
            .authenticator_config
            .as_deref()
            .and_then(|alias| stored::config_aliased(&cx.realm.settings, alias));
        rows.push(AuthenticationExecutionInfoRepresentation {
            id: execution.id.clone(),
            requirement: execution.requirement.clone(),
            display_name: below
                .and_then(|f| f.alias.clone())
                .or_else(|| shown.map(|s| s.display_name.clone()))
                .or_else(|| execution.authenticator.clone()),
            description: below.map(|f| f.description.clone().unwrap_or_default()),
            requirement_choices: Some(choices(execution, shown)),
            configurable: Some(shown.is_some_and(|s| s.configurable)),
            authentication_flow: below.map(|_| true),
            provider_id: execution.authenticator.clone(),
            authentication_config: config.and_then(|c| c.id.clone()),
            alias: execution.authenticator_config.clone(),
            flow_id: below.and_then(|f| f.id.clone()),
            level: Some(level),
            index: Some(i32::try_from(index).unwrap_or(i32::MAX)),
            priority: execution.priority,
        });
        if let Some(below) = below {
            add_rows(cx, flows, below, level + 1, rows)?;
        }
    }
    Ok(())
}

/// What the execution's requirement may be.
fn choices(execution: &Execution, provider: Option<&Provider>) -> Vec<String> {
    let names: &[&str] = match (&execution.flow_alias, &execution.authenticator) {
        (Some(_), None) => &REQUIREMENTS,
        _ => &["REQUIRED", "DISABLED"],
    };
    provider.map_or_else(
        || names.iter().map(|&n| n.to_owned()).collect(),
        |p| p.requirement_choices.clone(),
    )
}

/// What its requirement may be set to: forms that consoles offer as REQUIRED only are alternatives in
/// flows that people have.
fn accepted(execution: &Execution, provider: Option<&Provider>) -> Vec<String> {
    let mut accepted = choices(execution, provider);
    let id = execution.authenticator.as_deref();
    if id.is_some_and(|id| !id.starts_with("conditional-")) {
        for name in ["ALTERNATIVE", "DISABLED"] {
            if !accepted.iter().any(|known| known == name) {
                accepted.push(name.to_owned());
            }
        }
    }
    accepted
}

/// Changes the requirement and priority of an execution, or the name of a flow inside the flow.
pub async fn update(
    cx: Cx,
    given: Given<AuthenticationExecutionInfoRepresentation>,
) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    let given = given.value;
    let id = given.id.clone().unwrap_or_default();
    cx.change_settings(
        |settings, _| {
            let mut flows = numbered(settings);
            position_of_alias(&flows, cx.param("flow"))
                .ok_or_else(|| ApiError::not_found("Flow not found"))?;
            let place =
                place_of(&flows, &id).ok_or_else(|| ApiError::not_found("Illegal execution"))?;
            let mut renamed = None;
            if let Some(execution) = flows.get_mut(place.flow).and_then(|f| {
                f.authentication_executions
                    .as_mut()?
                    .get_mut(place.execution)
            }) {
                if let Some(requirement) = &given.requirement {
                    let provider = execution
                        .authenticator
                        .as_deref()
                        .map(providers::find)
                        .transpose()?
                        .flatten();
                    let accepted = accepted(execution, provider);
                    if !accepted.contains(requirement) {
                        return Err(ApiError::bad_request(format!(
                            "requirement: one of {} was expected",
                            accepted.join(", ")
                        )));
                    }
                    execution.requirement = Some(requirement.clone());
                }
                execution.priority = given.priority.or(execution.priority);
                renamed.clone_from(&execution.flow_alias);
            }
            if let Some(index) = renamed.and_then(|alias| position_of_alias(&flows, &alias)) {
                update_flow_inside(settings, &mut flows, index, &given)?;
            }
            settings.authentication_flows = Some(flows);
            Ok(())
        },
        |()| None,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn update_flow_inside(
    settings: &mut realmkeep_representations::RealmRepresentation,
    flows: &mut [AuthenticationFlowRepresentation],
    index: usize,
    given: &AuthenticationExecutionInfoRepresentation,
) -> ApiResult<()> {
    let flow = flows.get(index).cloned().unwrap_or_default();
    let old = flow.alias.clone().unwrap_or_default();
    if let Some(new) = given
        .display_name
        .as_ref()
        .filter(|name| !name.is_empty() && **name != old)
    {
        require_own(&flow, "modify")?;
        check_alias(flows, new)?;
        stored::rename(settings, flows, &old, new);
        if let Some(flow) = flows.get_mut(index) {
            flow.alias = Some(new.clone());
        }
    }
    if let (Some(flow), Some(description)) = (flows.get_mut(index), &given.description) {
        flow.description = Some(description.clone());
    }
    Ok(())
}

fn text(body: &Value, key: &str) -> Option<String> {
    body.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn priority(body: &Value) -> ApiResult<Option<i32>> {
    match body.get("priority") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => text.parse().ok().map(Some).ok_or_else(bad_priority),
        Some(number) => number
            .as_i64()
            .and_then(|n| i32::try_from(n).ok())
            .map(Some)
            .ok_or_else(bad_priority),
    }
}

fn bad_priority() -> ApiError {
    ApiError::bad_request("priority: a whole number was expected")
}

/// Adds a step to the flow that the path names.
pub async fn add_step(cx: Cx, given: Given<Value>) -> ApiResult<Response> {
    cx.require(&[Right::MANAGE_REALM])?;
    let provider = text(&given.value, "provider").unwrap_or_default();
    let wanted = priority(&given.value)?;
    let id = new_id();
    cx.change_settings(
        |settings, _| {
            let mut flows = numbered(settings);
            let index = position_of_alias(&flows, cx.param("flow"))
                .ok_or_else(|| ApiError::bad_request("Parent flow doesn't exist"))?;
            let flow = flows.get_mut(index).ok_or_else(bad_priority)?;
            require_own(flow, "add execution to")?;
            let step = Execution {
                id: Some(id.clone()),
                authenticator: Some(provider.clone()),
                priority: wanted,
                ..Execution::default()
            };
            push(flow, step)?;
            settings.authentication_flows = Some(flows);
            Ok(())
        },
        |()| Some(id.clone()),
    )
    .await?;
    Ok(cx.created(&id))
}

/// Adds the execution at the end, or where its priority puts it.
fn push(flow: &mut AuthenticationFlowRepresentation, mut execution: Execution) -> ApiResult<()> {
    if stored::executions(flow).len() >= MAX_EXECUTIONS {
        return Err(ApiError::bad_request(format!(
            "a flow has at most {MAX_EXECUTIONS} executions"
        )));
    }
    let provider = match execution.authenticator.as_deref() {
        Some(id) => {
            let kind = match flow.provider_id.as_deref() {
                Some("form-flow") => "form-action",
                Some("client-flow") => "client-authenticator",
                _ => "authenticator",
            };
            let found = providers::find(id)?
                .filter(|p| p.kind == kind || (p.kind == "form" && execution.flow_alias.is_some()));
            if found.is_none() {
                return Err(ApiError::error(
                    StatusCode::BAD_REQUEST,
                    format!("No authentication provider found for id: {id}"),
                ));
            }
            found
        }
        None => None,
    };
    let allowed = choices(&execution, provider);
    let requirement = execution
        .requirement
        .get_or_insert_with(|| "DISABLED".to_owned());
    if !allowed.contains(requirement) {
        // A step that cannot be switched off is on.
        allowed
            .first()
            .cloned()
            .unwrap_or_default()
            .clone_into(requirement);
    }
    let is_flow = execution.flow_alias.is_some();
    execution.authenticator_flow = Some(is_flow);
    execution.autheticator_flow = Some(is_flow);
    execution.user_setup_allowed.get_or_insert(false);
    execution
        .priority
        .get_or_insert_with(|| stored::next_priority(flow));
    let list = flow.authentication_executions.get_or_insert_default();
    list.push(execution);
    list.sort_by_key(|e| e.priority);
    Ok(())
}

/// Adds a flow inside the flow that the path names.
pub async fn add_flow(cx: Cx, given: Given<Value>) -> ApiResult<Response> {
    cx.require(&[Right::MANAGE_REALM])?;
    let body = given.value;
    let alias = text(&body, "alias").unwrap_or_default();
    let kind = text(&body, "type")
        .filter(|kind| !kind.is_empty())
        .unwrap_or_else(|| "basic-flow".to_owned());
    if !["basic-flow", "form-flow", "generic"].contains(&kind.as_str()) {
        return Err(ApiError::bad_request(
            "type: basic-flow or form-flow was expected",
        ));
    }
    let form = text(&body, "provider").filter(|_| kind == "form-flow");
    let wanted = priority(&body)?;
    let (flow_id, execution_id) = (new_id(), new_id());
    cx.change_settings(
        |settings, _| {
            let mut flows = numbered(settings);
            let index = position_of_alias(&flows, cx.param("flow"))
                .ok_or_else(|| ApiError::bad_request("Parent flow doesn't exist"))?;
            if let Some(parent) = flows.get(index) {
                require_own(parent, "add sub-flow to")?;
            }
            if stored::aliased(&flows, &alias).is_some() {
                return Err(ApiError::conflict("New flow alias name already exists"));
            }
            check_alias(&flows, &alias)?;
            if let Some(parent) = flows.get_mut(index) {
                let execution = Execution {
                    id: Some(execution_id.clone()),
                    flow_alias: Some(alias.clone()),
                    authenticator: form.clone(),
                    priority: wanted,
                    ..Execution::default()
                };
                push(parent, execution)?;
            }
            flows.push(AuthenticationFlowRepresentation {
                id: Some(flow_id.clone()),
                alias: Some(alias.clone()),
                description: Some(text(&body, "description").unwrap_or_default()),
                provider_id: Some(kind.clone()),
                top_level: Some(false),
                built_in: Some(false),
                authentication_executions: Some(Vec::new()),
            });
            settings.authentication_flows = Some(flows);
            Ok(())
        },
        |()| Some(execution_id.clone()),
    )
    .await?;
    Ok(cx.created(&flow_id))
}

fn location(cx: &Cx, id: &str) -> Response {
    let location = format!(
        "{}/admin/realms/{}/authentication/executions/{id}",
        cx.services.base_url.as_str(),
        cx.realm.name
    );
    (StatusCode::CREATED, [(header::LOCATION, location)]).into_response()
}

/// Adds an execution to the flow that the body names by id.
pub async fn create(
    cx: Cx,
    given: Given<AuthenticationExecutionRepresentation>,
) -> ApiResult<Response> {
    cx.require(&[Right::MANAGE_REALM])?;
    let given = given.value;
    let id = new_id();
    cx.change_settings(
        |settings, _| {
            let mut flows = numbered(settings);
            let parent = given.parent_flow.as_deref().unwrap_or_default();
            let inside = given
                .flow_id
                .as_deref()
                .and_then(|id| stored::position_of_id(&flows, id))
                .and_then(|index| flows.get(index)?.alias.clone());
            let index = stored::position_of_id(&flows, parent).ok_or_else(|| {
                ApiError::error(StatusCode::BAD_REQUEST, "Parent flow doesn't exist")
            })?;
            if inside.is_some() && inside == flows.get(index).and_then(|f| f.alias.clone()) {
                return Err(ApiError::bad_request("a flow cannot be inside itself"));
            }
            let flow = flows.get_mut(index).ok_or_else(bad_priority)?;
            require_own(flow, "add execution to")?;
            push(
                flow,
                Execution {
                    id: Some(id.clone()),
                    authenticator: given.authenticator.clone(),
                    flow_alias: inside,
                    requirement: given.requirement.clone(),
                    priority: given.priority,
                    ..Execution::default()
                },
            )?;
            settings.authentication_flows = Some(flows);
            Ok(())
        },
        |()| Some(id.clone()),
    )
    .await?;
    Ok(location(&cx, &id))
}

pub async fn read(cx: Cx) -> ApiResult<Json<AuthenticationExecutionRepresentation>> {
    cx.require(&[Right::VIEW_REALM])?;
    let flows = numbered(&cx.realm.settings);
    let place = place_of(&flows, cx.param("execution")).ok_or_else(illegal)?;
    let flow = flows.get(place.flow).ok_or_else(illegal)?;
    let execution = stored::executions(flow)
        .get(place.execution)
        .ok_or_else(illegal)?;
    let inside = execution
        .flow_alias
        .as_deref()
        .and_then(|alias| stored::aliased(&flows, alias));
    let config = execution
        .authenticator_config
        .as_deref()
        .and_then(|alias| stored::config_aliased(&cx.realm.settings, alias));
    Ok(Json(AuthenticationExecutionRepresentation {
        id: execution.id.clone(),
        authenticator: execution.authenticator.clone(),
        authenticator_config: config.and_then(|c| c.id.clone()),
        authenticator_flow: Some(inside.is_some()),
        autheticator_flow: Some(inside.is_some()),
        flow_id: inside.and_then(|f| f.id.clone()),
        parent_flow: flow.id.clone(),
        priority: execution.priority,
        requirement: execution.requirement.clone(),
    }))
}

fn illegal() -> ApiError {
    ApiError::not_found("Illegal execution")
}

pub async fn delete(cx: Cx) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    cx.change_settings(
        |settings, _| {
            let mut flows = numbered(settings);
            let place = place_of(&flows, cx.param("execution")).ok_or_else(illegal)?;
            let flow = flows.get_mut(place.flow).ok_or_else(illegal)?;
            require_own(flow, "remove execution from")?;
            let list = flow.authentication_executions.get_or_insert_default();
            if place.execution < list.len() {
                let removed = list.remove(place.execution);
                stored::remove_below(settings, &mut flows, &removed);
            }
            settings.authentication_flows = Some(flows);
            Ok(())
        },
        |()| None,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn raise(cx: Cx) -> ApiResult<StatusCode> {
    swap(cx, true).await
}

pub async fn lower(cx: Cx) -> ApiResult<StatusCode> {
    swap(cx, false).await
}

/// Changes places with the execution before it, or the one after it.
async fn swap(cx: Cx, up: bool) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    cx.change_settings(
        |settings, _| {
            let mut flows = numbered(settings);
            let place = place_of(&flows, cx.param("execution")).ok_or_else(illegal)?;
            let flow = flows.get_mut(place.flow).ok_or_else(illegal)?;
            require_own(flow, "modify execution in")?;
            let list = flow.authentication_executions.get_or_insert_default();
            let other = if up {
                place.execution.checked_sub(1)
            } else {
                Some(place.execution + 1).filter(|next| *next < list.len())
            };
            if let Some(other) = other {
                list.swap(place.execution, other);
                // Priorities stay in their places, and are made distinct where they were not.
                let mut last = i32::MIN;
                let mut sorted: Vec<i32> = list.iter().map(|e| e.priority.unwrap_or(0)).collect();
                sorted.sort_unstable();
                for (execution, priority) in list.iter_mut().zip(sorted) {
                    last = priority.max(last.saturating_add(1));
                    execution.priority = Some(last);
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
