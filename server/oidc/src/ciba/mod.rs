//! Client-Initiated Backchannel Authentication (OpenID Connect CIBA Core 1.0): the client asks, the
//! user answers on another device, through an entity that the administrator trusts.

mod authentication;
mod callback;
mod channel;

use http::StatusCode;
use realmkeep_store::Client;
use serde::{Deserialize, Serialize};

use crate::error::OAuthError;

pub(crate) use authentication::endpoint;
pub(crate) use callback::endpoint as callback_endpoint;

/// Client attribute that lets a client use the grant.
const ENABLED: &str = "oidc.ciba.grant.enabled";

/// What the client asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CibaRequest {
    pub(crate) user_id: String,
    /// Requested and allowed scope, space separated.
    pub(crate) scope: String,
    /// Where the client is told that its user answered, sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ping: Option<String>,
}

/// Whether the client may use the grant.
///
/// # Errors
/// `unauthorized_client` when it may not.
pub(crate) fn check_enabled(client: &Client) -> Result<(), OAuthError> {
    let confidential = client.representation.public_client != Some(true);
    if confidential && attribute(client, ENABLED) == Some("true") {
        return Ok(());
    }
    Err(OAuthError::new(
        StatusCode::BAD_REQUEST,
        "unauthorized_client",
        "Client not allowed OIDC CIBA Grant",
    )
    .event("not_allowed")
    .because(format!(
        "the client is public, or its attribute {ENABLED} is not true"
    )))
}

fn attribute<'a>(client: &'a Client, name: &str) -> Option<&'a str> {
    let attributes = client.representation.attributes.as_ref()?;
    attributes
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}
