//! New tokens for a session that goes on (RFC 6749 section 6, RFC 9700 section 4.14).
//!
//! Each login of a client begins a line of refresh tokens. Where the realm revokes refresh tokens at
//! use, one conditional statement moves the line on: of all who present a token, one gets the next. A
//! token that was replaced before is a stolen one, or the thief's victim's: its line ends, whoever
//! comes; other logins, in the same session too, go on.

use realmkeep_authn::session;
use realmkeep_events::Event;
use realmkeep_jose::{UnverifiedJwt, Verified, verify};
use realmkeep_store::sessions::{ClientSession, Family, UserSession};
use realmkeep_store::{Batch, Client, Step, Store, StoreError};

use super::{TokenRequest, offline};
use crate::binding::Binding;
use crate::context::Context;
use crate::error::OAuthError;
use crate::issue::{
    self, Extras, Grant, GrantKind, OFFLINE, Place, REFRESH, TokenResponse, client_id,
};
use crate::lifespans;
use crate::policies::{Check, PolicyEvent};
use crate::scopes::Scopes;

pub(super) const NAME: &str = "refresh_token";
/// Realm attribute: so many seconds after its use a refresh token may come again, because the answer
/// got lost. What comes of it takes the place of the lost one. Nothing set: not at all.
const GRACE: &str = "refreshTokenGracePeriod";
/// Longest grace that is granted, in seconds.
const MAX_GRACE: i64 = 300;

pub(super) async fn refresh(
    request: &TokenRequest<'_>,
    event: &mut Event,
) -> Result<TokenResponse, OAuthError> {
    let (context, client) = (request.context, request.client);
    let text = request
        .form
        .value("refresh_token")
        .ok_or_else(|| OAuthError::invalid_request("No refresh token"))?;
    let token = read(context, text).await?;
    event.session_id = token.str("sid").map(str::to_owned);
    event.user_id = token.sub().map(str::to_owned);
    let kind = token.str("typ").unwrap_or_default();
    event.details.insert("refresh_token_type", kind.to_owned());
    if let Some(id) = token.jti() {
        event.details.insert("refresh_token_id", id.to_owned());
    }
    if token.str("azp") != Some(client_id(client)) {
        return Err(invalid(
            "Invalid refresh token. Token client and authorized client don't match",
        ));
    }
    let check = Check {
        token: Some(&token),
        ..request.check(PolicyEvent::TokenRefresh)
    };
    let policy = request.enforce(check).await?;
    let place = place(&token);
    let found = find(context, client, &token, &place).await?;
    check_not_before(context, client, &token)?;
    if !request.binding.satisfies(&Binding::of_token(&token)) {
        return Err(invalid("Token binding verification failed").because(
            "the refresh token is bound to a DPoP key or certificate that the request does not prove",
        ));
    }
    let session = &found.session;
    let subject = context
        .services
        .store
        .subject(&context.realm, &session.user_id)
        .await?
        .ok_or_else(|| invalid("Session not active").event("user_not_found"))?;
    let granted = token.str("scope").unwrap_or_default();
    if session.detail.offline {
        let all = Scopes::granted(&context.realm, &client.representation, granted);
        if !offline::is_requested(&all) {
            return Err(invalid("Offline tokens not allowed for the user or client")
                .because("the client does not have the scope offline_access any more"));
        }
        offline::check(&context.realm, &client.representation, &subject, &all)?;
    }
    let asked = request.form.value("scope");
    let scopes = narrowed(context, client, granted, asked)?;
    let extras = Extras {
        binding: request.binding.clone(),
        // RFC 6749 section 6: the refresh token's own scope stays as it is.
        refresh_scope: asked.map(|_| granted.to_owned()),
        policy,
        ..Extras::default()
    };
    let grant = Grant {
        kind: GrantKind::RefreshToken,
        client,
        subject: &subject,
        session: Some(session),
        scopes,
        nonce: None,
        client_session: Some(&found.part.detail),
    };
    let moves_on = !extras.policy.keep_refresh_token;
    let prepared = issue::prepare(context, grant).await?.with(extras);
    prepared.note(event);
    let next = advance(context, &found, place, moves_on, event).await?;
    prepared.sign(&next)
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
    let known = matches!(token.str("typ"), Some(REFRESH | OFFLINE));
    if !known || token.iss() != Some(context.issuer.as_str()) {
        return Err(refused("it is a token for something else".to_owned()));
    }
    Ok(token)
}

/// What a refresh token stands for.
pub(crate) struct Found {
    pub(crate) session: UserSession,
    pub(crate) part: ClientSession,
    /// The token's line, when one of it was replaced before.
    family: Option<Family>,
}

/// The session that a refresh token of the client is for, if both are still good.
///
/// # Errors
/// `invalid_grant` when not.
pub(crate) async fn find(
    context: &Context,
    client: &Client,
    token: &Verified,
    place: &Place,
) -> Result<Found, OAuthError> {
    if token.exp().is_some_and(|exp| exp <= context.now) {
        return Err(invalid("Token is not active"));
    }
    let store = &context.services.store;
    let realm = &context.realm;
    let sid = token.str("sid").unwrap_or_default();
    let own_id = client.representation.id.as_deref().unwrap_or_default();
    let found = store
        .find_refresh(&realm.id, sid, own_id, &place.family)
        .await?;
    let Some((session, part, family)) = found else {
        return Err(match store.find_session(&realm.id, sid).await? {
            Some(_) => invalid(NO_PART),
            None => invalid("Session not active").event("user_session_not_found"),
        });
    };
    let representation = &client.representation;
    let alive = session::is_alive(realm, &session, context.now)
        && lifespans::is_client_session_alive(realm, representation, &session, &part, context.now)
        // Tokens of clients that know their users by pseudonyms do not name them.
        && token.sub().is_none_or(|sub| sub == session.user_id)
        && session.detail.offline == (token.str("typ") == Some(OFFLINE));
    if !alive {
        return Err(invalid("Session not active").event("user_session_not_found"));
    }
    // A session id that was used again would not make an older token good.
    if token.iat().unwrap_or(0) < session.started {
        return Err(invalid("Stale token"));
    }
    if family.is_some_and(|family| family.generation < 0) {
        return Err(invalid(NO_PART).because("the line of refresh tokens was ended"));
    }
    Ok(Found {
        session,
        part,
        family,
    })
}

