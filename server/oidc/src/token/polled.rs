//! What device code and CIBA grants share: the client polls until the user has answered elsewhere.

use realmkeep_events::Event;
use realmkeep_jose::{base64url, sha256};
use realmkeep_store::pending::{Approval, PendingGrant, PendingKind, PendingStatus};
use realmkeep_store::{Batch, Step, Store, StoreError};
use serde::de::DeserializeOwned;

use super::{TokenRequest, offline};
use crate::authorize::consent;
use crate::error::OAuthError;
use crate::issue::{self, Extras, Grant, GrantKind, Place, TokenResponse};
use crate::policies::{Check, PolicyEvent};
use crate::scopes::Scopes;

/// A client that polls too fast has to wait so many seconds longer (RFC 8628 section 3.5) …
const SLOWER: i64 = 5;
/// … up to this, so that a broken client can get well again.
const SLOWEST: i64 = 120;

/// The key under which the grant of a code is kept: who reads the table cannot poll with it.
pub(crate) fn key(code: &str) -> String {
    base64url(sha256(code.as_bytes()))
}

/// The grant that the client polls for, once its user has consented.
///
/// # Errors
/// `authorization_pending`, `slow_down`, `expired_token`, `access_denied`, or `invalid_grant` with
/// `unknown` for a code that was never given out, or used.
pub(super) async fn poll<T: DeserializeOwned>(
    request: &TokenRequest<'_>,
    kind: PendingKind,
    code: &str,
    unknown: &'static str,
) -> Result<(PendingGrant<T>, Approval), OAuthError> {
    let context = request.context;
    let store = &context.services.store;
    let unknown = || OAuthError::invalid_grant(unknown).event("invalid_code");
    let own_id = request.client.representation.id.as_deref();
    let grant = store
        .find_pending::<T>(&context.realm.id, kind, &key(code))
        .await?
        .ok_or_else(unknown)?;
    if Some(grant.client_id.as_str()) != own_id {
        return Err(unknown().because("the code was given to another client"));
    }
    if grant.expires <= context.now {
        return Err(refused("expired_token", "The code has expired; begin anew"));
    }
    let step = match (grant.status, grant.approval.clone()) {
        (PendingStatus::Approved, Some(approval)) => return Ok((grant, approval)),
        (PendingStatus::Denied | PendingStatus::Approved, _) => {
            commit(store, Store::take_pending(&grant.id, grant.status)).await?;
            return Err(refused(
                "access_denied",
                "The end user denied the authorization request",
            )
            .event("rejected_by_user"));
        }
        (PendingStatus::Pending, _) if context.now < grant.next_poll => {
            let every = grant.poll_every.saturating_add(SLOWER).min(SLOWEST);
            commit(store, slower(&grant, context.now, every)).await?;
            return Err(refused("slow_down", "Slow down"));
        }
        (PendingStatus::Pending, _) => slower(&grant, context.now, grant.poll_every),
    };
    commit(store, step).await?;
    Err(refused(
        "authorization_pending",
        "The authorization request is still pending",
    ))
}

fn slower<T>(grant: &PendingGrant<T>, now: i64, every: i64) -> Step {
    Store::pending_polled(&grant.id, now.saturating_add(every), every)
}

async fn commit(store: &Store, step: Step) -> Result<(), OAuthError> {
    let mut batch = Batch::new();
    batch.push(step);
    match store.commit(batch).await {
        // Another poll of the same code was faster; what it did is enough.
        Ok(_) | Err(StoreError::Guard(_)) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// Tokens for the session in which the user consented; the code is good for nothing afterwards.
///
/// # Errors
/// When the session is gone, or another request with the same code was faster.
pub(super) async fn redeem(
    request: &TokenRequest<'_>,
    kind: GrantKind,
    id: &str,
    approval: &Approval,
    scope: &str,
    event: &mut Event,
) -> Result<TokenResponse, OAuthError> {
    let (context, client) = (request.context, request.client);
    let representation = &client.representation;
    let store = &context.services.store;
    let own_id = representation.id.as_deref().unwrap_or_default();
    let asked = match kind {
        GrantKind::Ciba => PolicyEvent::BackchannelToken,
        _ => PolicyEvent::DeviceToken,
    };
    let check = request.check(asked);
    let granted = (kind == GrantKind::Ciba).then_some(scope);
    let policy = request
        .enforce(Check {
            scope: granted,
            ..check
        })
        .await?;
    let gone = || {
        OAuthError::invalid_grant("Session not active")
            .event("user_session_not_found")
            .because("the login in which the user consented has ended")
    };
    let (session, part) = store
        .find_client_session(&context.realm.id, &approval.session_id, own_id)
        .await?
        .filter(|(session, _)| session.user_id == approval.user_id)
        .ok_or_else(gone)?;
    let subject = store
        .subject(&context.realm, &approval.user_id)
        .await?
        .ok_or_else(gone)?;
    let scopes = Scopes::granted(&context.realm, representation, scope);
    let consent = match kind {
        GrantKind::Ciba => {
            consent::remember_step(context, representation, &scopes, &approval.user_id).await?
        }
        _ => None,
    };
    let offline = if offline::is_requested(&scopes) {
        offline::check(&context.realm, representation, &subject, &scopes)?;
        Some(offline::begin(context, &approval.user_id, &session.detail))
    } else {
        None
    };
    let extras = Extras {
        binding: request.binding.clone(),
        refresh_session: offline.as_ref(),
        policy,
        ..Extras::default()
    };
    let grant = Grant {
        kind,
        client,
        subject: &subject,
        session: Some(&session),
        scopes,
        nonce: None,
        client_session: Some(&part.detail),
    };
    let prepared = issue::prepare(context, grant).await?.with(extras);
    let mut batch = Batch::new();
    batch.push(Store::take_pending(id, PendingStatus::Approved));
    if let Some(consent) = consent {
        batch.push(consent);
    }
    if let Some(offline) = &offline {
        offline::keep(context, &mut batch, offline, representation, &part.detail)?;
    }
    request.stage(event, &prepared, &mut batch);
    match store.commit(batch).await {
        Ok(_) => prepared.sign(&Place::first()),
        Err(StoreError::Guard(_)) => {
            Err(OAuthError::invalid_grant("The code was used before").event("invalid_code"))
        }
        Err(e) => Err(e.into()),
    }
}

fn refused(error: &'static str, description: &'static str) -> OAuthError {
    OAuthError::new(http::StatusCode::BAD_REQUEST, error, description)
}
