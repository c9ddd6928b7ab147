//! Links between a user and accounts at identity providers.

use axum::Json;
use http::StatusCode;
use realmkeep_representations::FederatedIdentityRepresentation;
use realmkeep_store::Batch;

use crate::error::{ApiError, ApiResult};
use crate::request::{Cx, Given};
use crate::users;

pub async fn list(cx: Cx) -> ApiResult<Json<Vec<FederatedIdentityRepresentation>>> {
    cx.require(users::VIEW)?;
    let user = users::here(&cx).await?;
    Ok(Json(user.federated_identities.unwrap_or_default()))
}

pub async fn add(cx: Cx, given: Given<FederatedIdentityRepresentation>) -> ApiResult<StatusCode> {
    let mut user = users::here_to_manage(&cx).await?;
    let alias = cx.param("provider");
    if cx.realm.identity_provider(alias).is_none() {
        return Err(ApiError::not_found("Identity provider not found"));
    }
    let mut link = given.value;
    if link.user_id.as_deref().unwrap_or_default().is_empty() {
        return Err(ApiError::bad_request(
            "userId: the id of the account at the identity provider is missing",
        ));
    }
    link.identity_provider = Some(alias.to_owned());
    let links = user.federated_identities.get_or_insert_default();
    if links
        .iter()
        .any(|l| l.identity_provider.as_deref() == Some(alias))
    {
        return Err(ApiError::conflict("User is already linked with provider"));
    }
    links.push(link);
    let mut batch = Batch::new();
    users::push_update(&cx, &mut batch, &user).await?;
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn remove(cx: Cx) -> ApiResult<StatusCode> {
    let mut user = users::here_to_manage(&cx).await?;
    let alias = cx.param("provider");
    let links = user.federated_identities.get_or_insert_default();
    let before = links.len();
    links.retain(|l| l.identity_provider.as_deref() != Some(alias));
    if links.len() == before {
        return Err(ApiError::not_found("Link not found"));
    }
    let mut batch = Batch::new();
    users::push_update(&cx, &mut batch, &user).await?;
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}
