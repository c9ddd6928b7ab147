//! Tokens with which clients register themselves, and with which they manage what they registered.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Json, Router};
use http::{StatusCode, header};
use realmkeep_authn::Services;
use realmkeep_oidc::registration::{initial_access_token, registration_access_token};
use realmkeep_representations::{
    ClientInitialAccessCreatePresentation, ClientInitialAccessPresentation, ClientRepresentation,
    SecretString,
};
use realmkeep_store::initial_access::{InitialAccess, RegistrationAccess};
use realmkeep_store::{Batch, Store};
use serde_json::json;

use crate::clients;
use crate::error::{ApiError, ApiResult};
use crate::request::{Cx, Given, new_id};
use crate::rights::Right;

/// Clients that one token may register, at most.
const MAX_COUNT: i32 = 100_000;

pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/", get(list).post(create))
        .route("/{id}", delete(remove))
}

fn shown(access: &InitialAccess) -> ClientInitialAccessPresentation {
    let number = |value: i64| i32::try_from(value).unwrap_or(i32::MAX);
    let lifespan = match access.expires {
        0 => 0,
        expires => expires.saturating_sub(access.created),
    };
    ClientInitialAccessPresentation {
        id: Some(access.id.clone()),
        timestamp: Some(number(access.created)),
        expiration: Some(number(lifespan)),
        count: Some(number(access.count)),
        remaining_count: Some(number(access.remaining)),
        ..Default::default()
    }
}

async fn list(cx: Cx) -> ApiResult<Json<Vec<ClientInitialAccessPresentation>>> {
    cx.require(clients::VIEW)?;
    let all = cx.store().initial_accesses(&cx.realm.id).await?;
    Ok(Json(all.iter().map(shown).collect()))
}

fn less_than_nothing(error: &str, description: &str) -> ApiError {
    ApiError::with(
        StatusCode::BAD_REQUEST,
        json!({"error": error, "error_description": description}),
    )
}

async fn create(
    cx: Cx,
    given: Given<ClientInitialAccessCreatePresentation>,
) -> ApiResult<Response> {
    cx.require(&[Right::CREATE_CLIENT])?;
    let given = given.value;
    let count = given.count.unwrap_or(1);
    if count < 0 {
        return Err(less_than_nothing(
            "Invalid value for count",
            "The count cannot be less than 0",
        ));
    }
    if !(1..=MAX_COUNT).contains(&count) {
        return Err(ApiError::bad_request(format!(
            "count: a number from 1 to {MAX_COUNT} was expected"
        )));
    }
    let lifespan = given.expiration.unwrap_or(0);
    if lifespan < 0 {
        return Err(less_than_nothing(
            "Invalid value for expiration",
            "The expiration time interval cannot be less than 0",
        ));
    }
    let now = cx.services.clock.now();
    let access = InitialAccess {
        id: new_id(),
        created: now,
        expires: if lifespan == 0 {
            0
        } else {
            now.saturating_add(i64::from(lifespan))
        },
        count: i64::from(count),
        remaining: i64::from(count),
        web_origins: given.web_origins.unwrap_or_default(),
    };
    let token = initial_access_token(&cx.services, &cx.realm, &access)
        .await
        .map_err(|_| ApiError::internal("the initial access token cannot be signed"))?;
    let mut batch = Batch::new();
    batch.push(Store::insert_initial_access(&cx.realm.id, &access)?);
    cx.commit_of(batch, Some(&access.id)).await?;
    let location = format!(
        "{}/admin/realms/{}/clients-initial-access/{}",
        cx.services.base_url.as_str(),
        cx.realm.name,
        access.id
    );
    let body = ClientInitialAccessPresentation {
        token: Some(SecretString::new(token)),
        ..shown(&access)
    };
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(body),
    )
        .into_response())
}

async fn remove(cx: Cx) -> ApiResult<StatusCode> {
    cx.require(clients::MANAGE)?;
    let id = cx.param("id");
    cx.store()
        .find_initial_access(&cx.realm.id, id)
        .await?
        .ok_or_else(|| ApiError::not_found("Initial access token not found"))?;
    let mut batch = Batch::new();
    batch.push(Store::delete_initial_access(&cx.realm.id, id));
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a new token for the client to manage itself with; earlier ones are no longer good.
pub async fn regenerate(cx: Cx) -> ApiResult<Json<ClientRepresentation>> {
    let client = clients::here_to_manage(&cx).await?;
    let id = client.id.clone().unwrap_or_default();
    let access = RegistrationAccess {
        token_id: new_id(),
        auth: "authenticated".to_owned(),
    };
    let token = registration_access_token(&cx.services, &cx.realm, &access.token_id)
        .await
        .map_err(|_| ApiError::internal("the registration access token cannot be signed"))?;
    let mut batch = Batch::new();
    batch.push(Store::put_registration_access(&id, &access));
    batch.touch(cx.touch_client(client.client_id.as_deref().unwrap_or_default()));
    cx.commit(batch).await?;
    let mut shown = clients::shown(client, &cx);
    shown.registration_access_token = Some(SecretString::new(token));
    Ok(Json(shown))
}
