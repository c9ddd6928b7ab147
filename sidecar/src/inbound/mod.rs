//! Requests that come in: judged, stripped of claimed identities, given the proven one, passed on.

mod bearer;
mod verifier;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, HOST, RETRY_AFTER, TRANSFER_ENCODING, WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use realmkeep_workload_identity::Clock;
use tokio::time::Instant;

use crate::config;
use crate::http::client::{Onward, streamed};
use crate::http::headers::{Spoofable, hosts, strip_hop_by_hop};
use crate::http::{Body, answer};
use crate::inbound::bearer::bearer_token;
pub use crate::inbound::verifier::{Denial, Identity, Verifier};
use crate::metrics::Metrics;

/// The reverse proxy.
pub struct Inbound {
    verifier: Arc<Verifier>,
    onward: Onward,
    upstream: Uri,
    public_paths: HashSet<String>,
    spoofable: Spoofable,
    subject: HeaderName,
    client: HeaderName,
    issuer: HeaderName,
    forward_authorization: bool,
    metrics: Arc<Metrics>,
}

impl Inbound {
    pub fn new(
        config: &config::Inbound,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> anyhow::Result<Self> {
        let managed = config.headers.names().into_iter();
        Ok(Self {
            verifier: Arc::new(
                Verifier::new(config, clock, Arc::clone(&metrics)).context("inbound")?,
            ),
            onward: Onward::new(Duration::from_secs(config.response_timeout_seconds)),
            upstream: config.upstream_uri()?,
            public_paths: config.public_paths.iter().cloned().collect(),
            spoofable: Spoofable::new(
                managed.chain(config.strip_headers.iter().map(String::as_str)),
            ),
            subject: config::header(&config.headers.subject)?,
            client: config::header(&config.headers.client)?,
            issuer: config::header(&config.headers.issuer)?,
            forward_authorization: config.forward_authorization,
            metrics,
        })
    }

    pub fn verifier(&self) -> &Arc<Verifier> {
        &self.verifier
    }

    pub async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let started = Instant::now();
        let (mut parts, body) = request.into_parts();
        let decision = self.decide(&parts).await;
        self.metrics.decided(&decision, started.elapsed());
        match decision {
            Ok(admitted) => {
                self.rewrite(&mut parts, admitted.identity());
                self.onward
                    .forward(
                        Request::from_parts(parts, streamed(body)),
                        "the application",
                    )
                    .await
            }
            Err(denied) => {
                tracing::info!(
                    method = %parts.method,
                    path = parts.uri.path(),
                    issuer = denied.issuer.as_deref(),
                    reason = denied.denial.reason(),
                    cause = %denied.denial,
                    "denied"
                );
                refusal(&denied.denial)
            }
        }
    }

    /// Looks at the request as it came. Whatever goes wrong, the answer is no.
    async fn decide(&self, parts: &Parts) -> Result<Admitted, Denied> {
        check_form(parts)?;
        let token = bearer_token(&parts.headers);
        // The bytes that are judged are those that are forwarded.
        if self.public_paths.contains(parts.uri.path()) {
            // A token is looked at only for its form: two of them are an attack anywhere.
            return match token {
                Err(Denial::Malformed(why)) => Err(Denial::Malformed(why).into()),
                _ => Ok(Admitted::Public),
            };
        }
        self.verifier.verify(token?).await.map(Admitted::Identified)
    }

    /// Takes away what was claimed and what was for this hop, then says what was proven.
    fn rewrite(&self, parts: &mut Parts, identity: Option<&Identity>) {
        let host = parts.headers.get(HOST).cloned();
        strip_hop_by_hop(&mut parts.headers);
        self.spoofable.strip(&mut parts.headers);
        // `Connection: host` must not rename the application.
        if let Some(host) = host {
            parts.headers.insert(HOST, host);
        }
        if !self.forward_authorization {
            parts.headers.remove(AUTHORIZATION);
        }
        if let Some(identity) = identity {
            parts
                .headers
                .insert(&self.subject, identity.subject.clone());
            parts.headers.insert(&self.issuer, identity.issuer.clone());
            if let Some(client) = &identity.client {
                parts.headers.insert(&self.client, client.clone());
            }
        }
        let path = parts
            .uri
            .path_and_query()
            .cloned()
            .unwrap_or_else(|| PathAndQuery::from_static("/"));
        let mut onward = self.upstream.clone().into_parts();
        onward.path_and_query = Some(path);
        parts.uri = Uri::from_parts(onward).unwrap_or_else(|_| self.upstream.clone());
    }
}

/// A request that may pass.
pub enum Admitted {
    Public,
    Identified(Arc<Identity>),
}

impl Admitted {
    pub fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Public => None,
            Self::Identified(identity) => Some(identity),
        }
    }
}

/// A request that may not, and the issuer it named if that is one of ours.
pub struct Denied {
    pub denial: Denial,
    pub issuer: Option<Arc<str>>,
}

impl From<Denial> for Denied {
    fn from(denial: Denial) -> Self {
        Self {
            denial,
            issuer: None,
        }
    }
}

/// Refuses what two parsers might understand differently.
fn check_form(parts: &Parts) -> Result<(), Denial> {
    let malformed = |why| Err(Denial::Malformed(why));
    match (hosts(&parts.headers), parts.version) {
        (1, _) | (0, Version::HTTP_10) => {}
        (0, _) => return malformed("the request has no Host header"),
        _ => return malformed("the request has several Host headers"),
    }
    if parts.headers.contains_key(CONTENT_LENGTH) && parts.headers.contains_key(TRANSFER_ENCODING) {
        return malformed("the request has both Content-Length and Transfer-Encoding");
    }
    if parts.method == Method::CONNECT {
        return malformed("CONNECT is not for a reverse proxy");
    }
    if !parts.uri.path().starts_with('/') {
        return malformed("the request's target is not a path");
    }
    if let Some(authority) = parts.uri.authority()
        && parts
            .headers
            .get(HOST)
            .is_none_or(|host| host.as_bytes() != authority.as_str().as_bytes())
    {
        return malformed("the request's target and its Host header differ");
    }
    Ok(())
}

/// RFC 6750 section 3.
fn refusal(denial: &Denial) -> Response<Body> {
    let description = denial.to_string();
    let mut response = match denial {
        Denial::Missing => answer::error(StatusCode::UNAUTHORIZED, "unauthorized", &description),
        Denial::Malformed(_) => {
            answer::error(StatusCode::BAD_REQUEST, "invalid_request", &description)
        }
        Denial::Invalid { .. } => {
            answer::error(StatusCode::UNAUTHORIZED, "invalid_token", &description)
        }
        Denial::Unavailable { retry_after } => {
            let mut response = answer::error(
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                &description,
            );
            let seconds = retry_after.as_secs().max(1);
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
    };
    let challenge = match denial {
        // Section 3.1: no error code for a request without a token.
        Denial::Missing => Some("Bearer".to_owned()),
        Denial::Malformed(_) => Some(challenge("invalid_request", &description)),
        Denial::Invalid { .. } => Some(challenge("invalid_token", &description)),
        Denial::Unavailable { .. } => None,
    };
    if let Some(challenge) = challenge.and_then(|challenge| HeaderValue::from_str(&challenge).ok())
    {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// The characters that a description may have are those of RFC 6750 section 3.
fn challenge(error: &str, description: &str) -> String {
    let description: String = description
        .chars()
        .map(|c| match c {
            '"' => '\'',
            '\\' => '/',
            ' '..='~' => c,
            _ => '?',
        })
        .collect();
    format!("Bearer error=\"{error}\", error_description=\"{description}\"")
}
