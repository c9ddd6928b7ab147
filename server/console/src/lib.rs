//! The admin console and the account console: two single-page applications (console/), embedded
//! when `cargo xtask console` has built them, and the pages that start them.
//!
//! Everything that the applications show comes from the Admin REST API and the account REST API;
//! what is here needs no login and tells nothing that the login page does not.

mod account;
mod admin;
mod assets;
mod messages;
mod page;

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::StatusCode;
use realmkeep_authn::Services;
use realmkeep_oidc::transport::Transport;
use realmkeep_store::Realm;

pub use account::answer as account_pages;

/// `/admin/{realm}/console/`, `/resources/…` and the ways there.
pub fn router() -> Router<Arc<Services>> {
    Router::new()
        .route(
            "/admin",
            get(async || Redirect::to("/admin/master/console/")),
        )
        .route(
            "/admin/",
            get(async || Redirect::to("/admin/master/console/")),
        )
        .route("/admin/{realm}/console", get(admin::slash))
        .route("/admin/{realm}/console/", get(admin::page))
        .route("/resources/{version}/console/{*file}", get(assets::file))
        .route("/resources/{realm}/admin/{language}", get(messages::admin))
        .route(
            "/resources/{realm}/account/{language}",
            get(messages::account),
        )
}

/// Whether this build carries the consoles.
pub fn is_embedded() -> bool {
    assets::manifest().is_some()
}

/// The realm of that name, if it takes logins.
async fn realm(
    services: &Services,
    name: &str,
    transport: Transport,
) -> Result<Arc<Realm>, Response> {
    match services.store.realm(name).await {
        Ok(Some(realm)) if realm.settings.enabled != Some(false) => {
            if transport.suits(&realm) {
                Ok(realm)
            } else {
                Err((StatusCode::FORBIDDEN, "HTTPS required").into_response())
            }
        }
        Ok(_) => Err((StatusCode::NOT_FOUND, "There is no such realm.").into_response()),
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a console's realm could not be read"
            );
            Err((
                StatusCode::SERVICE_UNAVAILABLE,
                "The database does not answer; try again.",
            )
                .into_response())
        }
    }
}
