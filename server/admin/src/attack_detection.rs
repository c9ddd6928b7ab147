//! Failed logins, and the lockouts that follow from them.

use std::sync::Arc;

use axum::routing::{delete, get};
use axum::{Json, Router};
use http::StatusCode;
use realmkeep_authn::Services;
use realmkeep_store::login_failures::LoginFailures;
use realmkeep_store::{Batch, Store};
use serde_json::{Value, json};

use crate::error::ApiResult;
use crate::request::Cx;
use crate::users;

pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/brute-force/users", delete(clear_all))
        .route("/brute-force/users/{user}", get(status).delete(clear))
}

/// What is known of a user's failed logins, as the API shows it; `now` in milliseconds.
pub fn shown(known: Option<&LoginFailures>, now: i64) -> Value {
    let none = LoginFailures::default();
    let known = known.unwrap_or(&none);
    json!({
        "numFailures": known.failures,
        "disabled": known.locked_until > now,
        "lastIPFailure": if known.last_ip.is_empty() { "n/a" } else { known.last_ip.as_str() },
        "lastFailure": known.last_failure,
        "numTemporaryLockouts": known.lockouts,
        "failedLoginNotBefore": known.locked_until.div_euclid(1000),
    })
}

async fn status(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(users::VIEW)?;
    let user = users::here(&cx).await?.id.unwrap_or_default();
    let known = cx.store().brute_force_status(&cx.realm.id, &user).await?;
    Ok(Json(shown(known.as_ref(), cx.services.clock.now_millis())))
}

async fn clear(cx: Cx) -> ApiResult<StatusCode> {
    let user = users::here_to_manage(&cx).await?.id.unwrap_or_default();
    let mut batch = Batch::new();
    batch.push(Store::brute_force_clear(&cx.realm.id, &user));
    batch.touch(cx.touch_user(&user));
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_all(cx: Cx) -> ApiResult<StatusCode> {
    cx.require(users::MANAGE)?;
    let mut batch = Batch::new();
    batch.push(Store::brute_force_clear_all(&cx.realm.id));
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}
