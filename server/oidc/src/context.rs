//! What every request of a realm needs, taken once at its start.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, Path};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use realmkeep_authn::Services;
use realmkeep_events::{Event, EventType};
use realmkeep_pages::Frame;
use realmkeep_pages::page::AnyPage;
use realmkeep_store::Realm;
use serde_json::json;

use crate::browser::{Languages, PageError, page};
use crate::error::OAuthError;
use crate::mtls::ClientCertificate;
use crate::transport::Transport;

/// One request to one realm: the realm's snapshot stays the same to the request's end.
#[derive(Clone, Debug)]
pub struct Context {
    pub services: Arc<Services>,
    pub realm: Arc<Realm>,
    /// The realm's issuer identifier.
    pub issuer: String,
    /// Address of the peer, empty when not known.
    pub ip: String,
    /// `Origin` header, for CORS.
    pub origin: Option<String>,
    /// Of the TLS connection, to us or to a trusted proxy.
    pub certificate: Option<ClientCertificate>,
    /// What the browser says about languages.
    pub languages: Languages,
    /// When the request came; seconds since 1970.
    pub now: i64,
}

/// Why there is no realm to talk to.
#[derive(Debug)]
pub enum NoRealm {
    Unknown,
    Disabled,
    /// The request came in the clear, and the realm does not take it so.
    HttpsRequired(Box<Context>, Asked),
    Failed(OAuthError),
}

/// Who waits for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    ByPerson,
    ByProgram,
}

impl Asked {
    fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
        if accept.is_some_and(|accept| accept.contains("text/html")) {
            Self::ByPerson
        } else {
            Self::ByProgram
        }
    }
}

impl Context {
    /// A request that came by another way than the realm's own endpoints.
    pub fn beside(services: Arc<Services>, realm: Arc<Realm>, ip: String) -> Self {
        Self {
            issuer: services.issuer(&realm.name),
            now: services.clock.now(),
            services,
            realm,
            ip,
            origin: None,
            certificate: None,
            languages: Languages::default(),
        }
    }

    /// An event of this request.
    pub fn event(&self, kind: EventType) -> Event {
        Event::new(kind, &self.realm.name, &self.ip)
    }

    /// A page that belongs to no login, with `title` in the place of the realm's name and its form
    /// sent to `action`.
    pub fn standalone_page(
        &self,
        status: StatusCode,
        title: &str,
        action: &str,
        content: impl Into<AnyPage>,
    ) -> Response {
        let frame = Frame {
            realm: title,
            ..self.frame(self.look(None, None), action)
        };
        match self.services.pages.render(&frame, content) {
            Ok(made) => page(self, status, made),
            Err(e) => PageError::internal(&e).into_response(self),
        }
    }

    pub fn emit(&self, event: &Event) {
        self.services.events.emit(event);
    }
}

impl FromRequestParts<Arc<Services>> for Context {
    type Rejection = NoRealm;

    async fn from_request_parts(
        parts: &mut Parts,
        services: &Arc<Services>,
    ) -> Result<Self, Self::Rejection> {
        let Path(path): Path<HashMap<String, String>> = Path::from_request_parts(parts, services)
            .await
            .map_err(|_| NoRealm::Unknown)?;
        let name = path.get("realm").ok_or(NoRealm::Unknown)?;
        Self::of_realm(parts, services, name).await
    }
}

impl Context {
    /// A request to this realm, whatever its path.
    ///
    /// # Errors
    /// When there is no such realm to talk to.
    pub async fn of_realm(
        parts: &Parts,
        services: &Arc<Services>,
        name: &str,
    ) -> Result<Self, NoRealm> {
        let realm = match services.store.realm(name).await {
            Ok(realm) => realm,
            // Applications go on verifying tokens while the database is away.
            Err(e) if e.is_temporary() && is_public_document(parts.uri.path()) => Some(
                services
                    .store
                    .remembered_realm(name)
                    .ok_or(NoRealm::Failed(e.into()))?,
            ),
            Err(e) => return Err(NoRealm::Failed(e.into())),
        };
        let realm = realm.ok_or(NoRealm::Unknown)?;
        if realm.settings.enabled == Some(false) {
            return Err(NoRealm::Disabled);
        }
        let ip = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|ConnectInfo(address)| address.ip().to_canonical().to_string())
            .unwrap_or_default();
        let origin = parts
            .headers
            .get(header::ORIGIN)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let certificate = parts.extensions.get::<ClientCertificate>().cloned();
        let context = Self {
            certificate,
            languages: Languages::of(parts),
            issuer: services.issuer(&realm.name),
            services: services.clone(),
            now: services.clock.now(),
            realm,
            ip,
            origin,
        };
        if Transport::of(&parts.extensions).suits(&context.realm) {
            Ok(context)
        } else {
            let asked = Asked::of(&parts.headers);
            Err(NoRealm::HttpsRequired(Box::new(context), asked))
        }
    }
}

/// Metadata and keys, which hold nothing that must not be a little old.
fn is_public_document(path: &str) -> bool {
    path.contains("/.well-known/") || path.ends_with("/protocol/openid-connect/certs")
}

impl IntoResponse for NoRealm {
    fn into_response(self) -> Response {
        match self {
            Self::Unknown => (
                StatusCode::NOT_FOUND,
                axum::Json(json!({ "error": "Realm does not exist" })),
            )
                .into_response(),
            Self::Disabled => {
                OAuthError::new(StatusCode::FORBIDDEN, "access_denied", "Realm not enabled")
                    .into_response()
            }
            Self::HttpsRequired(context, Asked::ByPerson) => {
                PageError::bad_request("httpsRequiredMessage", "ssl_required")
                    .status(StatusCode::FORBIDDEN)
                    .into_response(&context)
            }
            Self::HttpsRequired(_, Asked::ByProgram) => {
                OAuthError::new(StatusCode::FORBIDDEN, "invalid_request", "HTTPS required")
                    .into_response()
            }
            Self::Failed(error) => error.into_response(),
        }
    }
}
