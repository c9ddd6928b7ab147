//! What every request of a realm needs, taken once at its start.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, Path};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{StatusCode, header};
use realmkeep_authn::Services;
use realmkeep_events::{Event, EventType};
use realmkeep_store::Realm;
use serde_json::json;

use crate::browser::Languages;
use crate::error::OAuthError;
use crate::mtls::ClientCertificate;

/// One request to one realm: the realm's snapshot stays the same to the request's end.
#[derive(Clone)]
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
    Failed(OAuthError),
}

impl Context {
    /// An event of this request.
    pub fn event(&self, kind: EventType) -> Event {
        Event::new(kind, &self.realm.name, &self.ip)
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
        Ok(Self {
            certificate,
            languages: Languages::of(parts),
            issuer: services.issuer(&realm.name),
            services: services.clone(),
            now: services.clock.now(),
            realm,
            ip,
            origin,
        })
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
            Self::Failed(error) => error.into_response(),
        }
    }
}
