//! Initial access tokens and registration access tokens: signed with the realm's own secret, so that
//! only this server reads them, and bound to a row that says what they are still good for.

use std::sync::Arc;

use realmkeep_authn::Services;
use realmkeep_jose::{Algorithm, UnverifiedJwt, Verified, verify};
use realmkeep_store::Realm;
use realmkeep_store::initial_access::InitialAccess;
use serde_json::json;

use crate::error::OAuthError;

pub(super) const INITIAL: &str = "InitialAccessToken";
pub(super) const REGISTRATION: &str = "RegistrationAccessToken";

/// The token for an initial access row; hand it out once.
///
/// # Errors
/// When the realm has no secret to sign with.
pub async fn initial_access_token(
    services: &Services,
    realm: &Arc<Realm>,
    access: &InitialAccess,
) -> Result<String, OAuthError> {
    let expires = (access.expires > 0).then_some(access.expires);
    signed(
        services,
        realm,
        INITIAL,
        &access.id,
        access.created,
        expires,
    )
    .await
}

/// The token of a client's registration access row.
///
/// # Errors
/// When the realm has no secret to sign with.
pub async fn registration_access_token(
    services: &Services,
    realm: &Arc<Realm>,
    token_id: &str,
) -> Result<String, OAuthError> {
    let now = services.clock.now();
    signed(services, realm, REGISTRATION, token_id, now, None).await
}

async fn signed(
    services: &Services,
    realm: &Arc<Realm>,
    typ: &str,
    id: &str,
    issued: i64,
    expires: Option<i64>,
) -> Result<String, OAuthError> {
    let key = services
        .keys
        .active_signing(realm, Algorithm::Hs512)
        .await?;
    let issuer = services.issuer(&realm.name);
    let mut token = json!({"iat": issued, "jti": id, "iss": issuer, "aud": issuer, "typ": typ});
    if let (Some(expires), Some(token)) = (expires, token.as_object_mut()) {
        token.insert("exp".to_owned(), expires.into());
    }
    key.sign("JWT", &token)
        .map_err(|e| OAuthError::internal(&e))
}

/// A token of either kind that this realm made and that has not expired; None when it is something
/// else.
pub(super) async fn read(
    services: &Services,
    realm: &Arc<Realm>,
    text: &str,
) -> Result<Option<Verified>, OAuthError> {
    let Ok(jwt) = UnverifiedJwt::parse(text) else {
        return Ok(None);
    };
    let keys = services.keys.internal_set(realm).await?;
    let Ok(key) = keys.find(jwt.unverified_kid(), jwt.unverified_algorithm()) else {
        return Ok(None);
    };
    let Ok(token) = verify(&jwt, key) else {
        return Ok(None);
    };
    let ours = token.iss() == Some(services.issuer(&realm.name).as_str())
        && matches!(token.str("typ"), Some(INITIAL | REGISTRATION))
        && token.exp().is_none_or(|exp| exp > services.clock.now());
    Ok(ours.then_some(token))
}
