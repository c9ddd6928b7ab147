//! How long tokens live: the client's attributes before the realm's settings, in seconds.

use realmkeep_authn::session;
use realmkeep_representations::ClientRepresentation;
use realmkeep_store::Realm;
use realmkeep_store::sessions::{ClientSession, UserSession};

/// Where a realm is silent.
const ACCESS_TOKEN: i64 = 300;
const IMPLICIT_ACCESS_TOKEN: i64 = 900;

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

/// As [`access_token_expiry`], for tokens that pass through a browser.
pub(crate) fn implicit_token_expiry(
    realm: &Realm,
    client: &ClientRepresentation,
    session: Option<&UserSession>,
    now: i64,
) -> i64 {
    let general = realm
        .settings
        .access_token_lifespan_for_implicit_flow
        .map(i64::from);
    let lifespan = general
        .filter(|seconds| *seconds > 0)
        .unwrap_or(IMPLICIT_ACCESS_TOKEN);
    let expiry = now.saturating_add(lifespan);
    session.map_or(expiry, |s| expiry.min(session_end(realm, client, s)))
}

/// When a refresh token that is issued at `now` ends; None for an offline token that only idle time
/// ends.
pub(crate) fn refresh_token_expiry(
    realm: &Realm,
    client: &ClientRepresentation,
    session: &UserSession,
    now: i64,
) -> Option<i64> {
    let end = session_end(realm, client, session);
    if session.detail.offline && end == i64::MAX {
        return None;
    }
    Some(end.min(now.saturating_add(idle(realm, client, session))))
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
    let age_end =
        max(realm, client, session).map_or(i64::MAX, |max| own.started.saturating_add(max));
    now < idle_end && now < age_end
}

fn session_end(realm: &Realm, client: &ClientRepresentation, session: &UserSession) -> i64 {
    let whole = session::max_lifespan_of(realm, session);
    let own = max(realm, client, session);
    whole
        .into_iter()
        .chain(own)
        .min()
        .map_or(i64::MAX, |lifespan| {
            session.started.saturating_add(lifespan)
        })
}

fn idle(realm: &Realm, client: &ClientRepresentation, session: &UserSession) -> i64 {
    let whole = session::idle_timeout_of(realm, session);
    let settings = &realm.settings;
    let (name, general) = if session.detail.offline {
        (
            "client.offline.session.idle.timeout",
            settings.client_offline_session_idle_timeout,
        )
    } else {
        (
            "client.session.idle.timeout",
            settings.client_session_idle_timeout,
        )
    };
    attribute(client, name)
        .or(general.map(i64::from))
        .filter(|seconds| *seconds > 0)
        .map_or(whole, |seconds| seconds.min(whole))
}

/// The longest life of the client's part in a session, where one is set. That of offline sessions
/// counts only where the realm limits them.
fn max(realm: &Realm, client: &ClientRepresentation, session: &UserSession) -> Option<i64> {
    let settings = &realm.settings;
    let (name, general) = if session.detail.offline {
        if settings.offline_session_max_lifespan_enabled != Some(true) {
            return None;
        }
        (
            "client.offline.session.max.lifespan",
            settings.client_offline_session_max_lifespan,
        )
    } else {
        (
            "client.session.max.lifespan",
            settings.client_session_max_lifespan,
        )
    };
    attribute(client, name)
        .or(general.map(i64::from))
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
