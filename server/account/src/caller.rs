//! Whose account it is, and what their token may do with it.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Query, RawPathParams};
use bytes::Bytes;
use http::request::Parts;
use realmkeep_authn::Services;
use realmkeep_events::{Event, EventType};
use realmkeep_oidc::bearer::{self, Bearer};
use realmkeep_oidc::transport::Transport;
use realmkeep_store::{Batch, Realm, Store, Touch};
use serde_json::{Value, json};

use crate::error::{AccountError, AccountResult};

/// The client whose roles say what users may do with their accounts.
const ACCOUNT_CLIENT: &str = "account";
pub const MANAGE_ACCOUNT: &str = "manage-account";
pub const MANAGE_CONSENT: &str = "manage-consent";
pub const VIEW_APPLICATIONS: &str = "view-applications";
pub const VIEW_CONSENT: &str = "view-consent";
pub const VIEW_GROUPS: &str = "view-groups";
pub const VIEW_PROFILE: &str = "view-profile";
pub const MANAGE_LINKS: &str = "manage-account-links";

/// An authenticated request to the account API.
pub struct Caller {
    pub services: Arc<Services>,
    pub realm: Arc<Realm>,
    pub bearer: Bearer,
    /// Names of roles of the client `account` that the user holds and the token carries.
    roles: BTreeSet<String>,
    params: HashMap<String, String>,
    query: HashMap<String, String>,
    ip_address: String,
}

impl Caller {
    pub fn store(&self) -> &Store {
        &self.services.store
    }

    pub fn user_id(&self) -> &str {
        self.bearer.subject.user.id.as_deref().unwrap_or_default()
    }

    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    pub fn query(&self, name: &str) -> Option<&str> {
        self.query
            .get(name)
            .map(String::as_str)
            .filter(|v| !v.is_empty())
    }

    pub fn flag(&self, name: &str) -> bool {
        self.query(name).is_some_and(|v| v == "true")
    }

    /// # Errors
    /// 403 when the token carries none of these roles.
    pub fn require(&self, any_of: &[&str]) -> AccountResult<()> {
        if any_of.iter().any(|role| self.roles.contains(*role)) {
            Ok(())
        } else {
            Err(AccountError::forbidden())
        }
    }

    pub fn event(&self, kind: EventType) -> Event {
        let client = self.bearer.client.representation.client_id.as_deref();
        Event::new(kind, &self.realm.name, &self.ip_address)
            .client(client.unwrap_or_default())
            .user(self.user_id())
    }

    /// Commits the change together with the event that tells of it.
    ///
    /// # Errors
    /// As the store; nothing is written then.
    pub async fn commit(&self, mut batch: Batch, mut event: Event) -> AccountResult<()> {
        self.services
            .events
            .stage(&self.realm, &mut batch, &mut event);
        batch.touch(Touch::User(
            self.realm.id.clone(),
            self.user_id().to_owned(),
        ));
        self.store().commit(batch).await?;
        self.services.events.emit(&event);
        Ok(())
    }
}

impl FromRequestParts<Arc<Services>> for Caller {
    type Rejection = AccountError;

    async fn from_request_parts(
        parts: &mut Parts,
        services: &Arc<Services>,
    ) -> Result<Self, AccountError> {
        let raw = RawPathParams::from_request_parts(parts, services)
            .await
            .map_err(|_| AccountError::not_found("HTTP 404 Not Found"))?;
        let params: HashMap<String, String> = raw
            .iter()
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect();
        let Query(query) = Query::<HashMap<String, String>>::from_request_parts(parts, services)
            .await
            .map_err(|_| AccountError::bad_request("the query string cannot be read"))?;
        let name = params.get("realm").map_or("", String::as_str);
        let realm = services
            .store
            .realm(name)
            .await?
            .filter(|realm| realm.settings.enabled != Some(false))
            .ok_or_else(|| {
                AccountError::with(
                    http::StatusCode::NOT_FOUND,
                    json!({"error": "Realm does not exist"}),
                )
            })?;
        if !Transport::of(&parts.extensions).suits(&realm) {
            return Err(AccountError::https_required());
        }
        let token = bearer::of_header(&parts.headers).ok_or_else(AccountError::unauthorized)?;
        let bearer = bearer::access_token(services, &realm, token).await?;
        // Services have no account page, and their accounts follow their clients.
        if bearer.subject.user.service_account_client_id.is_some() {
            return Err(AccountError::forbidden());
        }
        let roles = account_roles(services, &realm, &bearer).await?;
        let ip_address = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|ConnectInfo(address)| address.ip().to_canonical().to_string())
            .unwrap_or_default();
        Ok(Self {
            services: services.clone(),
            realm,
            bearer,
            roles,
            params,
            query,
            ip_address,
        })
    }
}

/// The roles in the token that the user still has.
async fn account_roles(
    services: &Services,
    realm: &Realm,
    bearer: &Bearer,
) -> AccountResult<BTreeSet<String>> {
    let carried: BTreeSet<&str> = bearer
        .token
        .claim("resource_access")
        .and_then(|access| access.get(ACCOUNT_CLIENT)?.get("roles")?.as_array())
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let Some(client) = services.store.client(realm, ACCOUNT_CLIENT).await? else {
        return Ok(BTreeSet::new());
    };
    let container = client.representation.id.as_deref();
    Ok(bearer
        .subject
        .roles
        .iter()
        .filter_map(|id| realm.roles.all.get(id))
        .filter(|r| r.client_role == Some(true) && r.container_id.as_deref() == container)
        .filter_map(|r| r.name.clone())
        .filter(|name| carried.contains(name.as_str()))
        .collect())
}

/// The body of a request, as JSON.
pub struct Body(pub Value);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = AccountError;

    async fn from_request(
        request: axum::extract::Request,
        state: &S,
    ) -> Result<Self, AccountError> {
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|e| AccountError::bad_request(e.body_text()))?;
        serde_json::from_slice(&body)
            .map(Self)
            .map_err(|e| AccountError::bad_request(format!("the body is not JSON: {e}")))
    }
}
