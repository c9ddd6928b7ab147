//! Protocol mappers of clients and client scopes; they stand inside the object that has them.

use std::sync::Arc;

use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use realmkeep_authn::Services;
use realmkeep_oidc::claims::sector_differs;
use realmkeep_representations::{
    ClientRepresentation, ClientScopeRepresentation, ProtocolMapperRepresentation,
};
use realmkeep_store::Batch;

use crate::error::{ApiError, ApiResult};
use crate::merge::merged;
use crate::request::{Cx, Given, new_id};
use crate::{client_scopes, clients};

pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/models", get(list).post(create))
        .route("/models/{id}", get(read).put(update).delete(delete))
        .route("/add-models", post(create_many))
        .route("/protocol/{protocol}", get(list_of_protocol))
}

/// # Errors
/// 400 when the name or the type is missing.
pub fn check(mapper: &ProtocolMapperRepresentation) -> ApiResult<()> {
    if mapper.name.as_deref().unwrap_or_default().is_empty() {
        return Err(ApiError::bad_request(
            "name: a protocol mapper needs a name",
        ));
    }
    if mapper
        .protocol_mapper
        .as_deref()
        .unwrap_or_default()
        .is_empty()
    {
        return Err(ApiError::bad_request(
            "protocolMapper: the type of the mapper is missing",
        ));
    }
    Ok(())
}

/// What holds the mappers of this request.
enum Owner {
    Client(Box<ClientRepresentation>),
    Scope(Box<ClientScopeRepresentation>),
}

impl Owner {
    async fn of(cx: &Cx, change: bool) -> ApiResult<Self> {
        if cx.has_param("scope") {
            cx.require(if change {
                client_scopes::MANAGE
            } else {
                client_scopes::VIEW
            })?;
            return Ok(Self::Scope(Box::new(client_scopes::here(cx)?.clone())));
        }
        if change {
            return Ok(Self::Client(Box::new(clients::here_to_manage(cx).await?)));
        }
        cx.require(clients::VIEW)?;
        Ok(Self::Client(Box::new(clients::here(cx).await?)))
    }

    fn mappers(&self) -> &[ProtocolMapperRepresentation] {
        match self {
            Self::Client(client) => client.protocol_mappers.as_deref(),
            Self::Scope(scope) => scope.protocol_mappers.as_deref(),
        }
        .unwrap_or_default()
    }

    async fn replace(self, cx: &Cx, mappers: Vec<ProtocolMapperRepresentation>) -> ApiResult<()> {
        let mut batch = Batch::new();
        match self {
            Self::Client(old) => {
                let mut new = old.clone();
                new.protocol_mappers = Some(mappers);
                if sector_differs(&old, &new) {
                    clients::check_sector(cx, &new).await?;
                }
                clients::push_update(cx, &mut batch, &old, &new)?;
            }
            Self::Scope(mut scope) => {
                scope.protocol_mappers = Some(mappers);
                batch.push(cx.store().update(&cx.realm.id, scope.as_ref())?);
                batch.touch(cx.touch_realm());
            }
        }
        cx.commit(batch).await?;
        Ok(())
    }
}

async fn list(cx: Cx) -> ApiResult<Json<Vec<ProtocolMapperRepresentation>>> {
    Ok(Json(Owner::of(&cx, false).await?.mappers().to_vec()))
}

async fn list_of_protocol(cx: Cx) -> ApiResult<Json<Vec<ProtocolMapperRepresentation>>> {
    let mut mappers = Owner::of(&cx, false).await?.mappers().to_vec();
    mappers.retain(|m| m.protocol.as_deref() == Some(cx.param("protocol")));
    Ok(Json(mappers))
}

async fn create(cx: Cx, given: Given<ProtocolMapperRepresentation>) -> ApiResult<Response> {
    let owner = Owner::of(&cx, true).await?;
    let mut all = owner.mappers().to_vec();
    let id = add(&mut all, given.value)?;
    owner.replace(&cx, all).await?;
    Ok(cx.created(&id))
}

async fn create_many(
    cx: Cx,
    given: Given<Vec<ProtocolMapperRepresentation>>,
) -> ApiResult<StatusCode> {
    let owner = Owner::of(&cx, true).await?;
    let mut all = owner.mappers().to_vec();
    for mapper in given.value {
        add(&mut all, mapper)?;
    }
    owner.replace(&cx, all).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn add(
    all: &mut Vec<ProtocolMapperRepresentation>,
    mut mapper: ProtocolMapperRepresentation,
) -> ApiResult<String> {
    check(&mapper)?;
    if all.iter().any(|m| m.name == mapper.name) {
        return Err(ApiError::conflict("Protocol mapper exists with same name"));
    }
    let id = new_id();
    mapper.id = Some(id.clone());
    mapper.consent_required.get_or_insert(false);
    mapper.config.get_or_insert_default();
    all.push(mapper);
    Ok(id)
}

async fn read(cx: Cx) -> ApiResult<Json<ProtocolMapperRepresentation>> {
    let owner = Owner::of(&cx, false).await?;
    let at = position(&cx, owner.mappers())?;
    owner
        .mappers()
        .get(at)
        .cloned()
        .map(Json)
        .ok_or_else(|| ApiError::not_found("Model not found"))
}

async fn update(cx: Cx, given: Given<ProtocolMapperRepresentation>) -> ApiResult<StatusCode> {
    let owner = Owner::of(&cx, true).await?;
    let mut all = owner.mappers().to_vec();
    let at = position(&cx, &all)?;
    if let Some(mapper) = all.get_mut(at) {
        let mut new = merged(mapper, &given.json, &[])?;
        new.id.clone_from(&mapper.id);
        check(&new)?;
        *mapper = new;
    }
    owner.replace(&cx, all).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete(cx: Cx) -> ApiResult<StatusCode> {
    let owner = Owner::of(&cx, true).await?;
    let mut all = owner.mappers().to_vec();
    let at = position(&cx, &all)?;
    all.remove(at);
    owner.replace(&cx, all).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn position(cx: &Cx, mappers: &[ProtocolMapperRepresentation]) -> ApiResult<usize> {
    mappers
        .iter()
        .position(|m| m.id.as_deref() == Some(cx.param("id")))
        .ok_or_else(|| ApiError::not_found("Model not found"))
}
