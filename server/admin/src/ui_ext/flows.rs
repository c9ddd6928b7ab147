//! Flows with what uses them.

use axum::Json;
use realmkeep_representations::{AuthenticationFlowRepresentation, ClientRepresentation};
use serde_json::{Value, json};

use crate::authentication::{action_is_configurable, bindings, sorted_actions};
use crate::error::ApiResult;
use crate::request::Cx;
use crate::rights::Right;

/// Names shown of what uses a flow; more are asked for page by page.
const SHOWN_USERS: usize = 10;

pub async fn list(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(&[Right::VIEW_REALM])?;
    let clients = cx
        .store()
        .list::<ClientRepresentation>(&cx.realm.id)
        .await?;
    let flows = cx.realm.settings.authentication_flows.iter().flatten();
    let mut rows = Vec::new();
    for flow in flows {
        if flow.top_level != Some(true) || flow.alias.as_deref() == Some("saml ecp") {
            continue;
        }
        rows.push(json!({
            "id": flow.id,
            "alias": flow.alias,
            "builtIn": flow.built_in.unwrap_or(false),
            "description": flow.description,
            "usedBy": users(&cx, flow, &clients),
        }));
    }
    Ok(Json(rows))
}

/// The realm's bindings first, then clients, then identity providers.
fn users(
    cx: &Cx,
    flow: &AuthenticationFlowRepresentation,
    clients: &[ClientRepresentation],
) -> Value {
    let bound: Vec<&str> = bindings(&cx.realm.settings)
        .into_iter()
        .filter(|(_, alias)| alias.is_some() && *alias == flow.alias.as_ref())
        .map(|(name, _)| name)
        .collect();
    if !bound.is_empty() {
        return json!({"type": "DEFAULT", "values": bound});
    }
    let by_clients = of_clients(clients, flow.id.as_deref().unwrap_or_default());
    if !by_clients.is_empty() {
        let some: Vec<&String> = by_clients.iter().take(SHOWN_USERS).collect();
        return json!({"type": "SPECIFIC_CLIENTS", "values": some});
    }
    let by_providers = of_providers(cx, flow.alias.as_deref().unwrap_or_default());
    if !by_providers.is_empty() {
        let some: Vec<&String> = by_providers.iter().take(SHOWN_USERS).collect();
        return json!({"type": "SPECIFIC_PROVIDERS", "values": some});
    }
    Value::Null
}

fn of_clients(clients: &[ClientRepresentation], flow: &str) -> Vec<String> {
    clients
        .iter()
        .filter(|client| {
            let overrides = client
                .authentication_flow_binding_overrides
                .iter()
                .flatten();
            overrides.into_iter().any(|(_, id)| id == flow)
        })
        .filter_map(|client| client.client_id.clone())
        .collect()
}

fn of_providers(cx: &Cx, alias: &str) -> Vec<String> {
    let names = |flow: &Option<String>| flow.as_deref() == Some(alias) && !alias.is_empty();
    cx.realm
        .identity_providers
        .iter()
        .filter(|p| {
            names(&p.first_broker_login_flow_alias) || names(&p.post_broker_login_flow_alias)
        })
        .filter_map(|p| p.alias.clone())
        .collect()
}

/// Clients, or identity providers, that use the flow.
pub async fn used_by(cx: Cx) -> ApiResult<Json<Vec<String>>> {
    cx.require(&[Right::VIEW_REALM])?;
    let id = cx.param("flow");
    let mut flows = cx.realm.settings.authentication_flows.iter().flatten();
    let flow = flows
        .find(|f| f.id.as_deref() == Some(id))
        .ok_or_else(super::not_found)?;
    let mut found = match cx.param("kind") {
        "clients" => {
            let clients = cx
                .store()
                .list::<ClientRepresentation>(&cx.realm.id)
                .await?;
            of_clients(&clients, id)
        }
        "idp" => of_providers(&cx, flow.alias.as_deref().unwrap_or_default()),
        _ => return Err(super::not_found()),
    };
    if let Some(search) = cx.query("search").map(str::to_lowercase) {
        found.retain(|name| name.to_lowercase().contains(&search));
    }
    super::paged(&cx, found).map(Json)
}

pub async fn required_actions(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(&[Right::VIEW_REALM])?;
    let mut rows = Vec::new();
    for action in sorted_actions(&cx.realm.settings) {
        let configurable =
            action_is_configurable(action.provider_id.as_deref().unwrap_or_default());
        let mut row = serde_json::to_value(action).map_err(crate::error::ApiError::internal)?;
        if let Value::Object(fields) = &mut row {
            fields.insert("configurable".to_owned(), json!(configurable));
        }
        rows.push(row);
    }
    Ok(Json(rows))
}
