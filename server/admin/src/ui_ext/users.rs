//! Users with their failed logins.

use axum::Json;
use serde_json::Value;

use crate::attack_detection;
use crate::error::{ApiError, ApiResult};
use crate::request::Cx;
use crate::rights::Right;
use crate::users;

pub async fn list(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(&[Right::VIEW_USERS, Right::QUERY_USERS])?;
    if !cx.rights.has(Right::VIEW_USERS) {
        return Ok(Json(Vec::new()));
    }
    let now = cx.services.clock.now_millis();
    let protected = cx.realm.settings.brute_force_protected == Some(true);
    let brief = cx.flag("briefRepresentation");
    let mut rows = Vec::new();
    for user in users::find(&cx, cx.page_or(100)?).await? {
        let id = user.id.clone().unwrap_or_default();
        let known = if protected {
            cx.store().brute_force_status(&cx.realm.id, &id).await?
        } else {
            None
        };
        let mut row =
            serde_json::to_value(users::listed(user, &cx, brief)).map_err(ApiError::internal)?;
        if let Value::Object(fields) = &mut row {
            let status = attack_detection::shown(known.as_ref(), now);
            fields.insert("bruteForceStatus".to_owned(), status);
        }
        rows.push(row);
    }
    Ok(Json(rows))
}
