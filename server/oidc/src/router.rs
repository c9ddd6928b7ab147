use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::routing::{get, post};
use realmkeep_authn::Services;
use realmkeep_events::stored_before_answer;

use crate::{
    authorize, browser, ciba, cors, device, discovery, docker, introspect, login_actions, logout,
    registration, revoke, session_status, token, userinfo,
};

/// Everything below `/realms`.
pub fn router() -> Router<Arc<Services>> {
    let protocol = "/realms/{realm}/protocol/openid-connect";
    Router::new()
        .route("/realms/{realm}", get(discovery::realm))
        .route(
            "/realms/{realm}/.well-known/openid-configuration",
            get(discovery::metadata),
        )
        .route(
            "/realms/{realm}/.well-known/oauth-authorization-server",
            get(discovery::metadata),
        )
        // RFC 8414 section 3.1: before the issuer's path.
        .route(
            "/.well-known/oauth-authorization-server/realms/{realm}",
            get(discovery::metadata),
        )
        .route(
            "/.well-known/openid-configuration/realms/{realm}",
            get(discovery::metadata),
        )
        .route(&format!("{protocol}/certs"), get(discovery::certs))
        .route(
            &format!("{protocol}/token"),
            post(token::endpoint).options(cors::preflight_post),
        )
        .route(
            &format!("{protocol}/token/introspect"),
            post(introspect::endpoint),
        )
        .route(
            &format!("{protocol}/auth/device"),
            post(device::endpoint).options(cors::preflight_post),
        )
        .route(&format!("{protocol}/ext/ciba/auth"), post(ciba::endpoint))
        .route(
            &format!("{protocol}/ext/ciba/auth/callback"),
            post(ciba::callback_endpoint),
        )
        .route(
            &format!("{protocol}/revoke"),
            post(revoke::endpoint).options(cors::preflight_post),
        )
        .route(
            &format!("{protocol}/userinfo"),
            get(userinfo::get)
                .post(userinfo::post)
                .options(cors::preflight_get),
        )
        .route(
            "/realms/{realm}/protocol/docker-v2/auth",
            get(docker::endpoint),
        )
        .merge(authorize::routes())
        .merge(login_actions::routes())
        .merge(logout::routes())
        .merge(session_status::routes())
        .merge(registration::routes())
        .merge(browser::resources())
        .layer(middleware::from_fn(async |request: Request, next: Next| {
            stored_before_answer(next.run(request)).await
        }))
}
