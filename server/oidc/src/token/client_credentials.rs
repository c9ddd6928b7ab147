//! The client acts for itself, by its service account (RFC 6749 section 4.4).

use std::sync::Arc;

use realmkeep_events::Event;
use realmkeep_store::Client;

use crate::context::Context;
use crate::error::OAuthError;
use crate::form::Form;
use crate::issue::{self, Grant, GrantKind, TokenResponse};
use crate::scopes::Scopes;

pub(super) const NAME: &str = "client_credentials";

/// No session is kept and no refresh token given: the client can come back any time.
pub(super) async fn issue(
    context: &Context,
    client: &Arc<Client>,
    form: &Form,
    event: &mut Event,
) -> Result<TokenResponse, OAuthError> {
    let representation = &client.representation;
    if representation.public_client == Some(true) {
        return Err(OAuthError::unauthorized_client(
            "Public client not allowed to retrieve service account",
        )
        .event("invalid_client"));
    }
    if representation.service_accounts_enabled != Some(true) {
        return Err(OAuthError::unauthorized_client(
            "Client not enabled to retrieve service account",
        )
        .event("invalid_client"));
    }
    let scopes = Scopes::resolve(&context.realm, representation, form.value("scope"))?;
    let store = &context.services.store;
    let missing = || {
        OAuthError::unauthorized_client("The client has no service account")
            .event("user_not_found")
            .because("the service account user was deleted; switch service accounts off and on")
    };
    let own_id = representation.id.as_deref().unwrap_or_default();
    let subject = store
        .service_account(&context.realm, own_id)
        .await?
        .ok_or_else(missing)?;
    event.user_id.clone_from(&subject.user.id);
    if let Some(username) = &subject.user.username {
        event.details.insert("username", username.clone());
    }
    let grant = Grant {
        kind: GrantKind::ClientCredentials,
        client,
        subject: &subject,
        session: None,
        scopes,
        nonce: None,
    };
    issue::prepare(context, grant).await?.sign(0)
}
