//! What every handler takes from a request: who, in which realm, with which rights, saying what.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use realmkeep_authn::Services;
use realmkeep_events::Event;
use realmkeep_representations::{RealmRepresentation, strict};
use realmkeep_store::documents::Page;
use realmkeep_store::owners::OWNED;
use realmkeep_store::realms::REALM_CHANGED;
use realmkeep_store::{Batch, Realm, Row, Store, StoreError, Touch};
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::actor::Actor;
use crate::audit::{Audit, Sent};
use crate::declarative::{self, Declared, Exchange};
use crate::error::{ApiError, ApiResult};
use crate::rights::{Right, Rights};

/// How often a change of settings is tried while others change them too.
const CHANGE_ATTEMPTS: usize = 50;

/// An authenticated request below `/admin/realms/{realm}`.
#[derive(Clone)]
pub struct Cx {
    pub services: Arc<Services>,
    pub realm: Arc<Realm>,
    pub actor: Actor,
    pub rights: Rights,
    /// Whose the objects are that this request changes.
    pub declared: Declared,
    params: HashMap<String, String>,
    /// As sent: a name may come more than once.
    query: Vec<(String, String)>,
    audit: Audit,
}

impl Cx {
    pub fn store(&self) -> &Store {
        &self.services.store
    }

    /// The caller's address; empty when not known.
    pub fn ip_address(&self) -> &str {
        &self.audit.ip_address
    }

    /// The path parameter, decoded.
    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    pub fn method(&self) -> &Method {
        &self.audit.method
    }

    /// The request's whole path.
    pub fn path(&self) -> &str {
        &self.audit.path
    }

    pub fn has_param(&self, name: &str) -> bool {
        self.params.contains_key(name)
    }

