//! Access tokens of our own, as they come back to us (RFC 6750, RFC 7009, RFC 7662).

use std::sync::Arc;

use http::{HeaderMap, Method, header};
use realmkeep_authn::{Services, session};
use realmkeep_jose::{UnverifiedJwt, Verified, verify};
use realmkeep_store::sessions::UserSession;
use realmkeep_store::single_use::Space;
use realmkeep_store::{Client, Realm, StoreError, Subject};

use crate::binding::Binding;
use crate::context::Context;
use crate::dpop;

/// A token that is good now, with all that it stands for.
#[derive(Debug)]
pub struct Bearer {
    pub token: Verified,
    pub client: Arc<Client>,
    pub subject: Arc<Subject>,
    /// None for a service account.
    pub session: Option<UserSession>,
}

/// How a token was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 6750: whoever has it may use it.
    Bearer,
    /// RFC 9449: with a proof of the key that it is bound to.
    Dpop,
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
    /// Its sender did not prove to have the key that it is bound to.
    #[error("{0}")]
    Unproven(&'static str),
    /// Its proof has to have a nonce of ours, and has not.
    #[error("The DPoP proof has to have the nonce of the DPoP-Nonce header")]
    NonceWanted,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keys(#[from] realmkeep_keys::KeysError),
}

/// The token of an `Authorization: Bearer` header (RFC 6750 section 2.1).
pub fn of_header(headers: &HeaderMap) -> Option<&str> {
    match presented(headers)? {
        (Scheme::Bearer, token) => Some(token),
        (Scheme::Dpop, _) => None,
    }
}

/// The token of an `Authorization` header with the scheme `Bearer` or `DPoP` (RFC 9449 section 7.1).
pub fn presented(headers: &HeaderMap) -> Option<(Scheme, &str)> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, more) = (values.next()?, values.next());
    if more.is_some() {
        return None;
    }
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Scheme::Bearer,
        "dpop" => Scheme::Dpop,
        _ => return None,
    };
    Some((scheme, token.trim())).filter(|(_, token)| !token.is_empty())
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

/// An access token that may be used now, by whoever has it: signed by the realm, of the right kind, not expired, not
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
    if !Binding::of_token(&token).is_empty() {
        return Err(BearerError::Invalid(
            "it is bound to a key or certificate that was not proven".to_owned(),
        ));
    }
    active(services, realm, token).await
}

/// As [`access_token`], for a request that may prove what the token is bound to.
///
/// # Errors
/// Why it may not be used.
pub(crate) async fn proven_access_token(
    context: &Context,
    headers: &HeaderMap,
    method: &Method,
    url: &str,
    (scheme, text): (Scheme, &str),
) -> Result<Bearer, BearerError> {
    let token = signed_by_us(&context.services, &context.realm, text).await?;
    if token.str("typ") != Some("Bearer") {
        return Err(BearerError::Invalid("it is not an access token".to_owned()));
    }
    let bound = Binding::of_token(&token);
    let mut proven = Binding {
        jkt: None,
        x5t: context.certificate.as_ref().map(|c| c.thumbprint()),
    };
    match scheme {
        Scheme::Bearer if bound.jkt.is_some() => {
            return Err(BearerError::Invalid(
                "it is bound to a DPoP key, and was sent as a bearer token".to_owned(),
            ));
        }
        Scheme::Bearer => {}
        Scheme::Dpop => {
            let azp = token.str("azp").unwrap_or_default();
            let client = context.services.store.client(&context.realm, azp).await?;
            let client = client.ok_or(BearerError::NotActive("client_not_found"))?;
            let request_line = (method, url);
            let own = &client.representation;
            proven.jkt = dpop::proof(context, headers, request_line, Some(text), own)
                .await
                .map_err(|e| match e.error {
                    "invalid_dpop_proof" => BearerError::Unproven("DPoP proof is not valid"),
                    dpop::nonce::WANTED => BearerError::NonceWanted,
                    _ => BearerError::Invalid("the DPoP proof could not be checked".to_owned()),
                })?;
            if proven.jkt.is_none() {
                return Err(BearerError::Invalid("the DPoP proof is missing".to_owned()));
            }
            if bound.jkt.is_none() {
                return Err(BearerError::Invalid(
                    "it is not bound to a DPoP key, and was sent as if".to_owned(),
                ));
            }
        }
    }
    if !proven.satisfies(&bound) {
        return Err(BearerError::Invalid(
            "it is bound to another key or certificate".to_owned(),
        ));
    }
    active(&context.services, &context.realm, token).await
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
            // The client's part has to be there too: it ends when a code or a refresh token of it
            // was stolen, and what came of it with it.
            let own = client.representation.id.as_deref().unwrap_or_default();
            let session = store
                .find_client_session(&realm.id, sid, own)
                .await?
                .map(|(session, _)| session)
                .filter(|session| session::is_alive(realm, session, now))
                .ok_or(not_active("user_session_not_found"))?;
            // The session says who it is: `sub` may be a pseudonym, or absent.
            (session.user_id.clone(), Some(session))
        }
        None => {
            // Of another client's service account, if the token was exchanged. A lightweight token, or
            // one with a pseudonym, names none: then it is the client's own.
            let sub = token.sub().unwrap_or_default();
            let named = match sub {
                "" => None,
                sub => store.subject(realm, sub).await?,
            };
            let own = client.representation.id.as_deref().unwrap_or_default();
            let account = match named {
                Some(named) => Some(named),
                None => store.service_account(realm, own).await?,
            };
            let id = account.and_then(|account| account.user.id.clone());
            (id.unwrap_or_default(), None)
        }
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
