//! Who is asking, and what they hold.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, header};
use realmkeep_authn::Services;
use realmkeep_authn::session::is_alive;
use realmkeep_jose::{Checks, UnverifiedJwt, verify};
use realmkeep_model::fresh::{self, MASTER, REALM_MANAGEMENT};
use realmkeep_oidc::transport::Transport;
use realmkeep_representations::ClientRepresentation;
use realmkeep_store::{Client, Realm, Subject};

use crate::error::{ApiError, ApiResult};
use crate::rights::Rights;

/// The bearer of a good access token, seen as the account is now and not as the token was issued.
#[derive(Clone)]
pub struct Actor {
    pub realm: Arc<Realm>,
    pub subject: Arc<Subject>,
    pub client: Arc<Client>,
    /// Ids of the roles that the user holds and the client may use.
    pub roles: BTreeSet<String>,
    /// None for a service account.
    pub session_id: Option<String>,
}

impl Actor {
    /// Checks the bearer token of a request: signature, issuer, time, session, user, client.
    ///
    /// # Errors
    /// 401 whatever is wrong with the token; the reason is logged. 403 when the token's realm wants
    /// requests over TLS.
    pub async fn authenticate(services: &Services, parts: &Parts) -> ApiResult<Self> {
        let refused = |reason: &str| {
            tracing::debug!(reason, "admin request without a good token");
            ApiError::unauthorized()
        };
        let token = bearer(&parts.headers).ok_or_else(|| refused("no bearer token"))?;
        let jwt = UnverifiedJwt::parse(token).map_err(|e| refused(&e.to_string()))?;
        let name = jwt
            .unverified_iss()
            .and_then(|iss| iss.rsplit_once("/realms/"))
            .map(|(_, name)| name.to_owned())
            .ok_or_else(|| refused("the issuer is no realm"))?;
        let issuer = services.issuer(&name);
        if jwt.unverified_iss() != Some(issuer.as_str()) {
            return Err(refused("another issuer"));
        }
        let realm = services
            .store
            .realm(&name)
            .await?
            .ok_or_else(|| refused("the issuer is no realm of this server"))?;
        // It is this realm's token that travels; which realm it is used on is of no matter.
        if !Transport::of(&parts.extensions).suits(&realm) {
            return Err(ApiError::https_required());
        }
        let keys = services.keys.verification_set(&realm).await?;
        let key = keys
            .find(jwt.unverified_kid(), jwt.unverified_algorithm())
            .map_err(|e| refused(&e.to_string()))?;
        let token = verify(&jwt, key).map_err(|e| refused(&e.to_string()))?;
        let now = services.clock.now();
        let checks = Checks {
            issuer: Some(&issuer),
            ..Checks::new(now)
        };
        checks.check(&token).map_err(|e| refused(&e.to_string()))?;
        // `typ` tells access tokens from ID, logout and other tokens signed with the same key.
        if token.str("typ") != Some("Bearer") {
            return Err(refused("not an access token"));
        }
        if token.claim("cnf").is_some() {
            return Err(refused(
                "it is bound to a key or certificate, which this API does not ask for",
            ));
        }
        if realm.settings.enabled == Some(false) {
            return Err(refused("the realm is disabled"));
        }
        let issued = token.iat().unwrap_or(0);
        let before = |limit: Option<i32>| issued < i64::from(limit.unwrap_or(0));
        let azp = token.str("azp").ok_or_else(|| refused("no azp"))?;
        let client = services
            .store
            .client(&realm, azp)
            .await?
            .filter(|c| c.representation.enabled != Some(false))
            .ok_or_else(|| refused("the client is gone or disabled"))?;
        // A token without the scope that brings `sub` still has its session, which knows whose it is.
        let session = match token.str("sid") {
            Some(sid) => Some(
                services
                    .store
                    .find_session(&realm.id, sid)
                    .await?
                    .filter(|s| is_alive(&realm, s, now))
                    .ok_or_else(|| refused("the session has ended"))?,
            ),
            None => None,
        };
        let of_session = session.as_ref().map(|s| s.user_id.as_str());
        let user_id = token
            .sub()
            .or(of_session)
            .ok_or_else(|| refused("no subject"))?;
        if of_session.is_some_and(|of_session| of_session != user_id) {
            return Err(refused("the session is another user's"));
        }
        if session.is_none() {
            // Only a client acting for itself has no session.
            let client_id = client.representation.id.as_deref().unwrap_or_default();
            let own = services
                .store
                .find_service_account(&realm.id, client_id)
                .await?;
            if own.and_then(|u| u.id).as_deref() != Some(user_id) {
                return Err(refused("no session"));
            }
        }
        let subject = services
            .store
            .subject(&realm, user_id)
            .await?
            .filter(|s| s.user.enabled == Some(true))
            .ok_or_else(|| refused("the user is gone or disabled"))?;
        if before(realm.settings.not_before)
            || before(client.representation.not_before)
            || before(subject.user.not_before)
        {
            return Err(refused("issued before the not-before time"));
        }
        let granted = token.str("scope").unwrap_or_default().to_owned();
        let roles = usable_roles(&realm, &client.representation, &subject.roles, &granted);
        Ok(Self {
            realm,
            subject,
            client,
            roles,
            session_id: session.map(|s| s.id),
        })
    }

