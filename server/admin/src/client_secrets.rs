//! The secret before the present one, which works for a while after a rotation.

use axum::Json;
use http::StatusCode;
use realmkeep_model::secret_rotation::{self, ROTATED};
use realmkeep_representations::{CredentialRepresentation, SecretString};
use realmkeep_store::Batch;

use crate::clients;
use crate::error::{ApiError, ApiResult};
use crate::request::Cx;

fn none() -> ApiError {
    ApiError::not_found("Client does not have a rotated secret")
}

pub async fn rotated(cx: Cx) -> ApiResult<Json<CredentialRepresentation>> {
    cx.require(clients::VIEW)?;
    let client = clients::here_to_manage(&cx).await?;
    let secret = client
        .attributes
        .and_then(|mut a| a.remove(ROTATED))
        .ok_or_else(none)?;
    Ok(Json(CredentialRepresentation {
        r#type: Some("secret".to_owned()),
        value: Some(SecretString::new(secret)),
        ..Default::default()
    }))
}

pub async fn forget_rotated(cx: Cx) -> ApiResult<StatusCode> {
    let old = clients::here_to_manage(&cx).await?;
    let mut new = old.clone();
    if !new.attributes.iter().any(|a| a.contains_key(ROTATED)) {
        return Err(none());
    }
    secret_rotation::forget_rotated(&mut new);
    let mut batch = Batch::new();
    clients::push_update(&cx, &mut batch, &old, &new)?;
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}
