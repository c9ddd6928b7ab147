//! Clients that have nothing to prove (RFC 6749 section 2.1).

use std::sync::Arc;

use realmkeep_store::Client;

use super::presented::Presented;
use super::{Authenticated, refused};
use crate::error::OAuthError;

pub(super) fn authenticate(
    presented: &Presented,
    client: Arc<Client>,
) -> Result<Authenticated, OAuthError> {
    if presented.assertion.is_some() {
        return Err(refused("a public client has no assertion"));
    }
    Ok(Authenticated {
        client,
        method: "none",
        assertion: None,
        basic_realm: None,
    })
}
