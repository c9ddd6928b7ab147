//! What a client's tokens would hold: the mappers that would run and the roles that they may carry.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use realmkeep_authn::Services;
use realmkeep_oidc::evaluate::{self, Example};
use realmkeep_oidc::scopes::Scopes;
use realmkeep_representations::{ClientRepresentation, RoleRepresentation};
use realmkeep_store::Client;
use serde_json::{Value, json};

use crate::actor::usable_roles;
use crate::clients;
use crate::error::{ApiError, ApiResult};
use crate::request::Cx;
use crate::roles::{shown, sorted};
use crate::users;

/// `/clients/{client}/evaluate-scopes`.
pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/protocol-mappers", get(protocol_mappers))
        .route("/scope-mappings/{container}/granted", get(granted))
        .route("/scope-mappings/{container}/not-granted", get(not_granted))
        .route(
            "/generate-example-access-token",
            get(async |cx: Cx| example(cx, Example::AccessToken).await),
        )
        .route(
            "/generate-example-id-token",
            get(async |cx: Cx| example(cx, Example::IdToken).await),
        )
        .route(
            "/generate-example-userinfo",
            get(async |cx: Cx| example(cx, Example::UserInfo).await),
        )
}

/// What a token would say of the user of the query.
async fn example(cx: Cx, kind: Example) -> ApiResult<Json<serde_json::Map<String, Value>>> {
    cx.require(clients::VIEW)?;
    cx.require(users::VIEW)?;
    let client = Client {
        representation: clients::here(&cx).await?,
    };
    let user = cx
        .query("userId")
        .ok_or_else(|| ApiError::not_found("No userId provided"))?;
    let subject = cx
        .store()
        .subject(&cx.realm, user)
        .await?
        .ok_or_else(|| ApiError::not_found("No user found"))?;
    let scope = cx.query("scope").map(|scope| scope.replace('+', " "));
    evaluate::example(
        &cx.services,
        &cx.realm,
        &client,
        &subject,
        scope.as_deref(),
        kind,
    )
    .await
    .map(Json)
    .map_err(|error| ApiError::bad_request(error.description.into_owned()))
}

/// The client scopes in effect for the `scope` of the query.
fn in_effect<'a>(cx: &'a Cx, client: &ClientRepresentation) -> ApiResult<Scopes<'a>> {
    let wanted = cx.query("scope").map(|scope| scope.replace('+', " "));
    Scopes::resolve(&cx.realm, client, wanted.as_deref())
        .map_err(|_| ApiError::bad_request("scope: it has a scope that the client does not have"))
}

async fn protocol_mappers(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(clients::VIEW)?;
    let client = clients::here(&cx).await?;
    let scopes = in_effect(&cx, &client)?;
    let mut rows = Vec::new();
    let mut add =
        |mappers: &Option<Vec<realmkeep_representations::ProtocolMapperRepresentation>>,
         id: &Option<String>,
         name: &Option<String>,
         kind: &str| {
            for mapper in mappers.iter().flatten() {
                rows.push(json!({
                    "mapperId": mapper.id, "mapperName": mapper.name,
                    "containerId": id, "containerName": name, "containerType": kind,
                    "protocolMapper": mapper.protocol_mapper,
                }));
            }
        };
    add(
        &client.protocol_mappers,
        &client.id,
        &client.client_id,
        "client",
    );
    for scope in &scopes.client_scopes {
        add(
            &scope.protocol_mappers,
            &scope.id,
            &scope.name,
            "client-scope",
        );
    }
    Ok(Json(rows))
}

async fn granted(cx: Cx) -> ApiResult<Json<Vec<RoleRepresentation>>> {
    in_container(cx, true).await
}

async fn not_granted(cx: Cx) -> ApiResult<Json<Vec<RoleRepresentation>>> {
    in_container(cx, false).await
}

/// Roles of the realm, or of the client with the id in the path, that tokens may carry or may not.
async fn in_container(cx: Cx, may: bool) -> ApiResult<Json<Vec<RoleRepresentation>>> {
    cx.require(clients::VIEW)?;
    let client = clients::here(&cx).await?;
    let scopes = in_effect(&cx, &client)?;
    let container = cx.param("container");
    let of_realm = container == cx.realm.name;
    if !of_realm
        && cx
            .store()
            .find::<ClientRepresentation>(&cx.realm.id, container)
            .await?
            .is_none()
    {
        return Err(ApiError::not_found("Role Container not found"));
    }
    let all: BTreeSet<String> = cx.realm.roles.all.keys().cloned().collect();
    let usable = usable_roles(&cx.realm, &client, &all, &scopes.all());
    Ok(Json(sorted(
        cx.realm
            .roles
            .all
            .iter()
            .filter(|(id, role)| {
                let inside = if of_realm {
                    role.client_role != Some(true)
                } else {
                    role.client_role == Some(true)
                        && role.container_id.as_deref() == Some(container)
                };
                inside && usable.contains(*id) == may
            })
            .map(|(_, role)| shown(&cx.realm, role, true))
            .collect(),
    )))
}
