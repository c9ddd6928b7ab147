//! A code from the authorization endpoint becomes tokens (RFC 6749 section 4.1.3, RFC 7636).

use realmkeep_authn::code::{CodeRecord, Redeemed, UsedCode, find_code};
use realmkeep_events::Event;
use realmkeep_jose::{base64url, sha256};
use realmkeep_store::{Batch, Store, StoreError};
use subtle::ConstantTimeEq;

use super::{TokenRequest, offline};
use crate::context::Context;
use crate::error::OAuthError;
use crate::issue::{self, Extras, Grant, GrantKind, Place, TokenResponse};
use crate::policies::{Check, PolicyEvent};
use crate::scopes::Scopes;

pub(super) const NAME: &str = "authorization_code";

pub(super) async fn redeem(
    request: &TokenRequest<'_>,
    event: &mut Event,
) -> Result<TokenResponse, OAuthError> {
    let context = request.context;
    let code = request
        .form
        .value("code")
        .ok_or_else(|| OAuthError::invalid_request("Missing parameter: code"))?;
    let store = &context.services.store;
    let (record, batch) = match find_code(store, &context.realm, code, context.now).await? {
        Redeemed::Code(record, batch) => (record, batch),
        Redeemed::Again(used) => return Err(replayed(context, used).await?),
        Redeemed::Unknown => return Err(invalid_code(UNKNOWN)),
    };
    event.user_id = Some(record.user_id.clone());
    event.session_id = Some(record.session_id.clone());
    event.details.insert("code_id", record.session_id.clone());
    let mut batch = Some(batch);
    let outcome = exchange(request, &record, &mut batch, event).await;
    if let Some(batch) = batch {
        // What it is refused for does not matter: a code counts once.
        match store.commit(batch).await {
            Ok(_) | Err(StoreError::Guard(_)) => {}
            Err(e) => return Err(e.into()),
        }
    }
    match outcome? {
        Some(tokens) => Ok(tokens),
        // Another request with the code was faster.
        None => match find_code(store, &context.realm, code, context.now).await? {
            Redeemed::Again(used) => Err(replayed(context, used).await?),
            Redeemed::Code(..) | Redeemed::Unknown => Err(invalid_code(UNKNOWN)),
        },
    }
}

const UNKNOWN: &str = "the code was never issued, or has expired";

/// Checks the code and commits the batch, which takes it, with all that comes of it; None when another
/// request took it first. The batch is left where it came to nothing.
async fn exchange(
    request: &TokenRequest<'_>,
    record: &CodeRecord,
    batch: &mut Option<Batch>,
    event: &mut Event,
) -> Result<Option<TokenResponse>, OAuthError> {
    let (context, client, form) = (request.context, request.client, request.form);
    let store = &context.services.store;
    let own_id = client.representation.id.as_deref().unwrap_or_default();
    if record.client != own_id {
        return Err(OAuthError::invalid_grant(
            "Auth error: Found different client_id in clientSession",
        )
        .event("invalid_code")
        .because("the code was issued to another client"));
    }
    if form.value("redirect_uri") != Some(record.redirect_uri.as_str()) {
        return Err(
            OAuthError::invalid_grant("Incorrect redirect_uri").event("invalid_redirect_uri")
        );
    }
    check_verifier(
        record.code_challenge.as_deref(),
        record.code_challenge_method.as_deref(),
        form.value("code_verifier"),
    )?;
    if record.dpop_jkt.is_some() && record.dpop_jkt != request.binding.jkt {
        return Err(OAuthError::invalid_grant(
            "The code is bound to another DPoP key, or no proof was sent",
        )
        .event("invalid_code"));
    }
    let check = request.check(PolicyEvent::TokenRequest);
    let scope = Some(record.scope.as_str());
    let policy = request.enforce(Check { scope, ..check }).await?;
    let gone = || {
        OAuthError::invalid_grant("Session not active")
            .event("user_session_not_found")
            .because("the login that the code belongs to has ended")
    };
    let (session, part) = store
        .find_client_session(&context.realm.id, &record.session_id, own_id)
        .await?
        .ok_or_else(gone)?;
    let subject = store
        .subject(&context.realm, &record.user_id)
        .await?
        .ok_or_else(gone)?;
    let scopes = Scopes::granted(&context.realm, &client.representation, &record.scope);
    let offline = if offline::is_requested(&scopes) {
        offline::check(&context.realm, &client.representation, &subject, &scopes)?;
        Some(offline::begin(context, &record.user_id, &session.detail))
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
        kind: GrantKind::AuthorizationCode,
        client,
        subject: &subject,
        session: Some(&session),
        scopes,
        nonce: record.nonce.as_deref(),
        client_session: Some(&part.detail),
    };
    let prepared = issue::prepare(context, grant).await?.with(extras);
    let Some(mut batch) = batch.take() else {
        return Ok(None);
    };
    if let Some(offline) = &offline {
        offline::keep(
            context,
            &mut batch,
            offline,
            &client.representation,
            &part.detail,
        )?;
    }
    request.stage(event, &prepared, &mut batch);
    match store.commit(batch).await {
        Ok(_) => prepared.sign(&Place::first()).map(Some),
        Err(StoreError::Guard(_)) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Proof Key for Code Exchange. A verifier without a challenge is refused as well: somebody took the
/// challenge out of the authorization request (RFC 9700 section 2.1.1).
pub(super) fn check_verifier(
    challenge: Option<&str>,
    method: Option<&str>,
    verifier: Option<&str>,
) -> Result<(), OAuthError> {
    let refused =
        |text: &'static str| OAuthError::invalid_grant(text).event("invalid_code_verifier");
    let (challenge, verifier) = match (challenge, verifier) {
        (None, None) => return Ok(()),
        (None, Some(_)) => {
            return Err(refused(
                "PKCE code verifier specified but challenge not present in authorization",
            ));
        }
        (Some(_), None) => {
            return Err(
                OAuthError::invalid_grant("PKCE code verifier not specified")
                    .event("code_verifier_missing"),
            );
        }
        (Some(challenge), Some(verifier)) => (challenge, verifier),
    };
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(unreserved) {
        return Err(refused("PKCE verification failed: Invalid code verifier"));
    }
    let derived = match method {
        Some("S256") => base64url(sha256(verifier.as_bytes())),
        None | Some("plain") => verifier.to_owned(),
        Some(_) => return Err(refused("PKCE verification failed: Code mismatch")),
    };
    if bool::from(derived.as_bytes().ct_eq(challenge.as_bytes())) {
        Ok(())
    } else {
        Err(refused("PKCE verification failed: Code mismatch"))
    }
}

/// A code that comes twice was stolen, from us or from the client: what the first use got ends
/// (RFC 6749 section 4.1.2).
async fn replayed(context: &Context, used: UsedCode) -> Result<OAuthError, OAuthError> {
    let mut batch = Batch::new();
    batch.push(Store::end_client_session(&used.session_id, &used.client));
    context.services.store.commit(batch).await?;
    Ok(invalid_code(
        "the code was used before; the client's part in the session was ended",
    ))
}

fn invalid_code(reason: &'static str) -> OAuthError {
    OAuthError::invalid_grant("Code not valid")
        .event("invalid_code")
        .because(reason)
}
