//! Offline tokens: refresh tokens that outlive the login they came from (OpenID Connect Core section
//! 11). Each stands for an offline session of its own, which has other ids than any login.

use realmkeep_authn::{random, session};
use realmkeep_events::Event;
use realmkeep_representations::ClientRepresentation;
use realmkeep_store::sessions::{ClientSessionDetail, UserSession, UserSessionDetail};
use realmkeep_store::{Batch, Realm, Store, StoreError, Subject};

use super::TokenRequest;
use crate::context::Context;
use crate::error::OAuthError;
use crate::issue::Prepared;
use crate::scopes::{OFFLINE_ACCESS, Scopes};

/// Realm role that the user has to have, and the client in its scope.
const ROLE: &str = OFFLINE_ACCESS;

pub(super) fn is_requested(scopes: &Scopes<'_>) -> bool {
    scopes
        .client_scopes
        .iter()
        .any(|scope| scope.name.as_deref() == Some(OFFLINE_ACCESS))
}

/// Whether user and client may have offline tokens.
///
/// # Errors
/// `not_allowed` when one of them may not.
pub(super) fn check(
    realm: &Realm,
    client: &ClientRepresentation,
    subject: &Subject,
    scopes: &Scopes<'_>,
) -> Result<(), OAuthError> {
    let role = realm
        .roles
        .realm_role(ROLE)
        .and_then(|role| role.id.as_ref());
    let allowed = role.is_some_and(|role| {
        subject.roles.contains(role) && is_in_scope(realm, client, scopes, role)
    });
    if allowed {
        return Ok(());
    }
    Err(OAuthError::new(
        http::StatusCode::BAD_REQUEST,
        "not_allowed",
        "Offline tokens not allowed for the user or client",
    )
    .because("the user lacks the realm role offline_access, or it is outside the client's scope"))
}

fn is_in_scope(
    realm: &Realm,
    client: &ClientRepresentation,
    scopes: &Scopes<'_>,
    role: &String,
) -> bool {
    if client.full_scope_allowed != Some(false) {
        return true;
    }
    let mut holders = scopes
        .client_scopes
        .iter()
        .filter_map(|scope| scope.id.as_ref())
        .chain(client.id.as_ref());
    holders.any(|id| {
        let mapped = realm.scope_roles.get(id);
        mapped.is_some_and(|roles| realm.roles.expand(roles.iter().cloned()).contains(role))
    })
}

/// A session that begins now, without a browser.
pub(super) fn online(context: &Context, user_id: &str, detail: UserSessionDetail) -> UserSession {
    UserSession {
        id: random::token(18),
        user_id: user_id.to_owned(),
        started: context.now,
        last_refresh: context.now,
        expires: session::expiry(&context.realm, false, context.now, context.now),
        detail,
    }
}

/// An offline session that begins now, for the user of a login.
pub(super) fn begin(context: &Context, user_id: &str, login: &UserSessionDetail) -> UserSession {
    let mut session = UserSession {
        id: random::token(18),
        user_id: user_id.to_owned(),
        started: context.now,
        last_refresh: context.now,
        expires: context.now,
        detail: UserSessionDetail {
            offline: true,
            remember_me: false,
            ..login.clone()
        },
    };
    session.expires = session::expiry_of(&context.realm, &session, context.now);
    session
}

/// Writes down a session that a grant begins, with all that comes of it: the common end of grants that
/// need no browser.
///
/// # Errors
/// When the database fails, or something in the batch came too late.
pub(super) async fn write(
    request: &TokenRequest<'_>,
    event: &mut Event,
    prepared: &Prepared<'_>,
    (session, detail): (&UserSession, &ClientSessionDetail),
    mut batch: Batch,
) -> Result<(), StoreError> {
    let context = request.context;
    let client = &request.client.representation;
    keep(context, &mut batch, session, client, detail)?;
    request.stage(event, prepared, &mut batch);
    context.services.store.commit(batch).await?;
    Ok(())
}

/// Adds the steps that keep an offline session and the client's part in it.
///
/// # Errors
/// When it cannot be written as JSON.
pub(super) fn keep(
    context: &Context,
    batch: &mut Batch,
    session: &UserSession,
    client: &ClientRepresentation,
    detail: &ClientSessionDetail,
) -> Result<(), StoreError> {
    let own_id = client.id.as_deref().unwrap_or_default();
    batch.push(Store::insert_session(&context.realm.id, session)?);
    batch.push(Store::put_client_session(
        &session.id,
        own_id,
        context.now,
        detail,
    )?);
    Ok(())
}
