//! New tokens for a session that goes on (RFC 6749 section 6, RFC 9700 section 4.14).
//!
//! Where the realm revokes refresh tokens at use, each carries the generation of the client's part in
//! the session that it belongs to, and one conditional statement moves the generation on: of all who
//! present a token, one gets the next. A token of an older generation is a stolen one, or the thief's
//! victim's; both lose the client's part in the session.

use std::sync::Arc;

use realmkeep_authn::session;
use realmkeep_events::Event;
use realmkeep_jose::{UnverifiedJwt, Verified, verify};
use realmkeep_store::sessions::{ClientSession, UserSession};
use realmkeep_store::{Batch, Client, Step, Store, StoreError};

use crate::context::Context;
use crate::error::OAuthError;
use crate::form::Form;
use crate::issue::{self, Grant, GrantKind, TokenResponse, client_id};
use crate::lifespans;
use crate::scopes::Scopes;

pub(super) const NAME: &str = "refresh_token";

pub(super) async fn refresh(
    context: &Context,
    client: &Arc<Client>,
    form: &Form,
    event: &mut Event,
) -> Result<TokenResponse, OAuthError> {
    let text = form
        .value("refresh_token")
        .ok_or_else(|| OAuthError::invalid_request("No refresh token"))?;
    let token = read(context, text).await?;
    event.session_id = token.str("sid").map(str::to_owned);
    event.user_id = token.sub().map(str::to_owned);
    if let Some(id) = token.jti() {
        event.details.insert("refresh_token_id", id.to_owned());
    }
    if token.str("azp") != Some(client_id(client)) {
        return Err(invalid(
            "Invalid refresh token. Token client and authorized client don't match",
        ));
    }
    if token.exp().is_none_or(|exp| exp <= context.now) {
        return Err(invalid("Token is not active"));
    }
    let (session, part) = find(context, client, &token).await?;
    check_not_before(context, client, &token)?;
    let subject = context
        .services
        .store
        .subject(&context.realm, &session.user_id)
        .await?
        .ok_or_else(|| invalid("Session not active").event("user_not_found"))?;
    let granted = token.str("scope").unwrap_or_default();
    let scopes = narrowed(context, client, granted, form.value("scope"))?;
    let grant = Grant {
        kind: GrantKind::RefreshToken,
        client,
        subject: &subject,
        session: Some(&session),
        scopes,
        nonce: None,
    };
    let prepared = issue::prepare(context, grant).await?;
    let generation = advance(context, &session, part, &token).await?;
    prepared.sign(generation)
}

/// A refresh token of this realm, whether or not it is still good for anything.
///
/// # Errors
/// When it is something else.
pub(crate) async fn read(context: &Context, text: &str) -> Result<Verified, OAuthError> {
    let refused = |reason: String| invalid("Invalid refresh token").because(reason);
    let jwt = UnverifiedJwt::parse(text).map_err(|e| refused(e.to_string()))?;
    let keys = context.services.keys.internal_set(&context.realm).await?;
    let key = keys
        .find(jwt.unverified_kid(), jwt.unverified_algorithm())
        .map_err(|e| refused(e.to_string()))?;
    let token = verify(&jwt, key).map_err(|e| refused(e.to_string()))?;
    if token.str("typ") != Some("Refresh") || token.iss() != Some(context.issuer.as_str()) {
        return Err(refused("it is a token for something else".to_owned()));
    }
    Ok(token)
}

async fn find(
    context: &Context,
    client: &Client,
    token: &Verified,
) -> Result<(UserSession, ClientSession), OAuthError> {
    let store = &context.services.store;
    let realm = &context.realm;
    let sid = token.str("sid").unwrap_or_default();
    let own_id = client.representation.id.as_deref().unwrap_or_default();
    let found = store.find_client_session(&realm.id, sid, own_id).await?;
    let Some((session, part)) = found else {
        return Err(match store.find_session(&realm.id, sid).await? {
            Some(_) => invalid("Session doesn't have required client"),
            None => invalid("Session not active").event("user_session_not_found"),
        });
    };
    let representation = &client.representation;
    let alive = session::is_alive(realm, &session, context.now)
        && lifespans::is_client_session_alive(realm, representation, &session, &part, context.now)
        && token.sub() == Some(session.user_id.as_str());
    if !alive {
        return Err(invalid("Session not active").event("user_session_not_found"));
    }
    // A session id that was used again would not make an older token good.
    if token.iat().unwrap_or(0) < session.started {
        return Err(invalid("Stale token"));
    }
    Ok((session, part))
}

