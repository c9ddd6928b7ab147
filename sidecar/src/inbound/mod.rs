//! The reverse proxy: requests are judged, stripped of claimed identities, given the proven one, and
//! passed on.

mod upgrade;
pub mod verification;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST,
    TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use realmkeep_token_verifier::{SenderConstraints, Verifier};
use realmkeep_workload_identity::Clock;
use tokio::time::Instant;

use crate::config::{self, UpstreamProtocol};
use crate::decision::{Admitted, Asked, Engine, Peer, Refusal, Refused};
use crate::http::client::{Onward, Speak, streamed};
use crate::http::headers::{hosts, join_cookies, strip_hop_by_hop, upgrade};
use crate::http::{Body, answer, deadline, grpc};
use crate::metrics::Metrics;

/// Everything that a request that comes in needs.
pub struct Inbound {
    engine: Engine,
    onward: Onward,
    upstream: Option<Uri>,
    protocol: UpstreamProtocol,
    forward_authorization: bool,
    end_streams: bool,
    /// `/readyz` waits for the keys of every issuer.
    pub require_issuers: bool,
    /// `/readyz` says no while the application can be reached around us.
    pub require_unreachable: bool,
    metrics: Arc<Metrics>,
}

impl Inbound {
    pub fn new(
        config: &config::Inbound,
        verifier: Arc<Verifier>,
        constraints: Arc<SenderConstraints>,
        metrics: Arc<Metrics>,
    ) -> anyhow::Result<Self> {
        let upstream = config
            .upstream
            .is_some()
            .then(|| config.upstream_uri())
            .transpose()?;
        Ok(Self {
            engine: Engine::new(config, verifier, constraints, Arc::clone(&metrics))
                .context("inbound")?,
            onward: Onward::new(Duration::from_secs(config.response_timeout_seconds), None),
            upstream,
            protocol: config.upstream_protocol,
            forward_authorization: config.forward_authorization,
            end_streams: config.end_streams_with_token,
            require_issuers: config.require_issuers,
            require_unreachable: config.require_unreachable,
            metrics,
        })
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    pub async fn handle(
        self: Arc<Self>,
        mut request: Request<Incoming>,
        peer: Arc<Peer>,
    ) -> Response<Body> {
        // Taken out now: what goes on must not carry it.
        let upgraded = upgrade(request.headers())
            .filter(|_| request.version() == Version::HTTP_11)
            .map(|to| (to, hyper::upgrade::on(&mut request)));
        let (mut parts, body) = request.into_parts();
        let is_grpc = grpc::is_grpc(&parts.headers);
        let host = match authority(&parts) {
            Ok(host) => host,
            Err(why) => return self.refuse(&self.engine.malformed(why), is_grpc),
        };
        if parts.method == Method::GET
            && let Some(document) = self.engine.metadata(parts.uri.path())
        {
            return metadata(document);
        }
        let name = host_name(&host).to_ascii_lowercase();
        let asked = Asked {
            method: &parts.method,
            path: parts.uri.path(),
            query: parts.uri.query(),
            host: &name,
            headers: &parts.headers,
            peer: &peer,
        };
        let admitted = match self.engine.decide(&asked).await {
            Ok(admitted) => admitted,
            Err(refused) => return self.refuse(&refused, is_grpc),
        };
        let Some(upstream) = &self.upstream else {
            return answer::error(
                StatusCode::BAD_GATEWAY,
                "bad_gateway",
                "no upstream is configured",
            );
        };

        let speak = match (self.protocol, &upgraded) {
            (UpstreamProtocol::Http2, _) => Speak::Http2,
            (UpstreamProtocol::Auto, _) if is_grpc => Speak::Http2,
            (_, Some((to, _))) if to.as_bytes().eq_ignore_ascii_case(b"websocket") => {
                Speak::Upgrade
            }
            _ => Speak::Http1,
        };
        self.rewrite(&mut parts, upstream, &admitted, &host);
        if speak == Speak::Upgrade {
            parts
                .headers
                .insert(CONNECTION, HeaderValue::from_static("upgrade"));
            parts
                .headers
                .insert(UPGRADE, HeaderValue::from_static("websocket"));
        }
        let deadline = self.deadline(&admitted);
        let mut body = streamed(body);
        if let Some(deadline) = deadline {
            body = deadline::until(deadline, body, false, &self.metrics);
        }
        let mut response = self
            .onward
            .forward(Request::from_parts(parts, body), speak, "the application")
            .await;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return match upgraded {
                Some((_, client)) => {
                    let application = hyper::upgrade::on(&mut response);
                    let metrics = Arc::clone(&self.metrics);
                    tokio::spawn(upgrade::pump(client, application, deadline, metrics));
                    response
                }
                None => answer::error(
                    StatusCode::BAD_GATEWAY,
                    "bad_gateway",
                    "the application answered with another protocol",
                ),
            };
        }
        if is_grpc && !grpc::is_grpc(response.headers()) && !response.status().is_success() {
            // Of ours, or of an application that speaks no gRPC.
            return grpc::status(
                grpc::code(response.status()),
                "the application did not answer",
            );
        }
        match deadline {
            Some(deadline) => {
                response.map(|body| deadline::until(deadline, body, is_grpc, &self.metrics))
            }
            None => response,
        }
    }