    /// The query parameter; empty counts as absent.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|v| !v.is_empty())
    }

    /// All values of a query parameter; a comma also separates values.
    pub fn queries(&self, name: &str) -> Vec<String> {
        self.query
            .iter()
            .filter(|(key, _)| key == name)
            .flat_map(|(_, value)| value.split(','))
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// A query parameter that is `true` or not.
    pub fn flag(&self, name: &str) -> bool {
        self.query(name)
            .is_some_and(|v| v.eq_ignore_ascii_case("true"))
    }

    /// `first` and `max` of the query.
    ///
    /// # Errors
    /// 400 when one is no number.
    pub fn page(&self) -> ApiResult<Page> {
        Ok(Page::new(self.number("first")?, self.number("max")?))
    }

    /// As [`Cx::page`], with a limit where none is asked for.
    ///
    /// # Errors
    /// As [`Cx::page`].
    pub fn page_or(&self, max: i64) -> ApiResult<Page> {
        Ok(Page::new(
            self.number("first")?,
            Some(self.number("max")?.unwrap_or(max)),
        ))
    }

    /// A query parameter that is a whole number.
    ///
    /// # Errors
    /// 400 when it is none.
    pub fn number(&self, name: &str) -> ApiResult<Option<i64>> {
        self.query(name)
            .map(|v| {
                v.parse().map_err(|_| {
                    ApiError::bad_request(format!("{name}: a whole number was expected"))
                })
            })
            .transpose()
    }

    /// # Errors
    /// 403 when the actor has none of these rights.
    pub fn require(&self, any_of: &[Right]) -> ApiResult<()> {
        if self.rights.has_any(any_of) {
            return Ok(());
        }
        if self.audit.method != Method::GET {
            self.services
                .events
                .emit(&self.event().failed("not_allowed"));
        }
        Err(ApiError::forbidden())
    }

    /// Commits the batch and reports the change.
    ///
    /// # Errors
    /// As the store; nothing is written then.
    pub async fn commit(&self, batch: Batch) -> ApiResult<Vec<Vec<Row>>> {
        self.commit_of(batch, None).await
    }

    /// As [`Cx::commit`], of a new object; answers with its address, the request's own with `name`
    /// appended.
    ///
    /// # Errors
    /// As the store; nothing is written then.
    pub async fn commit_created(&self, batch: Batch, name: &str) -> ApiResult<Response> {
        self.commit_of(batch, Some(name)).await?;
        Ok(self.created(name))
    }

    /// As [`Cx::commit_created`], of an object that is the realm's under another path, `object`.
    ///
    /// # Errors
    /// As the store; nothing is written then.
    pub async fn commit_created_as(
        &self,
        batch: Batch,
        name: &str,
        object: &str,
    ) -> ApiResult<Response> {
        self.commit_as(batch, Some(name), Some(object)).await?;
        Ok(self.created(name))
    }

    /// As [`Cx::commit`]; the event is about the object `created` below the request's path.
    ///
    /// # Errors
    /// As the store; nothing is written then.
    pub async fn commit_of(&self, batch: Batch, created: Option<&str>) -> ApiResult<Vec<Vec<Row>>> {
        self.commit_as(batch, created, None).await
    }

    async fn commit_as(
        &self,
        mut batch: Batch,
        created: Option<&str>,
        object: Option<&str>,
    ) -> ApiResult<Vec<Vec<Row>>> {
        self.audit.stage(
            &self.services,
            &mut batch,
            &self.realm,
            &self.actor,
            created,
        )?;
        declarative::stage_ownership(self, &mut batch, object.or(created));
        let rows = match self.store().commit(batch).await {
            Err(StoreError::Guard(OWNED)) => return Err(declarative::conflict(self).await),
            rows => rows?,
        };
        self.services.events.announce(&self.event());
        Ok(rows)
    }

    /// As [`Cx::commit`], of many objects: an event for each, of what was done to it and its path below the
    /// realm.
    ///
    /// # Errors
    /// As the store; nothing is written then.
    pub async fn commit_each(
        &self,
        mut batch: Batch,
        written: &[(&'static str, String)],
    ) -> ApiResult<()> {
        self.audit.stage_each(
            &self.services,
            &mut batch,
            &self.realm,
            &self.actor,
            written,
        )?;
        match self.store().commit(batch).await {
            Err(StoreError::Guard(OWNED)) => return Err(declarative::conflict(self).await),
            rows => rows?,
        };
        self.services.events.announce(&self.event());
        Ok(())
    }

    /// Changes the realm's settings as they are at the moment of the change, so that two requests at once
    /// do not undo each other; `change` runs anew when another request came first. The event is about the
    /// object below the request's path that `created` names in the outcome.
    ///
    /// # Errors
    /// As `change`, or the store; nothing is written then.
    pub async fn change_settings<T>(
        &self,
        change: impl Fn(&mut RealmRepresentation, &mut Batch) -> ApiResult<T>,
        created: impl Fn(&T) -> Option<String>,
    ) -> ApiResult<T> {
        for _ in 0..CHANGE_ATTEMPTS {
            let (mut settings, epoch) = self
                .store()
                .realm_at_epoch(&self.realm.id)
                .await?
                .ok_or_else(|| ApiError::not_found("Realm not found."))?;
            let mut batch = Batch::new();
            let outcome = change(&mut settings, &mut batch)?;
            batch.push(self.store().update_realm_at(&settings, epoch)?);
            batch.touch(self.touch_realm());
            let created = created(&outcome);
            self.audit.stage(
                &self.services,
                &mut batch,
                &self.realm,
                &self.actor,
                created.as_deref(),
            )?;
            declarative::stage_ownership(self, &mut batch, created.as_deref());
            match self.store().commit(batch).await {
                Ok(_) => {
                    self.services.events.announce(&self.event());
                    return Ok(outcome);
                }
                Err(StoreError::Guard(REALM_CHANGED)) => {}
                Err(StoreError::Guard(OWNED)) => return Err(declarative::conflict(self).await),
                Err(e) => return Err(e.into()),
            }
        }
        Err(ApiError::conflict(REALM_CHANGED))
    }

    /// Reports a change that was not a batch.
    pub fn changed(&self) {
        self.services.events.emit(&self.event());
    }

    pub fn touch_realm(&self) -> Touch {
        Touch::Realm(self.realm.id.clone())
    }

    pub fn touch_user(&self, id: &str) -> Touch {
        Touch::User(self.realm.id.clone(), id.to_owned())
    }

    pub fn touch_client(&self, client_id: &str) -> Touch {
        Touch::Client(self.realm.id.clone(), client_id.to_owned())
    }

    /// 201 with the address of the new object: the request's own with `name` appended.
    pub fn created(&self, name: &str) -> Response {
        let path = self.audit.path.trim_end_matches('/');
        let location = format!(
            "{}{path}/{}",
            self.services.base_url.as_str(),
            path_segment(name)
        );
        (StatusCode::CREATED, [(header::LOCATION, location)]).into_response()
    }

    fn event(&self) -> Event {
        self.audit.event(&self.realm.name, &self.actor)
    }
}

impl FromRequestParts<Arc<Services>> for Cx {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        services: &Arc<Services>,
    ) -> Result<Self, ApiError> {
        let actor = Actor::authenticate(services, parts).await?;
        let raw = RawPathParams::from_request_parts(parts, services)
            .await
            .map_err(|_| ApiError::not_found("HTTP 404 Not Found"))?;
        let params: HashMap<String, String> = raw
            .iter()
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect();
        let Query(query) = Query::<Vec<(String, String)>>::from_request_parts(parts, services)
            .await
            .map_err(|_| ApiError::bad_request("the query string cannot be read"))?;
        let name = params.get("realm").map_or("", String::as_str);
        // Who has no rights anywhere must not learn which realms exist.
        let realm = match services.store.realm(name).await? {
            Some(realm) => realm,
            None if actor.realm.name == realmkeep_model::fresh::MASTER => {
                return Err(ApiError::not_found("Realm not found."));
            }
            None => return Err(ApiError::forbidden()),
        };
        let rights = actor.rights_in(services, &realm).await?;
        if rights.is_empty() {
            return Err(ApiError::forbidden());
        }
        if let Some(exchange) = parts.extensions.get::<Exchange>() {
            exchange.tell_realm(&realm);
        }
        Ok(Self {
            services: services.clone(),
            realm,
            actor,
            rights,
            declared: Declared::of(&parts.headers)?,
            params,
            query,
            audit: Audit::of(parts),
        })
    }
}

/// A JSON body as it was sent and as what it means; unknown fields are refused by path.
#[derive(Debug)]
pub struct Given<T> {
    pub value: T,
    pub json: Value,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Given<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let json = json_body(request, state)
            .await?
            .ok_or_else(|| ApiError::bad_request("a JSON body was expected"))?;
        let value = strict::refuse_unknown(&json)?;
        Ok(Self { value, json })
    }
}

