//! Clearing of caches: what is kept in memory is read anew.

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use http::StatusCode;
use realmkeep_authn::Services;
use realmkeep_store::Batch;

use crate::error::ApiResult;
use crate::request::Cx;
use crate::rights::Right;

pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/clear-realm-cache", post(clear))
        // Users hang off the realm's snapshot; keys of issuers are asked for anew when one is unknown, and
        // certificate revocation lists are not kept.
        .route("/clear-user-cache", post(clear))
        .route("/clear-keys-cache", post(clear))
        .route("/clear-crl-cache", post(clear))
}

async fn clear(cx: Cx) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    let mut batch = Batch::new();
    batch.touch(cx.touch_realm());
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}
