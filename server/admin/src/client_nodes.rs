//! Nodes of an application that runs on more than one host, as it registered them.

use axum::Json;
use http::StatusCode;
use realmkeep_store::Batch;
use serde_json::{Value, json};

use crate::clients;
use crate::error::{ApiError, ApiResult};
use crate::request::{Cx, Given};

/// Nodes of one client, at most.
const MAX_NODES: usize = 1_000;

pub async fn register(cx: Cx, given: Given<Value>) -> ApiResult<StatusCode> {
    let old = clients::here_to_manage(&cx).await?;
    let node = given
        .value
        .get("node")
        .and_then(Value::as_str)
        .filter(|node| !node.is_empty() && node.len() <= 255)
        .ok_or_else(|| ApiError::bad_request("Node not found in params"))?;
    let mut new = old.clone();
    let now = i32::try_from(cx.services.clock.now()).unwrap_or(i32::MAX);
    let nodes = new.registered_nodes.get_or_insert_default();
    nodes.insert(node.to_owned(), now);
    if nodes.len() > MAX_NODES {
        return Err(ApiError::bad_request(format!(
            "a client has at most {MAX_NODES} nodes"
        )));
    }
    let mut batch = Batch::new();
    clients::push_update(&cx, &mut batch, &old, &new)?;
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn unregister(cx: Cx) -> ApiResult<StatusCode> {
    let old = clients::here_to_manage(&cx).await?;
    let mut new = old.clone();
    let nodes = new.registered_nodes.get_or_insert_default();
    if nodes.remove(cx.param("node")).is_none() {
        return Err(ApiError::not_found("Client does not have node "));
    }
    let mut batch = Batch::new();
    clients::push_update(&cx, &mut batch, &old, &new)?;
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Asks the nodes at their admin address; a client without one has nothing to be asked.
pub async fn test(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(clients::MANAGE)?;
    let client = clients::here(&cx).await?;
    let has_address = client.admin_url.as_deref().is_some_and(|u| !u.is_empty());
    let has_nodes = client.registered_nodes.is_some_and(|n| !n.is_empty());
    if has_address && has_nodes {
        return Err(ApiError::not_supported("calls to the nodes of clients"));
    }
    Ok(Json(json!({})))
}
