//! How long tokens live: the client's attributes before the realm's settings, in seconds.

use realmkeep_authn::session;
use realmkeep_representations::ClientRepresentation;
use realmkeep_store::Realm;
use realmkeep_store::sessions::{ClientSession, UserSession};

/// Where a realm is silent.
const ACCESS_TOKEN: i64 = 300;

/// When an access token that is issued at `now` ends. Tokens of a session end with it at the latest.
pub(crate) fn access_token_expiry(
    realm: &Realm,
    client: &ClientRepresentation,
    session: Option<&UserSession>,
    now: i64,
) -> i64 {
    let own = attribute(client, "access.token.lifespan");
    let general = realm.settings.access_token_lifespan.map(i64::from);
    let session_end = session.map(|s| session_end(realm, client, s));
    let lifespan = match own.or(general) {
        Some(seconds) if seconds > 0 => seconds,
        // -1: as long as the session.
        Some(-1) if session_end.is_some() => i64::MAX / 4,
        _ => ACCESS_TOKEN,
    };
    let expiry = now.saturating_add(lifespan);
    session_end.map_or(expiry, |end| expiry.min(end))
}

/// When a refresh token that is issued at `now` ends.
pub(crate) fn refresh_token_expiry(
    realm: &Realm,
    client: &ClientRepresentation,
    session: &UserSession,
    now: i64,
) -> i64 {
    now.saturating_add(idle(realm, client, session))
        .min(session_end(realm, client, session))
}

/// Whether the client's part in the session was used recently enough, and is young enough.
pub(crate) fn is_client_session_alive(
    realm: &Realm,
    client: &ClientRepresentation,
    session: &UserSession,
    own: &ClientSession,
    now: i64,
) -> bool {
    let idle_end = own
        .last_refresh
        .saturating_add(idle(realm, client, session));
    let age_end = max(realm, client).map_or(i64::MAX, |max| own.started.saturating_add(max));
    now < idle_end && now < age_end
}

fn session_end(realm: &Realm, client: &ClientRepresentation, session: &UserSession) -> i64 {
    let whole = session::max_lifespan(realm, session.detail.remember_me);
    let lifespan = max(realm, client).map_or(whole, |max| max.min(whole));
    session.started.saturating_add(lifespan)
}

fn idle(realm: &Realm, client: &ClientRepresentation, session: &UserSession) -> i64 {
    let whole = session::idle_timeout(realm, session.detail.remember_me);
    let general = realm.settings.client_session_idle_timeout.map(i64::from);
    attribute(client, "client.session.idle.timeout")
        .or(general)
        .filter(|seconds| *seconds > 0)
        .map_or(whole, |seconds| seconds.min(whole))
}

fn max(realm: &Realm, client: &ClientRepresentation) -> Option<i64> {
    let general = realm.settings.client_session_max_lifespan.map(i64::from);
    attribute(client, "client.session.max.lifespan")
        .or(general)
        .filter(|seconds| *seconds > 0)
}

fn attribute(client: &ClientRepresentation, name: &str) -> Option<i64> {
    client
        .attributes
        .as_ref()?
        .get(name)?
        .parse()
        .ok()
        .filter(|seconds| *seconds != 0)
}
