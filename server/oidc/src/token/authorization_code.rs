//! A code from the authorization endpoint becomes tokens (RFC 6749 section 4.1.3, RFC 7636).

use std::sync::Arc;

use realmkeep_authn::code::{CodeRecord, Redeemed, UsedCode, redeem_code};
use realmkeep_events::Event;
use realmkeep_jose::{base64url, sha256};
use realmkeep_store::{Batch, Client, Store};
use subtle::ConstantTimeEq;

use crate::context::Context;
use crate::error::OAuthError;
use crate::form::Form;
use crate::issue::{self, Grant, GrantKind, TokenResponse};
use crate::scopes::Scopes;

pub(super) const NAME: &str = "authorization_code";

pub(super) async fn redeem(
    context: &Context,
    client: &Arc<Client>,
    form: &Form,
    event: &mut Event,
) -> Result<TokenResponse, OAuthError> {
    let code = form
        .value("code")
        .ok_or_else(|| OAuthError::invalid_request("Missing parameter: code"))?;
    let store = &context.services.store;
    let own_id = client.representation.id.as_deref().unwrap_or_default();
    let record = match redeem_code(store, &context.realm, code, context.now).await? {
        Redeemed::Code(record) => record,
        Redeemed::Again(used) => return Err(replayed(context, used).await?),
        Redeemed::Unknown => return Err(invalid_code("the code was never issued, or has expired")),
    };
    event.user_id = Some(record.user_id.clone());
    event.session_id = Some(record.session_id.clone());
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
    check_verifier(&record, form.value("code_verifier"))?;
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
    let grant = Grant {
        kind: GrantKind::AuthorizationCode,
        client,
        subject: &subject,
        session: Some(&session),
        scopes: Scopes::granted(&context.realm, &client.representation, &record.scope),
        nonce: record.nonce.as_deref(),
    };
    issue::prepare(context, grant).await?.sign(part.generation)
}

/// Proof Key for Code Exchange. A verifier without a challenge is refused as well: somebody took the
/// challenge out of the authorization request (RFC 9700 section 2.1.1).
fn check_verifier(record: &CodeRecord, verifier: Option<&str>) -> Result<(), OAuthError> {
    let refused =
        |text: &'static str| OAuthError::invalid_grant(text).event("invalid_code_verifier");
    let (challenge, verifier) = match (&record.code_challenge, verifier) {
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
    let derived = match record.code_challenge_method.as_deref() {
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