    /// What this administrator may do in `target`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rights_in(&self, services: &Services, target: &Realm) -> ApiResult<Rights> {
        let client_id = if self.realm.name == MASTER {
            fresh::admin_client_id(&target.name)
        } else if self.realm.id == target.id {
            REALM_MANAGEMENT.to_owned()
        } else {
            return Ok(Rights::default());
        };
        let Some(client) = services.store.client(&self.realm, &client_id).await? else {
            return Ok(Rights::default());
        };
        let container = client.representation.id.as_deref();
        let held = self
            .roles
            .iter()
            .filter_map(|id| self.realm.roles.all.get(id));
        Ok(Rights::from_roles(
            held.filter(|r| r.client_role == Some(true) && r.container_id.as_deref() == container)
                .filter_map(|r| r.name.as_deref()),
        ))
    }

    /// Whether the actor may create realms.
    pub fn can_create_realms(&self) -> bool {
        self.realm.name == MASTER && self.has_realm_role("create-realm")
    }

    fn has_realm_role(&self, name: &str) -> bool {
        self.realm
            .roles
            .realm_role(name)
            .and_then(|r| r.id.as_ref())
            .is_some_and(|id| self.roles.contains(id))
    }
}

impl std::fmt::Debug for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Actor")
            .field("realm", &self.realm.name)
            .field("user", &self.subject.user.id)
            .finish_non_exhaustive()
    }
}

/// The roles the client may carry: all with full scope, else those mapped to it, to its default
/// scopes and to the optional ones that were granted.
pub fn usable_roles(
    realm: &Realm,
    client: &ClientRepresentation,
    held: &BTreeSet<String>,
    granted: &str,
) -> BTreeSet<String> {
    if client.full_scope_allowed != Some(false) {
        return held.clone();
    }
    let id = client.id.clone().unwrap_or_default();
    let defaults = client.default_client_scopes.iter().flatten();
    let optional = client
        .optional_client_scopes
        .iter()
        .flatten()
        .filter(|name| granted.split(' ').any(|g| g == name.as_str()));
    let holders = defaults
        .chain(optional)
        .filter_map(|name| realm.client_scope(name)?.id.clone())
        .chain([id.clone()]);
    let mapped = holders
        .flat_map(|holder| realm.scope_roles.get(&holder).cloned().unwrap_or_default())
        // A client may always carry its own roles.
        .chain(
            realm
                .roles
                .all
                .iter()
                .filter(|(_, r)| {
                    r.client_role == Some(true) && r.container_id.as_deref() == Some(id.as_str())
                })
                .map(|(id, _)| id.clone()),
        );
    let allowed = realm.roles.expand(mapped);
    held.intersection(&allowed).cloned().collect()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}
