//! Tokens for the requests that go out.

mod file;
mod forward_proxy;
mod token_api;

pub use token_api::Door;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode};
use realmkeep_jose::{Algorithm, SigningKey, sha256};
use realmkeep_workload_identity::spiffe::JwtSvidSource;
use realmkeep_workload_identity::{
    AccessToken, AssertionSource, Clock, OutboundConfig, OutboundHttp, Secret, TokenClient,
    TokenClientConfig, TokenEndpoint, TokenError, TokenRequest, TrustRoots,
};
use url::Url;

use crate::config;
use crate::http::client::Onward;
use crate::http::tls::client_config;
use crate::http::{Body, answer};
use crate::metrics::Metrics;

/// Until the response headers of a target.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(300);

/// The declared targets and the client that gets tokens for them.
pub struct Outbound {
    targets: Vec<Target>,
    hosts: HashMap<(String, u16), usize>,
    tokens: TokenClient,
    source: AssertionSource,
    source_name: &'static str,
    proof_key: Option<SigningKey>,
    /// Seconds since the epoch; zero when not known.
    assertion_issued_at: AtomicI64,
    clock: Clock,
    onward: Onward,
    undeclared_hosts: config::UndeclaredHosts,
    passthrough_authorization: bool,
    exchange_authorization: bool,
    identity_providers: Vec<String>,
    without_header: bool,
}

#[derive(Clone)]
pub struct Target {
    pub name: String,
    pub request: TokenRequest,
    pub exchange_only: bool,
    pub file: Option<PathBuf>,
    tls: Option<TargetTls>,
}

/// How this target is spoken to.
#[derive(Clone)]
struct TargetTls {
    port: u16,
    onward: Onward,
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
        let (source, source_name) = source(config, &clock);
        let targets: Vec<Target> = config
            .targets
            .iter()
            .enumerate()
            .map(|(index, target)| {
                Target::new(target).with_context(|| format!("outbound: targets[{index}]"))
            })
            .collect::<anyhow::Result<_>>()?;
        // Made at each start: a stolen token is of no use without it, and it is nowhere to steal.
        let proof_key = targets
            .iter()
            .any(|target| target.request.dpop)
            .then(|| SigningKey::generate(Algorithm::Es256))
            .transpose()?;

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
                proof_key: proof_key.clone(),
            },
            source.clone(),
            http,
            clock.clone(),
            move |request, event| {
                metrics.token(names.get(request).map_or("", String::as_str), event);
            },
        );
        let proxy = config.forward_proxy.as_ref();
        let api = config.token_api.as_ref();
        Ok(Self {
            targets,
            hosts: config.hosts()?,
            tokens,
            source,
            source_name,
            proof_key,
            assertion_issued_at: AtomicI64::new(0),
            clock,
            onward: Onward::new(RESPONSE_TIMEOUT, None),
            undeclared_hosts: proxy.map_or_else(Default::default, |proxy| proxy.undeclared_hosts),
            passthrough_authorization: proxy.is_some_and(|proxy| proxy.passthrough_authorization),
            exchange_authorization: proxy.is_some_and(|proxy| proxy.exchange_authorization),
            identity_providers: api.map_or_else(Vec::new, |api| api.identity_providers.clone()),
            without_header: api.is_some_and(|api| api.unsafe_without_header),
        })
    }

    /// What proves who this workload is.
    pub fn source_name(&self) -> &'static str {
        self.source_name
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

    /// A token for `target` on behalf of the caller whose token `subject` is.
    pub async fn exchange(
        &self,
        target: &Target,
        subject: &Secret,
    ) -> Result<AccessToken, TokenError> {
        self.tokens.exchange(&target.request, subject).await
    }

    /// Gets the token ahead of those who will ask for it, and writes it where it is wanted.
    pub async fn keep_ready(&self, target: &Target, written: &mut Option<[u8; 32]>) {
        if target.exchange_only {
            return;
        }
        // A failure is logged where it happens.
        let Ok(token) = self.token(target).await else {
            return;
        };
        let Some(path) = &target.file else {
            return;
        };
        let digest = sha256(token.token.expose().as_bytes());
        if *written == Some(digest) {
            return;
        }
        match file::replace(path, &token).await {
            Ok(()) => *written = Some(digest),
            Err(error) => {
                tracing::warn!(target = target.name, file = %path.display(), cause = %error, "the token file cannot be written");
            }
        }
    }
}

impl Target {
    fn new(config: &config::Target) -> anyhow::Result<Self> {
        let tls = match &config.tls {
            Some(tls) => {
                let client = client_config(tls.ca_file.as_deref()).context("tls")?;
                Some(TargetTls {
                    port: tls.port.unwrap_or(443),
                    onward: Onward::new(RESPONSE_TIMEOUT, Some(Arc::new(client))),
                })
            }
            None => None,
        };
        Ok(Self {
            name: config.name.clone(),
            request: TokenRequest {
                audience: config.audience.clone(),
                scope: config.scope.clone(),
                resource: config.resource.clone(),
                dpop: config.dpop,
            },
            exchange_only: config.exchange_only,
            file: config.file.clone(),
            tls,
        })
    }
}

/// The platform's credential, and its name for metrics.
pub fn source(config: &config::Outbound, clock: &Clock) -> (AssertionSource, &'static str) {
    let identity = &config.identity;
    if let Some(spiffe) = &identity.spiffe_jwt {
        let path = spiffe.socket.trim_start_matches("unix://");
        let audience = spiffe.audience.clone().or_else(|| config.issuer.clone());
        let source = JwtSvidSource::new(
            path,
            audience.unwrap_or_default(),
            spiffe.spiffe_id.clone(),
            clock.clone(),
        );
        return (AssertionSource::SpiffeJwt(source), "spiffe_jwt");
    }
    let (file, name) = match (&identity.kubernetes, &identity.oidc_file) {
        (Some(file), _) => (file, "kubernetes"),
        (None, Some(file)) => (file, "oidc_file"),
        (None, None) => return (AssertionSource::TokenFile(PathBuf::new()), "none"),
    };
    (AssertionSource::TokenFile(file.token_file.clone()), name)
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
