//! Writes that are carried out in a transaction of their own, because something must hold before them
//! or nothing may stay of them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{OriginalUri, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use realmkeep_authn::Services;
use realmkeep_events::HeldEvents;
use realmkeep_store::{Begin, Transaction};

use super::etag::{Preconditions, tagged};
use super::exchange::Exchange;
use super::{Routes, call};
use crate::audit::Sent;
use crate::error::{ApiError, ApiResult};

/// How long a transaction may keep other writers waiting.
pub const LONGEST: Duration = Duration::from_secs(30);
/// Tries of a transaction that others were in the way of.
const ATTEMPTS: usize = 3;
/// Size of a request's body; the listener's own limit is at most this.
const BODY_BYTES: usize = 32 * 1024 * 1024;
/// Says that nothing was written.
const DRY_RUN: HeaderName = HeaderName::from_static("realmkeep-dry-run");
/// Last segments of paths whose work cannot be taken back: mails, calls to others, cookies.
const NOT_TO_BE_TRIED: &[&str] = &[
    "execute-actions-email",
    "impersonation",
    "import-config",
    "push-revocation",
    "reset-password-email",
    "send-verify-email",
    "testSMTPConnection",
];

/// An open transaction with the Admin API over it.
pub struct Trial {
    routes: Router,
    transaction: Transaction,
    held: HeldEvents,
    services: Arc<Services>,
}

/// One request, to be carried out as often as it takes.
pub struct Call {
    pub method: Method,
    pub uri: Uri,
    pub body: Bytes,
    pub preconditions: Preconditions,
}

impl Trial {
    /// # Errors
    /// When the database fails, or too many wait.
    pub async fn begin(routes: &Routes, begin: Begin) -> ApiResult<Self> {
        let services = &routes.services;
        let transaction = services.store.begin(begin, LONGEST).await?;
        let (events, held) = services.events.held();
        let over = Arc::new(services.over(transaction.store().clone(), events));
        Ok(Self {
            routes: routes.over(over),
            transaction,
            held,
            services: services.clone(),
        })
    }

    /// The answer to one request, carried out for good unless it is a dry run.
    pub async fn of_request(
        routes: &Routes,
        preconditions: Preconditions,
        dry_run: bool,
        request: Request,
    ) -> Response {
        let (parts, body) = request.into_parts();
        let Ok(body) = axum::body::to_bytes(body, BODY_BYTES).await else {
            return ApiError::error(StatusCode::PAYLOAD_TOO_LARGE, "length limit exceeded")
                .into_response();
        };
        let asked = Call {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            body,
            preconditions,
        };
        let answered = match dry_run {
            true => Self::dry(routes, &parts, &asked).await,
            false => Self::for_good(routes, &parts, &asked).await,
        };
        answered.unwrap_or_else(ApiError::into_response)
    }

    async fn dry(routes: &Routes, parts: &Parts, asked: &Call) -> ApiResult<Response> {
        refuse_untriable(&asked.uri)?;
        let begin = match asked.preconditions.is_empty() {
            true => Begin::AtFirstBatch,
            false => Begin::Now,
        };
        let trial = Self::begin(routes, begin).await?;
        let mut response = trial.call(parts, asked).await;
        trial.take_back().await;
        mark_dry(&mut response);
        Ok(response)
    }

    async fn for_good(routes: &Routes, parts: &Parts, asked: &Call) -> ApiResult<Response> {
        let mut attempt = 1;
        loop {
            let trial = Self::begin(routes, Begin::Now).await?;
            let response = trial.call(parts, asked).await;
            if response.status().is_success() {
                trial.keep().await?;
                return Ok(response);
            }
            let again = trial.transaction.interfered().await;
            trial.take_back().await;
            if !again || attempt == ATTEMPTS {
                return Ok(response);
            }
            attempt += 1;
        }
    }

    /// Carries the request out in the transaction; `parts` has its caller.
    pub async fn call(&self, parts: &Parts, asked: &Call) -> Response {
        if let Err(refused) = self.check(parts, asked).await {
            return refused;
        }
        let request = request_like(parts, &asked.method, &asked.uri, asked.body.clone());
        call(&self.routes, request).await
    }

    /// Whether the preconditions hold for what the caller sees at the address.
    async fn check(&self, parts: &Parts, asked: &Call) -> Result<(), Response> {
        if asked.preconditions.is_empty() {
            return Ok(());
        }
        let address = without_query(&asked.uri);
        let request = request_like(parts, &Method::GET, &address, Bytes::new());
        let (seen, tag) = tagged(call(&self.routes, request).await).await;
        match seen.status() {
            StatusCode::OK
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_IMPLEMENTED => {}
            // Who may not look, or a server that cannot, has not seen the precondition hold.
            _ => return Err(seen),
        }
        asked
            .preconditions
            .allow_change(tag.as_deref())
            .map_err(ApiError::into_response)
    }

    /// Commits, and tells of what happened.
    ///
    /// # Errors
    /// When it was not stored, or that is not known.
    pub async fn keep(self) -> ApiResult<()> {
        match self.transaction.commit().await {
            Ok(()) => {
                self.held.release(&self.services.events);
                Ok(())
            }
            Err(e) => {
                self.held.release_refusals(&self.services.events);
                Err(e.into())
            }
        }
    }

    /// Leaves nothing behind but the news of what was refused.
    pub async fn take_back(self) {
        self.transaction.rollback().await;
        self.held.release_refusals(&self.services.events);
    }

    pub async fn interfered(&self) -> bool {
        self.transaction.interfered().await
    }
}

/// # Errors
/// 400 for what cannot be done without being done for good.
pub fn refuse_untriable(uri: &Uri) -> ApiResult<()> {
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    if NOT_TO_BE_TRIED.contains(&last) {
        return Err(ApiError::bad_request(format!(
            "dryRun: {last} does what cannot be taken back, so it cannot be tried"
        )));
    }
    Ok(())
}

pub fn mark_dry(response: &mut Response) {
    response
        .headers_mut()
        .insert(DRY_RUN, HeaderValue::from_static("true"));
}

/// A request of the same caller.
fn request_like(parts: &Parts, method: &Method, uri: &Uri, body: Bytes) -> Request {
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = method.clone();
    *request.uri_mut() = uri.clone();
    let headers = request.headers_mut();
    headers.clone_from(&parts.headers);
    for conditional in [
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        header::CONTENT_LENGTH,
    ] {
        headers.remove(conditional);
    }
    let extensions = request.extensions_mut();
    extensions.clone_from(&parts.extensions);
    extensions.insert(OriginalUri(uri.clone()));
    extensions.insert(Sent::default());
    extensions.insert(Exchange::default());
    request
}

fn without_query(uri: &Uri) -> Uri {
    uri.path().parse().unwrap_or_else(|_| uri.clone())
}
