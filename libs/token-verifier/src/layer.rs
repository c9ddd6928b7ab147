//! A `tower` layer for Rust services that do without the sidecar.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, Request, Response};
use tower::{Layer, Service};

use crate::binding::{Constraint, Sender, SenderConstraints};
use crate::credentials::credentials;
use crate::denial::{Challenge, Denied, challenge};
use crate::verifier::Verifier;

/// Lets through requests with a good access token and puts an `Arc<VerifiedToken>` into their
/// extensions; answers the others as RFC 6750 says, with an empty body.
#[derive(Clone, Debug)]
pub struct BearerLayer {
    verifier: Arc<Verifier>,
    constraints: Arc<SenderConstraints>,
    /// `https://host[:port]`, as callers know this service.
    origins: Arc<[String]>,
}

impl BearerLayer {
    /// Bound tokens are refused; see [`BearerLayer::constrained`].
    pub fn new(verifier: Arc<Verifier>) -> Self {
        let off = SenderConstraints::new(Constraint::Off, Constraint::Off, 60);
        Self {
            verifier,
            constraints: Arc::new(off),
            origins: Arc::from([]),
        }
    }

    /// Accepts or requires tokens that are bound to a key (DPoP). `origins` are the
    /// `https://host[:port]` that callers know this service by.
    #[must_use]
    pub fn constrained(mut self, constraints: SenderConstraints, origins: Vec<String>) -> Self {
        self.constraints = Arc::new(constraints);
        self.origins = origins.into();
        self
    }
}

impl<S> Layer<S> for BearerLayer {
    type Service = BearerService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        BearerService {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service behind [`BearerLayer`].
#[derive(Clone, Debug)]
pub struct BearerService<S> {
    inner: S,
    layer: BearerLayer,
}

impl<S, B, A> Service<Request<B>> for BearerService<S>
where
    S: Service<Request<B>, Response = Response<A>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    A: Default + Send + 'static,
{
    type Response = Response<A>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that was ready is the one to call.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let layer = self.layer.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match layer.admit(&mut parts).await {
                Ok(()) => inner.call(Request::from_parts(parts, body)).await,
                Err(denied) => Ok(layer.refusal(&denied)),
            }
        })
    }
}

impl BearerLayer {
    async fn admit(&self, parts: &mut http::request::Parts) -> Result<(), Denied> {
        let presented = credentials(&parts.headers)?;
        let token = self.verifier.verify(presented.token).await?;
        let urls: Vec<String> = self
            .origins
            .iter()
            .map(|origin| format!("{origin}{}", parts.uri.path()))
            .collect();
        let sender = Sender {
            method: parts.method.as_str(),
            urls: &urls,
            certificate: None,
        };
        let now_ms = self.verifier.clock().now_ms();
        self.constraints
            .check(&presented, &token, &sender, (false, false), now_ms)?;
        parts.extensions.insert(token);
        Ok(())
    }

    fn refusal<A: Default>(&self, denied: &Denied) -> Response<A> {
        let mut response = Response::new(A::default());
        *response.status_mut() = denied.denial.status();
        let about = Challenge {
            resource_metadata: None,
            bearer: self.constraints.dpop != Constraint::Require,
            dpop: self.constraints.dpop != Constraint::Off,
        };
        let value = challenge(&denied.denial, &about);
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            response.headers_mut().insert(WWW_AUTHENTICATE, value);
        }
        response
    }
}