/// Tokens from before a "not before" of realm or client are refused; that of the user is checked
/// with the session.
fn check_not_before(
    context: &Context,
    client: &Client,
    token: &Verified,
) -> Result<(), OAuthError> {
    let realm = context.realm.settings.not_before.map_or(0, i64::from);
    let own = client.representation.not_before.map_or(0, i64::from);
    if token.iat().unwrap_or(0) < realm.max(own) {
        return Err(invalid("Stale token"));
    }
    Ok(())
}

/// The granted scopes, or fewer where the request asks for fewer.
fn narrowed<'a>(
    context: &'a Context,
    client: &Client,
    granted: &str,
    asked: Option<&str>,
) -> Result<Scopes<'a>, OAuthError> {
    let Some(asked) = asked else {
        return Ok(Scopes::granted(
            &context.realm,
            &client.representation,
            granted,
        ));
    };
    let more = asked
        .split(' ')
        .filter(|name| !name.is_empty())
        .any(|name| !granted.split(' ').any(|known| known == name));
    if more {
        let shown: String = asked.chars().take(200).collect();
        return Err(OAuthError::invalid_scope(format!(
            "Invalid scopes: {shown}"
        )));
    }
    Scopes::resolve(&context.realm, &client.representation, Some(asked))
}

/// Moves session and client session forward; the generation that the next refresh token belongs to.
async fn advance(
    context: &Context,
    session: &UserSession,
    part: ClientSession,
    token: &Verified,
) -> Result<i64, OAuthError> {
    let settings = &context.realm.settings;
    let now = context.now;
    let client = part.client_id.as_str();
    if settings.revoke_refresh_token != Some(true) {
        let step = Store::touch_client_session(&session.id, client, now);
        return match commit(context, session, step).await {
            Ok(()) => Ok(part.generation),
            Err(StoreError::Guard(_)) => Err(ended()),
            Err(e) => Err(e.into()),
        };
    }
    let presented = token.claim("gen").and_then(serde_json::Value::as_i64);
    let presented = presented.ok_or_else(|| invalid("Invalid refresh token"))?;
    let mut current = part.generation;
    if presented == current {
        let step = Store::rotate_refresh(&session.id, client, current, now);
        match commit(context, session, step).await {
            Ok(()) => return Ok(current.saturating_add(1)),
            // Another request was faster: this one is a reuse.
            Err(StoreError::Guard(_)) => current = current.saturating_add(1),
            Err(e) => return Err(e.into()),
        }
    }
    let most = i64::from(settings.refresh_token_max_reuse.unwrap_or(0));
    if presented.saturating_add(1) == current && most > 0 {
        let step = Store::reuse_refresh(&session.id, client, current, now, most);
        match commit(context, session, step).await {
            Ok(()) => return Ok(current),
            Err(StoreError::Guard(_)) => {}
            Err(e) => return Err(e.into()),
        }
    }
    let mut batch = Batch::new();
    batch.push(Store::end_client_session(&session.id, client));
    context.services.store.commit(batch).await?;
    Err(invalid("Maximum allowed refresh token reuse exceeded").because(
        "a refresh token came again after it was replaced; the client's part in the session was ended",
    ))
}

async fn commit(context: &Context, session: &UserSession, step: Step) -> Result<(), StoreError> {
    let realm = &context.realm;
    let expires = session::expiry(
        realm,
        session.detail.remember_me,
        session.started,
        context.now,
    );
    let mut batch = Batch::new();
    batch.push(step);
    batch.push(Store::touch_session(
        &realm.id,
        &session.id,
        context.now,
        expires,
    ));
    context.services.store.commit(batch).await.map(|_| ())
}

fn ended() -> OAuthError {
    invalid("Session not active").event("user_session_not_found")
}

fn invalid(description: &'static str) -> OAuthError {
    OAuthError::invalid_grant(description).event("invalid_token")
}
