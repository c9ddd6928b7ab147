//! Tokens for the requests that go out.

mod forward_proxy;
mod token_api;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode};
use realmkeep_workload_identity::{
    AccessToken, AssertionSource, Clock, OutboundConfig, OutboundHttp, TokenClient,
    TokenClientConfig, TokenEndpoint, TokenError, TokenRequest, TrustRoots,
};
use url::Url;

use crate::config;
use crate::http::client::Onward;
use crate::http::{Body, answer};
use crate::metrics::Metrics;

/// The declared targets and the client that gets tokens for them.
pub struct Outbound {
    targets: Vec<Target>,
    hosts: HashMap<(String, u16), usize>,
    tokens: TokenClient,
    source: AssertionSource,
    /// Seconds since the epoch; zero when not known.
    assertion_issued_at: AtomicI64,
    clock: Clock,
    onward: Onward,
    undeclared_hosts: config::UndeclaredHosts,
    passthrough_authorization: bool,
}

#[derive(Clone)]
pub struct Target {
    pub name: String,
    pub request: TokenRequest,
}

impl Outbound {
    pub fn new(
        config: &config::Outbound,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> anyhow::Result<Self> {
        let http = http_client(config.ca_file.as_deref(), config.allow_http, config.urls())
            .context("outbound")?;
        let endpoint = match (&config.token_endpoint, &config.issuer) {
            (Some(url), _) => {
                http.check_url(url).context("outbound: tokenEndpoint")?;
                TokenEndpoint::Url(url.clone())
            }
            (None, issuer) => {
                let issuer = issuer.clone().unwrap_or_default();
                let url = config.discovery_url.clone();
                http.check_url(url.as_deref().unwrap_or(&issuer))
                    .context("outbound: issuer")?;
                TokenEndpoint::Issuer { issuer, url }
            }
        };
        let source = AssertionSource::TokenFile(config.identity.kubernetes.token_file.clone());
        let targets: Vec<Target> = config
            .targets
            .iter()
            .map(|target| Target {
                name: target.name.clone(),
                request: TokenRequest {
                    audience: target.audience.clone(),
                    scope: target.scope.clone(),
                },
            })
            .collect();

        // Targets that ask for the same share a token; its metrics go under the first one's name.
        let mut names = HashMap::new();
        for target in &targets {
            names
                .entry(target.request.clone())
                .or_insert_with(|| target.name.clone());
        }
        let tokens = TokenClient::observed(
            TokenClientConfig {
                endpoint,
                client_id: config.client_id.clone(),
            },
            source.clone(),
            http,
            clock.clone(),
            move |request, event| {
                metrics.token(names.get(request).map_or("", String::as_str), event);
            },
        );
        let proxy = config.forward_proxy.as_ref();
        Ok(Self {
            targets,
            hosts: config.hosts()?,
            tokens,
            source,
            assertion_issued_at: AtomicI64::new(0),
            clock,
            onward: Onward::new(Duration::from_secs(300)),
            undeclared_hosts: proxy.map_or_else(Default::default, |proxy| proxy.undeclared_hosts),
            passthrough_authorization: proxy.is_some_and(|proxy| proxy.passthrough_authorization),
        })
    }

    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Seconds that the held token of `target` still lives.
    pub fn expires_in(&self, target: &Target) -> Option<i64> {
        self.tokens
            .held(&target.request)
            .map(|token| token.expires_in(&self.clock))
    }

    /// Seconds since the platform issued our credential, as it was last looked at.
    pub fn assertion_age(&self) -> Option<i64> {
        let issued_at = self.assertion_issued_at.load(Ordering::Relaxed);
        (issued_at != 0).then(|| self.clock.now_seconds() - issued_at)
    }

    /// Reads the credential for its age.
    pub async fn look_at_assertion(&self) {
        let issued_at = self.source.assertion().await.ok().and_then(|a| a.issued_at);
        self.assertion_issued_at
            .store(issued_at.unwrap_or_default(), Ordering::Relaxed);
    }

    /// A token for `target`, from the cache or fetched.
    pub async fn token(&self, target: &Target) -> Result<AccessToken, TokenError> {
        self.tokens.token(&target.request).await
    }
}

/// The client for an issuer. Its addresses come from our own configuration, and clusters have
/// private ones; metadata services stay out of reach.
pub fn http_client<'a>(
    ca_file: Option<&Path>,
    allow_http: bool,
    urls: impl Iterator<Item = &'a str>,
) -> anyhow::Result<OutboundHttp> {
    let roots = match ca_file {
        Some(path) => {
            let pem = std::fs::read(path)
                .with_context(|| format!("caFile: {} cannot be read", path.display()))?;
            TrustRoots::Only(vec![pem])
        }
        None => TrustRoots::System,
    };
    let http_origins = urls
        .filter_map(|url| Url::parse(url).ok())
        .filter(|url| allow_http && url.scheme() == "http" && url.has_host())
        .map(|url| url.origin().ascii_serialization())
        .collect();
    Ok(OutboundHttp::new(&OutboundConfig {
        allow_http_loopback: allow_http,
        http_origins,
        allow_private_addresses: true,
        roots,
        ..OutboundConfig::default()
    })?)
}

/// What a caller is told when there is no token: whose fault it is, and whether to come again.
fn no_token(target: &Target, error: &TokenError) -> Response<Body> {
    let description = format!("no token for target {}: {error}", target.name);
    if !error.is_transient() {
        return answer::error(StatusCode::BAD_GATEWAY, "token_refused", &description);
    }
    let mut response = answer::error(
        StatusCode::SERVICE_UNAVAILABLE,
        "token_unavailable",
        &description,
    );
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}
