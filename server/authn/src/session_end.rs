//! The end of a session, with what tells the applications of it: the notices are written with the end
//! and delivered beside the request (OpenID Connect Back-Channel Logout 1.0, and Keycloak's admin URL).

use realmkeep_representations::ClientRepresentation;
use realmkeep_store::logout_notices::LogoutNotice;
use realmkeep_store::sessions::UserSession;
use realmkeep_store::{Realm, Step, Store, StoreError};
use uuid::Uuid;

use crate::Services;

/// Seconds after which the notice of an ended session is of no use any more.
const EXPIRY: i64 = 86_400;

/// The steps that end a session without its browser: every client with a part in it that can be told
/// by back channel is told.
///
/// # Errors
/// When the database fails.
pub async fn end(
    services: &Services,
    realm: &Realm,
    session: &UserSession,
) -> Result<Vec<Step>, StoreError> {
    let mut steps = notices(services, realm, session).await?;
    steps.push(Store::end_session(&realm.id, &session.id));
    Ok(steps)
}

/// As [`end`], of all sessions of a user but the offline ones.
///
/// # Errors
/// When the database fails.
pub async fn end_of_user(
    services: &Services,
    realm: &Realm,
    user_id: &str,
) -> Result<Vec<Step>, StoreError> {
    let mut steps = Vec::new();
    for session in services.store.sessions_of_user(&realm.id, user_id).await? {
        steps.extend(notices(services, realm, &session).await?);
    }
    steps.push(Store::end_sessions_of_user(&realm.id, user_id));
    Ok(steps)
}

/// What tells the clients of a session that it ends.
///
/// # Errors
/// When the database fails.
pub async fn notices(
    services: &Services,
    realm: &Realm,
    session: &UserSession,
) -> Result<Vec<Step>, StoreError> {
    let mut steps = Vec::new();
    for part in services.store.client_sessions(&session.id).await? {
        let client = services.store.client_by_id(realm, &part.client_id).await?;
        if let Some(client) = client {
            steps.extend(notice(services, realm, &client.representation, session)?);
        }
    }
    Ok(steps)
}

/// The step that tells one client; None when it cannot be told.
///
/// # Errors
/// When the notice has no JSON form.
pub fn notice(
    services: &Services,
    realm: &Realm,
    client: &ClientRepresentation,
    session: &UserSession,
) -> Result<Option<Step>, StoreError> {
    if !is_told(client) {
        return Ok(None);
    }
    let now = services.clock.now();
    let notice = LogoutNotice {
        realm: realm.name.clone(),
        client: client.id.clone().unwrap_or_default(),
        session_id: session.id.clone(),
        user_id: session.user_id.clone(),
    };
    let id = Uuid::new_v4().to_string();
    let expires = now.saturating_add(EXPIRY);
    Store::insert_logout_notice(&id, &realm.id, &notice, now, expires).map(Some)
}

fn is_told(client: &ClientRepresentation) -> bool {
    back_channel_url(client).is_some() || admin_url(client).is_some()
}

/// Where logout tokens go.
pub fn back_channel_url(client: &ClientRepresentation) -> Option<&str> {
    let url = client.attributes.as_ref()?.get("backchannel.logout.url")?;
    Some(url.as_str()).filter(|url| !url.is_empty())
}

/// The client's admin URL as an absolute address, without the slash at its end. None for clients of
/// other protocols, which take SAML messages there.
pub fn admin_url(client: &ClientRepresentation) -> Option<String> {
    if client.protocol.as_deref().unwrap_or("openid-connect") != "openid-connect" {
        return None;
    }
    let url = client.admin_url.as_deref().filter(|url| !url.is_empty())?;
    let root = client.root_url.as_deref().unwrap_or_default();
    let absolute = if url.starts_with('/') {
        format!("{root}{url}")
    } else {
        url.replace("${authBaseUrl}", root)
    };
    absolute
        .contains("://")
        .then(|| absolute.trim_end_matches('/').to_owned())
}