    /// When everything that this request started has to end.
    fn deadline(&self, admitted: &Admitted) -> Option<Instant> {
        let token = admitted.token.as_ref().filter(|_| self.end_streams)?;
        let clock: &Clock = self.engine.verifier().clock();
        let left = token
            .expires_at
            .saturating_mul(1000)
            .saturating_sub(clock.now_ms())
            .max(0);
        Instant::now().checked_add(Duration::from_millis(left.unsigned_abs()))
    }

    fn refuse(&self, refused: &Refused, is_grpc: bool) -> Response<Body> {
        let refusal = self.engine.refusal(refused);
        if is_grpc {
            return grpc::refusal(&refusal, &refused.denied.denial.to_string());
        }
        refusal_response(refusal)
    }

    /// Takes away what was claimed and what was for this hop, then says what was proven.
    fn rewrite(&self, parts: &mut Parts, upstream: &Uri, admitted: &Admitted, host: &str) {
        strip_hop_by_hop(&mut parts.headers);
        for name in self.engine.spoofed(&parts.headers) {
            parts.headers.remove(name);
        }
        join_cookies(&mut parts.headers);
        // `Connection: host` must not rename the application.
        if let Ok(host) = HeaderValue::from_str(host) {
            parts.headers.insert(HOST, host);
        }
        // A proof is of no use to the application, and of some to whoever reads its logs.
        parts.headers.remove("dpop");
        if !self.forward_authorization {
            parts.headers.remove(AUTHORIZATION);
        }
        for (name, value) in &admitted.headers {
            parts.headers.insert(name, value.clone());
        }
        let path = parts
            .uri
            .path_and_query()
            .cloned()
            .unwrap_or_else(|| PathAndQuery::from_static("/"));
        let mut onward = upstream.clone().into_parts();
        onward.path_and_query = Some(path);
        parts.uri = Uri::from_parts(onward).unwrap_or_else(|_| upstream.clone());
        parts.extensions.clear();
    }
}

pub fn refusal_response(refusal: Refusal) -> Response<Body> {
    let mut response = Response::new(answer::full(refusal.body));
    *response.status_mut() = refusal.status;
    response.headers_mut().extend(refusal.headers);
    response
}

/// Anybody may read it, from anywhere (RFC 9728 section 3).
fn metadata(document: &str) -> Response<Body> {
    let mut response = answer::text(StatusCode::OK, "application/json", document.to_owned());
    response
        .headers_mut()
        .insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// Refuses what two parsers might understand differently. Returns the host that the request is for.
fn authority(parts: &Parts) -> Result<String, &'static str> {
    let host = parts
        .headers
        .get(HOST)
        .map(|host| {
            host.to_str()
                .map_err(|_| "the request's Host header is no host")
        })
        .transpose()?;
    match (hosts(&parts.headers), parts.version) {
        (0 | 1, Version::HTTP_2) | (1, _) | (0, Version::HTTP_10) => {}
        (0, _) => return Err("the request has no Host header"),
        _ => return Err("the request has several Host headers"),
    }
    if parts.headers.contains_key(CONTENT_LENGTH) && parts.headers.contains_key(TRANSFER_ENCODING) {
        return Err("the request has both Content-Length and Transfer-Encoding");
    }
    if parts.method == Method::CONNECT {
        return Err("CONNECT is not for a reverse proxy");
    }
    if !parts.uri.path().starts_with('/') {
        return Err("the request's target is not a path");
    }
    match (parts.uri.authority(), host) {
        (Some(authority), Some(host)) if authority.as_str() != host => {
            Err("the request's target and its Host header differ")
        }
        // An absolute target without a Host header is no HTTP/1.1 (RFC 9112 section 3.2).
        (Some(_), None) if parts.version < Version::HTTP_2 => Err("the request has no Host header"),
        (Some(authority), _) if authority.as_str().contains('@') => {
            Err("the request's target names a user")
        }
        (Some(authority), _) => Ok(authority.as_str().to_owned()),
        (None, Some(host)) => Ok(host.to_owned()),
        (None, None) if parts.version == Version::HTTP_10 => Ok(String::new()),
        (None, None) => Err("the request has no host"),
    }
}

/// The host without its port.
fn host_name(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => authority,
    }
}
