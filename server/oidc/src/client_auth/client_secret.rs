//! A shared secret, in the form or by HTTP Basic (RFC 6749 section 2.3.1).

use std::sync::Arc;

use realmkeep_store::Client;

use super::presented::Presented;
use super::{Authenticated, refused, secrets};
use crate::context::Context;
use crate::error::OAuthError;

pub(super) const ID: &str = "client-secret";

pub(super) fn authenticate(
    context: &Context,
    presented: &Presented,
    client: Arc<Client>,
) -> Result<Authenticated, OAuthError> {
    if presented.assertion.is_some() {
        return Err(refused(
            "the client authenticates with its secret, and an assertion was sent",
        ));
    }
    let sent = presented
        .secret
        .as_ref()
        .ok_or_else(|| refused("no client secret was sent"))?;
    let live = secrets::live(&client, context.now).map_err(refused)?;
    if !secrets::contains(&live, sent) {
        return Err(refused("the client secret is wrong"));
    }
    Ok(Authenticated {
        client,
        method: ID,
        assertion: None,
        basic_realm: None,
    })
}
