//! Authentication flows and required actions. Flows are read only; required actions can be switched.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use realmkeep_authn::Services;
use realmkeep_representations::{
    AuthenticationExecutionExportRepresentation as Execution,
    AuthenticationExecutionInfoRepresentation, AuthenticationFlowRepresentation,
    AuthenticatorConfigRepresentation, RequiredActionProviderRepresentation,
};
use realmkeep_store::Batch;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::{ApiError, ApiResult};
use crate::merge::merged;
use crate::request::{Cx, Given};
use crate::rights::Right;

/// How executions are shown: name, what they may be set to, whether they have a configuration.
const AUTHENTICATORS: &str = include_str!("data/authenticators.json");

/// Client authenticators that this server has.
const CLIENT_AUTHENTICATORS: [(&str, &str, bool); 3] = [
    ("client-secret", "Client Id and Secret", true),
    ("client-jwt", "Signed JWT", false),
    ("federated-jwt", "Signed JWT - Federated", false),
];

/// Authenticators that this server has.
const PRESENT: [(&str, &str); 2] = [
    ("auth-cookie", "Cookie"),
    ("auth-username-password-form", "Username Password Form"),
];

pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/flows", get(flows))
        .route("/flows/{flow}", get(flow))
        .route("/flows/{flow}/executions", get(executions))
        .route("/config/{id}", get(config))
        .route("/required-actions", get(required_actions))
        .route(
            "/required-actions/{alias}",
            get(required_action).put(update_required_action),
        )
        .route("/unregistered-required-actions", get(none))
        .route("/form-providers", get(none))
        .route("/form-action-providers", get(none))
        .route("/authenticator-providers", get(authenticators))
        .route(
            "/client-authenticator-providers",
            get(client_authenticators),
        )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    display_name: String,
    requirement_choices: Vec<String>,
    configurable: bool,
}

fn all(cx: &Cx) -> &[AuthenticationFlowRepresentation] {
    let flows = cx.realm.settings.authentication_flows.as_deref();
    flows.unwrap_or_default()
}

fn aliased<'a>(cx: &'a Cx, alias: &str) -> Option<&'a AuthenticationFlowRepresentation> {
    all(cx).iter().find(|f| f.alias.as_deref() == Some(alias))
}

async fn flows(cx: Cx) -> ApiResult<Json<Vec<AuthenticationFlowRepresentation>>> {
    cx.require(&[Right::VIEW_REALM])?;
    // The flow of the SAML ECP profile is not for choosing.
    let top = all(&cx)
        .iter()
        .filter(|f| f.top_level == Some(true) && f.alias.as_deref() != Some("saml ecp"));
    Ok(Json(top.cloned().collect()))
}

async fn flow(cx: Cx) -> ApiResult<Json<AuthenticationFlowRepresentation>> {
    cx.require(&[Right::VIEW_REALM])?;
    let id = cx.param("flow");
    let found = all(&cx).iter().find(|f| f.id.as_deref() == Some(id));
    found
        .cloned()
        .map(Json)
        .ok_or_else(|| ApiError::not_found("Could not find flow with id"))
}

async fn executions(cx: Cx) -> ApiResult<Json<Vec<AuthenticationExecutionInfoRepresentation>>> {
    cx.require(&[Right::VIEW_REALM])?;
    let flow =
        aliased(&cx, cx.param("flow")).ok_or_else(|| ApiError::not_found("Flow not found"))?;
    let known: BTreeMap<String, Shown> =
        serde_json::from_str(AUTHENTICATORS).map_err(ApiError::internal)?;
    let mut rows = Vec::new();
    add_executions(&cx, &known, flow, 0, &mut rows);
    Ok(Json(rows))
}

