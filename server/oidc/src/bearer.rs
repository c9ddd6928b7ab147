//! Access tokens of our own, as they come back to us (RFC 6750, RFC 7009, RFC 7662).

use std::sync::Arc;

use http::{HeaderMap, header};
use realmkeep_authn::{Services, session};
use realmkeep_jose::{UnverifiedJwt, Verified, verify};
use realmkeep_store::sessions::UserSession;
use realmkeep_store::single_use::Space;
use realmkeep_store::{Client, Realm, StoreError, Subject};

/// A token that is good now, with all that it stands for.
#[derive(Debug)]
pub struct Bearer {
    pub token: Verified,
    pub client: Arc<Client>,
    pub subject: Arc<Subject>,
    /// None for a service account.
    pub session: Option<UserSession>,
}

/// Why a token is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum BearerError {
    /// It is not a token of this realm, not signed by it, or not of the right kind.
    #[error("Token verification failed")]
    Invalid(String),
    /// It was good once.
    #[error("{0}")]
    NotActive(&'static str),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keys(#[from] realmkeep_keys::KeysError),
}

/// The token of an `Authorization: Bearer` header (RFC 6750 section 2.1).
pub fn of_header(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, more) = (values.next()?, values.next());
    if more.is_some() {
        return None;
    }
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
        .filter(|token| !token.is_empty())
}

/// A token that this realm signed for others, whatever its kind and however old.
///
/// # Errors
/// [`BearerError::Invalid`], or when keys cannot be read.
pub async fn signed_by_us(
    services: &Services,
    realm: &Arc<Realm>,
    text: &str,
) -> Result<Verified, BearerError> {
    let invalid = |e: &dyn std::fmt::Display| BearerError::Invalid(e.to_string());
    let jwt = UnverifiedJwt::parse(text).map_err(|e| invalid(&e))?;
    let keys = services.keys.verification_set(realm).await?;
    let key = keys
        .find(jwt.unverified_kid(), jwt.unverified_algorithm())
        .map_err(|e| invalid(&e))?;
    let token = verify(&jwt, key).map_err(|e| invalid(&e))?;
    if token.iss() != Some(services.issuer(&realm.name).as_str()) {
        return Err(BearerError::Invalid("it is from another issuer".to_owned()));
    }
    Ok(token)
}

/// An access token that may be used now: signed by the realm, of the right kind, not expired, not
/// revoked, with client, user and session still there and enabled.
///
/// # Errors
/// Why not.
pub async fn access_token(
    services: &Services,
    realm: &Arc<Realm>,
    text: &str,
) -> Result<Bearer, BearerError> {
    let token = signed_by_us(services, realm, text).await?;
    if token.str("typ") != Some("Bearer") {
        return Err(BearerError::Invalid("it is not an access token".to_owned()));
    }
    active(services, realm, token).await
}

/// As [`access_token`], for a verified token of any kind.
///
/// # Errors
/// Why it may not be used.
pub async fn active(
    services: &Services,
    realm: &Arc<Realm>,
    token: Verified,
) -> Result<Bearer, BearerError> {
    let now = services.clock.now();
    let not_active = BearerError::NotActive;
    if token.exp().is_none_or(|exp| exp <= now) {
        return Err(not_active("Token is not active"));
    }
    let store = &services.store;
    let client_id = token.str("azp").unwrap_or_default();
    let client = store
        .client(realm, client_id)
        .await?
        .filter(|client| client.representation.enabled != Some(false))
        .ok_or(not_active("client_not_found"))?;
    if let Some(id) = token.jti() {
        let revoked: Option<()> = store
            .peek_single_use(Space::RevokedToken, &revocation_key(realm, id), now)
            .await?;
        if revoked.is_some() {
            return Err(not_active("Token verification failed"));
        }
    }
    let (user_id, session) = match token.str("sid") {
        Some(sid) => {
            let session = store
                .find_session(&realm.id, sid)
                .await?
                .filter(|session| session::is_alive(realm, session, now))
                .ok_or(not_active("user_session_not_found"))?;
            if token.sub().is_some_and(|sub| sub != session.user_id) {
                return Err(not_active("user_session_not_found"));
            }
            (session.user_id.clone(), Some(session))
        }
        None => (token.sub().unwrap_or_default().to_owned(), None),
    };
    let subject = store
        .subject(realm, &user_id)
        .await?
        .filter(|subject| subject.user.enabled == Some(true))
        .ok_or(not_active("user_not_found"))?;
    let not_before = [
        realm.settings.not_before,
        client.representation.not_before,
        subject.user.not_before,
    ];
    let not_before = not_before.into_iter().flatten().max().unwrap_or(0);
    if token.iat().unwrap_or(0) < i64::from(not_before) {
        return Err(not_active("Stale token"));
    }
    Ok(Bearer {
        token,
        client,
        subject,
        session,
    })
}

/// Where the revocation of a token is noted.
pub(crate) fn revocation_key(realm: &Realm, token_id: &str) -> String {
    format!("{}:{token_id}", realm.id)
}