impl Found {
    /// Whether the token at this place is the one of its line that is good now.
    pub(crate) fn is_live(&self, place: &Place) -> bool {
        self.family.map_or(0, |family| family.generation) == place.generation
    }
}

const NO_PART: &str = "Session doesn't have required client";

/// Where the token stands in its line.
pub(crate) fn place(token: &Verified) -> Place {
    let generation = token.claim("gen").and_then(serde_json::Value::as_i64);
    match token.str("fam") {
        Some(family) => Place {
            family: family.to_owned(),
            generation: generation.unwrap_or(0),
        },
        // From before tokens named their line: all of a client's in a session are one.
        None => Place {
            family: format!(
                "{}.{}",
                token.str("sid").unwrap_or_default(),
                token.str("azp").unwrap_or_default()
            ),
            generation: 0,
        },
    }
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

/// Moves session, client session and line forward; the place of the next refresh token. The line stays
/// where it is unless it `moves_on`: no next token is handed out.
async fn advance(
    context: &Context,
    found: &Found,
    place: Place,
    moves_on: bool,
    event: &mut Event,
) -> Result<Place, OAuthError> {
    let settings = &context.realm.settings;
    let live = found.family.map_or(0, |family| family.generation);
    if place.generation == live {
        if settings.revoke_refresh_token != Some(true) || !moves_on {
            commit(context, found, None, event).await?;
            return Ok(place);
        }
        let step = match found.family {
            None => {
                let (session, client) = (&found.session.id, &found.part.client_id);
                Store::begin_family(&place.family, session, client, context.now)
            }
            Some(_) => Store::rotate_family(&place.family, live, context.now),
        };
        if let Some(generation) = commit(context, found, Some(step), event).await? {
            return Ok(Place {
                generation,
                ..place
            });
        }
        // Another request was faster: this one is a reuse.
    }
    again(context, found, place, event).await
}

/// The token was replaced before.
async fn again(
    context: &Context,
    found: &Found,
    place: Place,
    event: &mut Event,
) -> Result<Place, OAuthError> {
    let settings = &context.realm.settings;
    let most = i64::from(settings.refresh_token_max_reuse.unwrap_or(0));
    let grace = settings
        .attributes
        .as_ref()
        .and_then(|attributes| attributes.get(GRACE))
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(0)
        .clamp(0, MAX_GRACE);
    let mut ways = Vec::new();
    if most > 0 {
        ways.push(Store::reuse_family(&place.family, place.generation, most));
    }
    if grace > 0 {
        let since = context.now.saturating_sub(grace);
        ways.push(Store::repeat_family(&place.family, place.generation, since));
    }
    for step in ways {
        if let Some(generation) = commit(context, found, Some(step), event).await? {
            return Ok(Place {
                generation,
                ..place
            });
        }
    }
    let mut batch = Batch::new();
    batch.push(Store::end_family(
        &place.family,
        &found.session.id,
        &found.part.client_id,
        context.now,
    ));
    match context.services.store.commit(batch).await {
        Ok(_) => Err(invalid("Maximum allowed refresh token reuse exceeded").because(
            "a refresh token came again after it was replaced; the line of tokens that it belongs to was ended",
        )),
        Err(StoreError::Conflict(_)) => Err(ended()),
        Err(e) => Err(e.into()),
    }
}

/// Commits the line's step with the last use of session and client session and the event; the generation that it
/// returns, None when another request was faster.
async fn commit(
    context: &Context,
    found: &Found,
    step: Option<Step>,
    event: &mut Event,
) -> Result<Option<i64>, OAuthError> {
    let realm = &context.realm;
    let session = &found.session;
    let expires = session::expiry_of(realm, session, context.now);
    let mut batch = Batch::new();
    let moves = step.is_some();
    if let Some(step) = step {
        batch.push(step);
    }
    batch.push(Store::touch_client_session(
        &session.id,
        &found.part.client_id,
        context.now,
    ));
    batch.push(Store::touch_session(
        &realm.id,
        &session.id,
        context.now,
        expires,
    ));
    context.services.events.stage(realm, &mut batch, event);
    match context.services.store.commit(batch).await {
        Ok(rows) => {
            let row = rows.first().and_then(|rows| rows.first());
            match row {
                Some(row) if moves => Ok(Some(row.int(0)?)),
                _ => Ok(None),
            }
        }
        Err(StoreError::Guard(_)) if moves => Ok(None),
        Err(StoreError::Guard(_) | StoreError::Conflict(_)) => Err(ended()),
        Err(e) => Err(e.into()),
    }
}

fn ended() -> OAuthError {
    invalid("Session not active").event("user_session_not_found")
}

fn invalid(description: &'static str) -> OAuthError {
    OAuthError::invalid_grant(description).event("invalid_token")
}
