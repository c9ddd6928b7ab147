//! What has no handler: parts of the Admin API that come later are named, anything else is not found.

use std::sync::Arc;

use axum::extract::State;
use http::request::Parts;
use http::{Method, StatusCode};
use realmkeep_authn::Services;

use crate::actor::Actor;
use crate::error::ApiError;

/// Path segments below a realm, and the capability that they belong to. `*` is any one segment.
const LATER: &[(&[&str], &str)] = &[
    (&["client-types"], "client types"),
    (&["clients", "*", "authz"], "authorization services"),
    (&["clients", "*", "evaluate-scopes"], "scope evaluation"),
    (
        &["clients", "*", "management"],
        "fine-grained admin permissions",
    ),
    (
        &["clients", "*", "roles", "*", "management"],
        "fine-grained admin permissions",
    ),
    (
        &["groups", "*", "management"],
        "fine-grained admin permissions",
    ),
    (
        &["identity-provider", "instances", "*", "management"],
        "fine-grained admin permissions",
    ),
    (&["ldap-server-capabilities"], "user federation"),
    (&["organizations"], "organizations"),
    (
        &["roles", "*", "management"],
        "fine-grained admin permissions",
    ),
    (
        &["roles-by-id", "*", "management"],
        "fine-grained admin permissions",
    ),
    (&["ssf"], "shared signals"),
    (&["testLDAPConnection"], "user federation"),
    (&["user-storage"], "user federation"),
    (
        &["users-management-permissions"],
        "fine-grained admin permissions",
    ),
    (&["users", "*", "vc"], "verifiable credentials"),
    (&["workflows"], "workflows"),
];

/// # Errors
/// Always: 401 to strangers, 501 with the name of the capability, or 404.
pub async fn fallback(State(services): State<Arc<Services>>, parts: Parts) -> ApiError {
    let path = parts.uri.path();
    if !path.starts_with("/admin/realms") {
        return ApiError::not_found("HTTP 404 Not Found");
    }
    if let Err(e) = Actor::authenticate(&services, &parts).await {
        return e;
    }
    let below = path.split('/').skip_while(|s| *s != "realms").skip(2);
    let segments: Vec<&str> = below.filter(|s| !s.is_empty()).collect();
    match capability(&segments) {
        Some(name) => ApiError::not_supported(name),
        None => ApiError::not_found("HTTP 404 Not Found"),
    }
}

fn capability(segments: &[&str]) -> Option<&'static str> {
    LATER
        .iter()
        .find(|(prefix, _)| {
            segments.len() >= prefix.len()
                && prefix
                    .iter()
                    .zip(segments)
                    .all(|(wanted, segment)| *wanted == "*" || wanted == segment)
        })
        .map(|(_, name)| *name)
}

/// A path that is known, with another method: some methods come later, others never.
pub async fn method_not_allowed(State(services): State<Arc<Services>>, parts: Parts) -> ApiError {
    if parts.method != Method::OPTIONS
        && let Err(e) = Actor::authenticate(&services, &parts).await
    {
        return e;
    }
    ApiError::error(
        StatusCode::METHOD_NOT_ALLOWED,
        "HTTP 405 Method Not Allowed",
    )
}

#[cfg(test)]
mod tests {
    use super::capability;

    #[test]
    fn capabilities_are_found_by_prefix() {
        assert_eq!(
            capability(&["organizations", "x", "members"]),
            Some("organizations")
        );
        assert_eq!(
            capability(&["users", "1", "vc"]),
            Some("verifiable credentials")
        );
        assert_eq!(capability(&["users", "1", "nope"]), None);
        assert_eq!(capability(&["nope"]), None);
        assert_eq!(capability(&[]), None);
    }
}
