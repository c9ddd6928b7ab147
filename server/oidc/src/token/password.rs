//! Username and password in the request itself (RFC 6749 section 4.3): for administration tools;
//! new applications use the code flow.

use std::sync::Arc;

use realmkeep_authn::{LoginFailure, random, session, verify_password};
use realmkeep_events::Event;
use realmkeep_store::sessions::{ClientSessionDetail, UserSession, UserSessionDetail};
use realmkeep_store::{Batch, Client, Store};

use crate::context::Context;
use crate::error::{OAuthError, chain};
use crate::form::Form;
use crate::issue::{self, Grant, GrantKind, TokenResponse};
use crate::scopes::Scopes;

pub(super) const NAME: &str = "password";

pub(super) async fn login(
    context: &Context,
    client: &Arc<Client>,
    form: &Form,
    event: &mut Event,
) -> Result<TokenResponse, OAuthError> {
    let representation = &client.representation;
    if representation.direct_access_grants_enabled != Some(true) {
        return Err(OAuthError::new(
            http::StatusCode::BAD_REQUEST,
            "unauthorized_client",
            "Client not allowed for direct access grants",
        )
        .event("not_allowed"));
    }
    let scopes = Scopes::resolve(&context.realm, representation, form.value("scope"))?;
    let username = form.value("username").ok_or_else(|| OAuthError {
        status: http::StatusCode::UNAUTHORIZED,
        ..OAuthError::invalid_request("Missing parameter: username")
    })?;
    event
        .details
        .insert("username", username.chars().take(255).collect());
    let password = form.value("password").unwrap_or_default();
    let subject = verify_password(&context.services, &context.realm, username, password)
        .await
        .map_err(|failure| refused(failure, event))?;
    let user_id = subject.user.id.clone().unwrap_or_default();
    event.user_id = Some(user_id.clone());
    if subject
        .user
        .required_actions
        .as_ref()
        .is_some_and(|actions| !actions.is_empty())
    {
        return Err(OAuthError::invalid_grant("Account is not fully set up")
            .event("resolve_required_actions"));
    }
    let session = UserSession {
        id: random::token(18),
        user_id,
        started: context.now,
        last_refresh: context.now,
        expires: session::expiry(&context.realm, false, context.now, context.now),
        detail: UserSessionDetail {
            ip_address: context.ip.clone(),
            ..UserSessionDetail::default()
        },
    };
    event.session_id = Some(session.id.clone());
    let detail = ClientSessionDetail {
        scope: scopes.all(),
        ..ClientSessionDetail::default()
    };
    let grant = Grant {
        kind: GrantKind::Password,
        client,
        subject: &subject,
        session: Some(&session),
        scopes,
        nonce: None,
    };
    let prepared = issue::prepare(context, grant).await?;
    let own_id = representation.id.as_deref().unwrap_or_default();
    let mut batch = Batch::new();
    batch.push(Store::insert_session(&context.realm.id, &session)?);
    batch.push(Store::put_client_session(
        &session.id,
        own_id,
        context.now,
        &detail,
    )?);
    context.services.store.commit(batch).await?;
    prepared.sign(0)
}

/// One answer for every wrong login; the event has the reason.
fn refused(failure: LoginFailure, event: &mut Event) -> OAuthError {
    match failure {
        LoginFailure::Refused { reason, user_id } => {
            event.user_id = user_id;
            OAuthError::invalid_grant("Invalid user credentials")
                .event(reason.code())
                .because(reason.code())
        }
        LoginFailure::Overloaded => OAuthError::overloaded(),
        other => OAuthError::internal(&chain(&other)),
    }
}
