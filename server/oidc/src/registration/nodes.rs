//! The nodes of a clustered application: each tells its address, so that admin orders reach all.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use realmkeep_authn::Services;
use realmkeep_events::EventType;
use realmkeep_store::{Batch, Touch};

use crate::client_auth;
use crate::context::Context;
use crate::error::{OAuthError, no_store};
use crate::form::Form;

/// Most nodes of one client, and longest name of one.
const MAX_NODES: usize = 100;
const MAX_HOST: usize = 255;

pub(super) fn routes() -> Router<Arc<Services>> {
    let base = "/realms/{realm}/clients-managements";
    Router::new()
        .route(
            &format!("{base}/register-node"),
            post(async |cx: Context, headers: HeaderMap, body: Bytes| {
                answer(&cx, &headers, &body, true).await
            }),
        )
        .route(
            &format!("{base}/unregister-node"),
            post(async |cx: Context, headers: HeaderMap, body: Bytes| {
                answer(&cx, &headers, &body, false).await
            }),
        )
}

async fn answer(context: &Context, headers: &HeaderMap, body: &Bytes, register: bool) -> Response {
    match change(context, headers, body, register).await {
        Ok(()) => (StatusCode::NO_CONTENT, no_store()).into_response(),
        Err(error) => {
            let kind = if register {
                EventType::RegisterNode
            } else {
                EventType::UnregisterNode
            };
            crate::token::refuse(context, context.event(kind), &error);
            error.into_response()
        }
    }
}

async fn change(
    context: &Context,
    headers: &HeaderMap,
    body: &Bytes,
    register: bool,
) -> Result<(), OAuthError> {
    let form = Form::from_body(headers, body)?;
    let authenticated = client_auth::authenticate(context, headers, &form).await?;
    let mut client = authenticated.client.representation.clone();
    if client.public_client == Some(true) {
        return Err(OAuthError::unauthorized_client("Public client not allowed"));
    }
    let host = form
        .value("client_cluster_host")
        .filter(|host| host.len() <= MAX_HOST)
        .ok_or_else(|| OAuthError::invalid_request("Client cluster host not specified"))?;
    let nodes = client.registered_nodes.get_or_insert_default();
    if register {
        if nodes.len() >= MAX_NODES && !nodes.contains_key(host) {
            return Err(OAuthError::invalid_request("too many nodes"));
        }
        nodes.insert(
            host.to_owned(),
            i32::try_from(context.now).unwrap_or(i32::MAX),
        );
    } else if nodes.remove(host).is_none() {
        return Err(OAuthError::invalid_request(
            "Client does not have this cluster node registered",
        ));
    }
    let mut event = context.event(if register {
        EventType::RegisterNode
    } else {
        EventType::UnregisterNode
    });
    event.client_id.clone_from(&client.client_id);
    event.details.insert("node_host", host.to_owned());
    let store = &context.services.store;
    let mut batch = Batch::new();
    batch.push(store.update(&context.realm.id, &client)?);
    batch.touch(Touch::Client(
        context.realm.id.clone(),
        client.client_id.clone().unwrap_or_default(),
    ));
    store.commit(batch).await?;
    context.emit(&event);
    Ok(())
}
