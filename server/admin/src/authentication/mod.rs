//! Authentication flows, their executions and configurations, and required actions.

mod configs;
mod executions;
mod flows;
mod providers;
mod required_actions;
mod stored;

pub use providers::{described, listed};
pub use required_actions::{
    configurable as action_is_configurable, known as required_action_names,
    sorted as sorted_actions,
};
pub use stored::{bindings, numbered, without_ids};

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use realmkeep_authn::Services;

pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/flows", get(flows::list).post(flows::create))
        .route(
            "/flows/{flow}",
            get(flows::read).put(flows::update).delete(flows::delete),
        )
        .route("/flows/{flow}/copy", post(flows::copy))
        .route(
            "/flows/{flow}/executions",
            get(executions::list).put(executions::update),
        )
        .route(
            "/flows/{flow}/executions/execution",
            post(executions::add_step),
        )
        .route("/flows/{flow}/executions/flow", post(executions::add_flow))
        .route("/executions", post(executions::create))
        .route(
            "/executions/{execution}",
            get(executions::read).delete(executions::delete),
        )
        .route("/executions/{execution}/config", post(configs::create))
        .route("/executions/{execution}/config/{id}", get(configs::read))
        .route(
            "/executions/{execution}/raise-priority",
            post(executions::raise),
        )
        .route(
            "/executions/{execution}/lower-priority",
            post(executions::lower),
        )
        .route("/config", post(configs::create_unbound))
        .route(
            "/config/{id}",
            get(configs::read)
                .put(configs::update)
                .delete(configs::delete),
        )
        .route("/config-description/{provider}", get(providers::describe))
        .route(
            "/per-client-config-description",
            get(providers::describe_per_client),
        )
        .route("/authenticator-providers", get(providers::authenticators))
        .route(
            "/client-authenticator-providers",
            get(providers::client_authenticators),
        )
        .route("/form-providers", get(providers::forms))
        .route("/form-action-providers", get(providers::form_actions))
        .route("/required-actions", get(required_actions::list))
        .route(
            "/required-actions/{alias}",
            get(required_actions::read)
                .put(required_actions::update)
                .delete(required_actions::delete),
        )
        .route(
            "/required-actions/{alias}/config",
            get(required_actions::config)
                .put(required_actions::set_config)
                .delete(required_actions::clear_config),
        )
        .route(
            "/required-actions/{alias}/config-description",
            get(required_actions::config_description),
        )
        .route(
            "/required-actions/{alias}/raise-priority",
            post(required_actions::raise),
        )
        .route(
            "/required-actions/{alias}/lower-priority",
            post(required_actions::lower),
        )
        .route(
            "/unregistered-required-actions",
            get(required_actions::unregistered),
        )
        .route(
            "/register-required-action",
            post(required_actions::register),
        )
}
