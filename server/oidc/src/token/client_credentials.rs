//! The client acts for itself, by its service account (RFC 6749 section 4.4).

use realmkeep_authn::{random, session};
use realmkeep_events::Event;
use realmkeep_representations::ClientRepresentation;
use realmkeep_store::Batch;
use realmkeep_store::sessions::{ClientSessionDetail, UserSession, UserSessionDetail};

use super::{TokenRequest, offline};
use crate::error::OAuthError;
use crate::issue::{self, Extras, Grant, GrantKind, Place, TokenResponse};
use crate::policies::{Check, PolicyEvent};
use crate::scopes::Scopes;

pub(super) const NAME: &str = "client_credentials";
/// Client attribute: a session is kept, and a refresh token given.
const USE_REFRESH_TOKEN: &str = "client_credentials.use_refresh_token";

/// No session is kept and no refresh token given, unless the client is set to have them or asks for an
/// offline token: it can come back any time.
pub(super) async fn issue(
    request: &TokenRequest<'_>,
    event: &mut Event,
) -> Result<TokenResponse, OAuthError> {
    let (context, client, form) = (request.context, request.client, request.form);
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
    let check = request.check(PolicyEvent::ServiceAccountToken);
    let scope = Some(form.value("scope").unwrap_or_default());
    let policy = request.enforce(Check { scope, ..check }).await?;
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
    let login = UserSessionDetail {
        ip_address: context.ip.clone(),
        notes: issue::service_account_notes(context, representation),
        ..UserSessionDetail::default()
    };
    let user_id = subject.user.id.clone().unwrap_or_default();
    let kept = if offline::is_requested(&scopes) {
        offline::check(&context.realm, representation, &subject, &scopes)?;
        Some(offline::begin(context, &user_id, &login))
    } else if keeps_session(representation) {
        Some(UserSession {
            id: random::token(18),
            user_id,
            started: context.now,
            last_refresh: context.now,
            expires: session::expiry(&context.realm, false, context.now, context.now),
            detail: login,
        })
    } else {
        None
    };
    let detail = ClientSessionDetail {
        scope: scopes.all(),
        ..ClientSessionDetail::default()
    };
    if let Some(session) = &kept {
        event.session_id = Some(session.id.clone());
    }
    let extras = Extras {
        binding: request.binding.clone(),
        policy,
        ..Extras::default()
    };
    let grant = Grant {
        kind: GrantKind::ClientCredentials,
        client,
        subject: &subject,
        session: kept.as_ref(),
        scopes,
        nonce: None,
        client_session: kept.as_ref().map(|_| &detail),
    };
    let prepared = issue::prepare(context, grant).await?.with(extras);
    if let Some(session) = &kept {
        let mut batch = Batch::new();
        offline::keep(context, &mut batch, session, representation, &detail)?;
        request.stage(event, &prepared, &mut batch);
        store.commit(batch).await?;
    }
    prepared.sign(&Place::first())
}

fn keeps_session(client: &ClientRepresentation) -> bool {
    let attributes = client.attributes.as_ref();
    attributes
        .and_then(|all| all.get(USE_REFRESH_TOKEN))
        .is_some_and(|value| value == "true")
}
