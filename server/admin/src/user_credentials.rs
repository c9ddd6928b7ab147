//! A user's credentials: their order, their labels, and which may be switched off.

use axum::Json;
use axum::extract::FromRequest;
use bytes::Bytes;
use http::StatusCode;
use realmkeep_representations::CredentialRepresentation;
use realmkeep_store::{Batch, Store};

use crate::error::{ApiError, ApiResult};
use crate::request::{Cx, Given};
use crate::users;

/// Longest label of a credential.
const LABEL_LIMIT: usize = 255;

pub async fn list(cx: Cx) -> ApiResult<Json<Vec<CredentialRepresentation>>> {
    cx.require(users::VIEW)?;
    let user = users::here(&cx).await?;
    let credentials = cx
        .store()
        .credentials(user.id.as_deref().unwrap_or_default())
        .await?;
    Ok(Json(
        credentials
            .into_iter()
            .filter(|c| c.r#type.as_deref() != Some("password-history"))
            .map(shown)
            .collect(),
    ))
}

/// Without what proves it.
pub fn shown(credential: CredentialRepresentation) -> CredentialRepresentation {
    CredentialRepresentation {
        secret_data: None,
        value: None,
        priority: None,
        ..credential
    }
}

/// The user's id and credentials, for a change, and the place of the one in the request's path.
async fn here(cx: &Cx) -> ApiResult<(String, Vec<CredentialRepresentation>, usize)> {
    let user = users::here_to_manage(cx).await?;
    let id = user.id.unwrap_or_default();
    let credentials = cx.store().credentials(&id).await?;
    let at = position(&credentials, cx.param("credential"))?;
    Ok((id, credentials, at))
}

fn position(credentials: &[CredentialRepresentation], id: &str) -> ApiResult<usize> {
    credentials
        .iter()
        .position(|c| c.id.as_deref() == Some(id))
        .ok_or_else(|| ApiError::not_found("Credential not found"))
}

pub async fn delete(cx: Cx) -> ApiResult<StatusCode> {
    let (user, ..) = here(&cx).await?;
    let mut batch = Batch::new();
    batch.push(Store::delete_credential(&user, cx.param("credential")));
    batch.touch(cx.touch_user(&user));
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn move_to_first(cx: Cx) -> ApiResult<StatusCode> {
    let (user, mut credentials, at) = here(&cx).await?;
    let moved = credentials.remove(at);
    credentials.insert(0, moved);
    store_order(&cx, &user, credentials).await
}

pub async fn move_after(cx: Cx) -> ApiResult<StatusCode> {
    let (user, mut credentials, at) = here(&cx).await?;
    let moved = credentials.remove(at);
    let before = position(&credentials, cx.param("previous"))?;
    credentials.insert(before + 1, moved);
    store_order(&cx, &user, credentials).await
}

async fn store_order(
    cx: &Cx,
    user: &str,
    credentials: Vec<CredentialRepresentation>,
) -> ApiResult<StatusCode> {
    let mut batch = Batch::new();
    for (mut credential, priority) in credentials.into_iter().zip((10..).step_by(10)) {
        credential.priority = Some(priority);
        batch.push(cx.store().update_credential(user, &credential)?);
    }
    batch.touch(cx.touch_user(user));
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn set_label(cx: Cx, label: PlainText) -> ApiResult<StatusCode> {
    let (user, mut credentials, at) = here(&cx).await?;
    let label = label.0;
    if label.chars().count() > LABEL_LIMIT || label.chars().any(char::is_control) {
        return Err(ApiError::bad_request(format!(
            "a label has at most {LABEL_LIMIT} characters and no control characters"
        )));
    }
    let mut credential = credentials.remove(at);
    credential.user_label = Some(label);
    let mut batch = Batch::new();
    batch.push(cx.store().update_credential(&user, &credential)?);
    batch.touch(cx.touch_user(&user));
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Types can be switched off where another system keeps them; this server's own are deleted instead, so
/// there is nothing to do.
pub async fn disable_types(cx: Cx, given: Given<Vec<String>>) -> ApiResult<StatusCode> {
    users::here_to_manage(&cx).await?;
    if let Some(kind) = given.value.first() {
        tracing::debug!(kind, "credential types of this server cannot be disabled");
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Types that a connected user storage keeps; there is none.
pub async fn of_user_storage(cx: Cx) -> ApiResult<Json<Vec<String>>> {
    cx.require(users::VIEW)?;
    users::here(&cx).await?;
    Ok(Json(Vec::new()))
}

/// A text as a body, whatever type it claims to be.
#[derive(Debug)]
pub struct PlainText(pub String);

impl<S: Send + Sync> FromRequest<S> for PlainText {
    type Rejection = ApiError;

    async fn from_request(request: axum::extract::Request, state: &S) -> Result<Self, ApiError> {
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|e| ApiError::error(e.status(), e.body_text()))?;
        String::from_utf8(body.into())
            .map(Self)
            .map_err(|_| ApiError::bad_request("the body is not UTF-8 text"))
    }
}
