//! How long a login lasts.

use realmkeep_store::Realm;
use realmkeep_store::sessions::UserSession;

/// Keycloak's defaults where a realm is silent, in seconds.
const IDLE: i64 = 1_800;
const MAX: i64 = 36_000;
const OFFLINE_IDLE: i64 = 2_592_000;
const OFFLINE_MAX: i64 = 5_184_000;

/// Seconds after which an unused session ends.
pub fn idle_timeout(realm: &Realm, remember_me: bool) -> i64 {
    let settings = &realm.settings;
    let remembered = settings.sso_session_idle_timeout_remember_me;
    pick(
        remember_me,
        remembered,
        settings.sso_session_idle_timeout,
        IDLE,
    )
}

/// Seconds after which a session ends however much it is used.
pub fn max_lifespan(realm: &Realm, remember_me: bool) -> i64 {
    let settings = &realm.settings;
    let remembered = settings.sso_session_max_lifespan_remember_me;
    pick(
        remember_me,
        remembered,
        settings.sso_session_max_lifespan,
        MAX,
    )
}

/// Seconds after which an unused session of this kind ends.
pub fn idle_timeout_of(realm: &Realm, session: &UserSession) -> i64 {
    if session.detail.offline {
        let idle = realm.settings.offline_session_idle_timeout;
        return idle
            .map(i64::from)
            .filter(|v| *v > 0)
            .unwrap_or(OFFLINE_IDLE);
    }
    idle_timeout(realm, session.detail.remember_me)
}

/// Seconds after which a session of this kind ends however much it is used; None when only idle time
/// ends it.
pub fn max_lifespan_of(realm: &Realm, session: &UserSession) -> Option<i64> {
    if session.detail.offline {
        let limited = realm.settings.offline_session_max_lifespan_enabled == Some(true);
        let max = realm.settings.offline_session_max_lifespan;
        let max = max.map(i64::from).filter(|v| *v > 0).unwrap_or(OFFLINE_MAX);
        return limited.then_some(max);
    }
    Some(max_lifespan(realm, session.detail.remember_me))
}

/// When this session, last used at `now`, may be dropped.
pub fn expiry_of(realm: &Realm, session: &UserSession, now: i64) -> i64 {
    let idle = now.saturating_add(idle_timeout_of(realm, session));
    max_lifespan_of(realm, session)
        .map_or(idle, |max| idle.min(session.started.saturating_add(max)))
}

/// When a login that was last used at `now` may be dropped.
pub fn expiry(realm: &Realm, remember_me: bool, started: i64, now: i64) -> i64 {
    let idle = now.saturating_add(idle_timeout(realm, remember_me));
    idle.min(started.saturating_add(max_lifespan(realm, remember_me)))
}

/// Whether the session may still be used at `now`, by the realm's present settings.
pub fn is_alive(realm: &Realm, session: &UserSession, now: i64) -> bool {
    let not_before = realm.settings.not_before.map_or(0, i64::from);
    now < expiry_of(realm, session, session.last_refresh) && session.started >= not_before
}

/// A realm's value of zero means "as the other sessions".
fn pick(remember_me: bool, remembered: Option<i32>, normal: Option<i32>, default: i64) -> i64 {
    let set = |value: Option<i32>| value.map(i64::from).filter(|v| *v > 0);
    let normal = set(normal).unwrap_or(default);
    if remember_me {
        set(remembered).unwrap_or(normal)
    } else {
        normal
    }
}
