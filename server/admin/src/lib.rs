//! The Admin REST API: everything below `/admin`.
//!
//! A handler takes a [`request::Cx`] (who asks, in which realm, with which rights), names the right it
//! needs, and changes the store by one batch. Objects are found inside the request's realm only.

mod actor;
mod attack_detection;
mod audit;
mod authentication;
pub mod bootstrap;
mod bulk_import;
mod caches;
mod client_certificates;
mod client_descriptions;
mod client_evaluation;
mod client_nodes;
mod client_policies;
mod client_policy_checks;
mod client_registration;
mod client_scopes;
mod client_secrets;
mod client_urls;
mod clients;
mod components;
mod console;
mod declarative;
mod error;
mod events;
mod export;
mod federated_identities;
mod grants;
mod groups;
mod identity_provider_metadata;
mod identity_providers;
mod impersonation;
mod import;
mod import_file;
mod installation;
mod localization;
mod managed_resources;
mod merge;
mod multipart;
mod names;
mod placeholders;
mod profile;
mod protocol_mappers;
mod provider_lists;
mod realms;
mod request;
mod rights;
mod role_mappings;
mod roles;
mod server_info;
mod sessions;
mod steps;
mod ui_ext;
mod unsupported;
mod user_consents;
mod user_credentials;
mod user_mail;
mod users;
mod whole_realm;
mod workload_identities;

pub use bulk_import::{ExistingRealm, ImportOptions, ImportedRealm, import_files};
pub use import::{ExportError, ImportError, Imported, export_realm, import_realm};
pub use import_file::FileError;
pub use server_info::COMPATIBLE_VERSION;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use http::{HeaderValue, Uri, header};
use realmkeep_authn::Services;
use realmkeep_events::stored_before_answer;

use declarative::Routes;

/// Everything below `/admin`; paths with a slash at the end are taken as well.
pub fn router() -> Router<Arc<Services>> {
    let routes: Arc<OnceLock<Routes>> = Arc::default();
    let handler = move |State(services): State<Arc<Services>>, mut request: Request| {
        let routes = routes
            .get_or_init(|| Routes::new(admin_routes(), services))
            .clone();
        async move {
            trim_slash(request.uri_mut());
            request.extensions_mut().insert(audit::Sent::default());
            asked_again(stored_before_answer(routes.answer(request)).await)
        }
    };
    Router::new()
        .route("/admin", any(handler.clone()))
        .route("/admin/", any(handler.clone()))
        .route("/admin/{*below_admin}", any(handler))
}

/// Whoever keeps an answer asks anew before it is used.
fn asked_again(mut response: Response) -> Response {
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-cache"));
    response
}

fn admin_routes() -> Router<Arc<Services>> {
    let realm = Router::new()
        .merge(realms::routes())
        .merge(events::routes())
        .merge(localization::routes())
        .merge(caches::routes())
        .merge(provider_lists::routes())
        .merge(client_scopes::default_routes())
        .merge(groups::realm_routes())
        .merge(components::routes())
        .merge(sessions::routes())
        .merge(import::routes())
        .merge(declarative::routes())
        .merge(managed_resources::routes())
        .merge(workload_identities::routes())
        .nest("/clients", clients::routes())
        .nest("/client-scopes", client_scopes::routes())
        .nest("/users", users::routes())
        .nest("/roles", roles::routes())
        .nest("/roles-by-id", roles::routes_by_id())
        .nest("/groups", groups::routes())
        .nest(
            "/identity-provider",
            identity_providers::routes().merge(identity_provider_metadata::routes()),
        )
        .nest("/authentication", authentication::routes())
        .nest("/attack-detection", attack_detection::routes())
        .nest("/client-policies", client_policies::routes())
        .nest("/clients-initial-access", client_registration::routes())
        .nest("/client-templates", client_scopes::routes())
        .nest("/ui-ext", ui_ext::routes());
    let admin = Router::new()
        .merge(realms::collection())
        .merge(server_info::routes())
        .merge(console::routes())
        .nest("/realms/{realm}", realm);
    Router::new()
        .nest("/admin", admin)
        .fallback(unsupported::fallback)
        .method_not_allowed_fallback(unsupported::method_not_allowed)
}

/// Existing clients call collections both ways: `/users` and `/users/`.
fn trim_slash(uri: &mut Uri) {
    let path = uri.path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() == path.len() || trimmed.is_empty() {
        return;
    }
    let with_query = match uri.query() {
        Some(query) => format!("{trimmed}?{query}"),
        None => trimmed.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = with_query.parse().ok();
    if let Ok(trimmed) = Uri::from_parts(parts) {
        *uri = trimmed;
    }
}