/// A JSON body that may be missing.
#[derive(Debug)]
pub struct MaybeGiven<T>(pub Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for MaybeGiven<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match json_body(request, state).await? {
            None => Ok(Self(None)),
            Some(json) => Ok(Self(Some(strict::refuse_unknown(&json)?))),
        }
    }
}

async fn json_body<S: Send + Sync>(request: Request, state: &S) -> ApiResult<Option<Value>> {
    let is_json = is_json(request.headers());
    let sent = request.extensions().get::<Sent>().cloned();
    let body = Bytes::from_request(request, state)
        .await
        .map_err(|e| ApiError::error(e.status(), e.body_text()))?;
    if body.is_empty() {
        return Ok(None);
    }
    if !is_json {
        return Err(ApiError::error(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The content-type header value must be application/json",
        ));
    }
    let json: Value = serde_json::from_slice(&body)
        .map_err(|e| ApiError::bad_request(format!("the body is not JSON: {e}")))?;
    if let Some(sent) = sent {
        sent.keep(&json);
    }
    Ok(Some(json))
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.split(';').next())
        .is_some_and(|v| v.trim().eq_ignore_ascii_case("application/json"))
}

/// A new object's id.
pub fn new_id() -> String {
    Uuid::new_v4().to_string()
}

fn path_segment(name: &str) -> String {
    // Everything that is not unreserved (RFC 3986 section 2.3).
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
