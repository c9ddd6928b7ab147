//! The account REST API, `/realms/{realm}/account`: what users see and change of their own account.
//!
//! Every call carries an access token of the user whose roles of the client `account` say what it may do.

mod applications;
mod caller;
mod credentials;
mod error;
mod groups;
mod linked_accounts;
mod profile;
mod sessions;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::routing::{delete, get, put};
use realmkeep_authn::Services;
use realmkeep_events::stored_before_answer;

/// Everything below `/realms/{realm}/account`.
pub fn router() -> Router<Arc<Services>> {
    let account = Router::new()
        .route("/supportedLocales", get(profile::supported_locales))
        .route("/credentials", get(credentials::list))
        .route("/credentials/{credential}", delete(credentials::remove))
        .route("/credentials/{credential}/label", put(credentials::label))
        .route(
            "/sessions",
            get(sessions::list).delete(sessions::end_others),
        )
        .route("/sessions/devices", get(sessions::devices))
        .route("/sessions/{session}", delete(sessions::end))
        .route("/applications", get(applications::list))
        .route(
            "/applications/{client}/consent",
            get(applications::consent)
                .post(applications::grant)
                .put(applications::grant)
                .delete(applications::revoke),
        )
        .route("/groups", get(groups::list))
        .route("/linked-accounts", get(linked_accounts::list))
        .route(
            "/linked-accounts/{provider}",
            get(linked_accounts::link).delete(linked_accounts::unlink),
        )
        .route("/organizations", get(error::no_organizations))
        .route("/resources", get(error::no_resources))
        .route(
            "/resources/{*below}",
            axum::routing::any(error::no_resources),
        )
        .route(
            "/verifiable-credentials",
            axum::routing::any(error::no_verifiable_credentials),
        )
        .route(
            "/issued-verifiable-credentials",
            axum::routing::any(error::no_verifiable_credentials),
        );
    let own = get(profile::read).post(profile::update);
    Router::new()
        .route("/realms/{realm}/account", own.clone())
        .route("/realms/{realm}/account/", own)
        .nest("/realms/{realm}/account", account)
        .layer(middleware::from_fn(async |request: Request, next: Next| {
            stored_before_answer(next.run(request)).await
        }))
}