fn add_executions(
    cx: &Cx,
    known: &BTreeMap<String, Shown>,
    flow: &AuthenticationFlowRepresentation,
    level: i32,
    rows: &mut Vec<AuthenticationExecutionInfoRepresentation>,
) {
    // A flow cannot contain itself; the bound is for what was imported.
    if level > 16 {
        return;
    }
    let mut inside: Vec<&Execution> = flow.authentication_executions.iter().flatten().collect();
    inside.sort_by_key(|e| e.priority);
    for (index, execution) in inside.into_iter().enumerate() {
        let index = i32::try_from(index).unwrap_or(i32::MAX);
        let below = execution
            .flow_alias
            .as_deref()
            .and_then(|alias| aliased(cx, alias));
        let shown = execution
            .authenticator
            .as_ref()
            .and_then(|id| known.get(id));
        let choices = match (below.is_some(), &execution.authenticator) {
            (true, None) => vec!["REQUIRED", "ALTERNATIVE", "DISABLED", "CONDITIONAL"],
            _ => vec!["REQUIRED", "DISABLED"],
        };
        rows.push(AuthenticationExecutionInfoRepresentation {
            id: Some(execution_id(flow, index)),
            requirement: execution.requirement.clone(),
            display_name: below
                .and_then(|f| f.alias.clone())
                .or_else(|| shown.map(|s| s.display_name.clone()))
                .or_else(|| execution.authenticator.clone()),
            description: below.map(|f| f.description.clone().unwrap_or_default()),
            requirement_choices: Some(shown.map_or_else(
                || choices.into_iter().map(str::to_owned).collect(),
                |s| s.requirement_choices.clone(),
            )),
            configurable: Some(shown.is_some_and(|s| s.configurable)),
            authentication_flow: below.map(|_| true),
            provider_id: execution.authenticator.clone(),
            authentication_config: execution
                .authenticator_config
                .as_deref()
                .and_then(|alias| config_aliased(cx, alias)?.id.clone()),
            alias: execution.authenticator_config.clone(),
            flow_id: below.and_then(|f| f.id.clone()),
            level: Some(level),
            index: Some(index),
            priority: execution.priority,
        });
        if let Some(below) = below {
            add_executions(cx, known, below, level + 1, rows);
        }
    }
}

/// Executions have no id of their own where they are kept; this one follows from their place.
fn execution_id(flow: &AuthenticationFlowRepresentation, index: i32) -> String {
    let place = format!("{}/{index}", flow.id.as_deref().unwrap_or_default());
    let hash = realmkeep_jose::sha256(place.as_bytes());
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(hash) {
        *to = from;
    }
    Uuid::from_bytes(bytes).to_string()
}

fn config_aliased<'a>(cx: &'a Cx, alias: &str) -> Option<&'a AuthenticatorConfigRepresentation> {
    let configs = cx.realm.settings.authenticator_config.as_ref()?;
    configs.iter().find(|c| c.alias.as_deref() == Some(alias))
}

async fn config(cx: Cx) -> ApiResult<Json<AuthenticatorConfigRepresentation>> {
    cx.require(&[Right::VIEW_REALM])?;
    let configs = cx.realm.settings.authenticator_config.iter().flatten();
    configs
        .into_iter()
        .find(|c| c.id.as_deref() == Some(cx.param("id")))
        .cloned()
        .map(Json)
        .ok_or_else(|| ApiError::not_found("Could not find authenticator config"))
}

fn actions(cx: &Cx) -> Vec<RequiredActionProviderRepresentation> {
    let mut actions = cx
        .realm
        .settings
        .required_actions
        .clone()
        .unwrap_or_default();
    actions.sort_by_key(|a| a.priority);
    actions
}

async fn required_actions(cx: Cx) -> ApiResult<Json<Vec<RequiredActionProviderRepresentation>>> {
    cx.require(&[Right::VIEW_REALM, Right::VIEW_USERS])?;
    Ok(Json(actions(&cx)))
}

fn no_such_action() -> ApiError {
    ApiError::not_found("Failed to find required action")
}

async fn required_action(cx: Cx) -> ApiResult<Json<RequiredActionProviderRepresentation>> {
    cx.require(&[Right::VIEW_REALM])?;
    actions(&cx)
        .into_iter()
        .find(|a| a.alias.as_deref() == Some(cx.param("alias")))
        .map(Json)
        .ok_or_else(no_such_action)
}

async fn update_required_action(
    cx: Cx,
    given: Given<RequiredActionProviderRepresentation>,
) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    let mut settings = cx.realm.settings.clone();
    let action = settings
        .required_actions
        .iter_mut()
        .flatten()
        .find(|a| a.alias.as_deref() == Some(cx.param("alias")))
        .ok_or_else(no_such_action)?;
    let mut new = merged(action, &given.json, &[])?;
    new.alias.clone_from(&action.alias);
    new.provider_id.clone_from(&action.provider_id);
    *action = new;
    let mut batch = Batch::new();
    batch.push(cx.store().update_realm(&settings)?);
    batch.touch(cx.touch_realm());
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn none(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(&[Right::VIEW_REALM])?;
    Ok(Json(Vec::new()))
}

async fn authenticators(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(&[Right::VIEW_REALM])?;
    Ok(Json(
        PRESENT
            .iter()
            .map(|(id, name)| json!({"id": id, "displayName": name}))
            .collect(),
    ))
}

async fn client_authenticators(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(&[Right::VIEW_REALM, Right::VIEW_CLIENTS])?;
    Ok(Json(
        CLIENT_AUTHENTICATORS
            .iter()
            .map(|(id, name, secret)| json!({"id": id, "displayName": name, "supportsSecret": secret}))
            .collect(),
    ))
}
