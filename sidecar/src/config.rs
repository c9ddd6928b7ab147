//! The configuration file. README.md documents every field; unknown ones are refused.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use http::{HeaderName, Uri};
use realmkeep_jose::Algorithm;
use serde::Deserialize;
use tracing::level_filters::LevelFilter;
use url::{Host, Url};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    pub log: Log,
    #[serde(default = "one")]
    pub workers: usize,
    #[serde(default)]
    pub admin: Admin,
    /// Seconds that requests may take to end after SIGTERM.
    #[serde(default = "drain_seconds")]
    pub drain_seconds: u64,
    pub inbound: Option<Inbound>,
    pub outbound: Option<Outbound>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Log {
    #[serde(default)]
    pub level: LogLevel,
    #[serde(default)]
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Json,
    Text,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Admin {
    pub listen: SocketAddr,
    /// Seconds after which `/startupz` gives up waiting for keys and tokens and says yes.
    #[serde(default = "startup_wait_seconds")]
    pub startup_wait_seconds: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Inbound {
    pub listen: SocketAddr,
    /// The application: `http://127.0.0.1:PORT`.
    pub upstream: String,
    pub issuers: Vec<Issuer>,
    #[serde(default)]
    pub public_paths: Vec<String>,
    #[serde(default)]
    pub headers: IdentityHeaders,
    #[serde(default)]
    pub strip_headers: Vec<String>,
    #[serde(default = "yes")]
    pub forward_authorization: bool,
    /// `/readyz` waits for the keys of every issuer.
    #[serde(default)]
    pub require_issuers: bool,
    /// Seconds until the application has to have answered with its headers.
    #[serde(default = "response_timeout_seconds")]
    pub response_timeout_seconds: u64,
    /// Bytes that remembered verifications may take.
    #[serde(default = "cache_bytes")]
    pub token_cache_bytes: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Issuer {
    pub issuer: String,
    pub discovery_url: Option<String>,
    pub jwks_url: Option<String>,
    pub jwks_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    #[serde(default)]
    pub allow_http: bool,
    pub audiences: Vec<String>,
    #[serde(default = "default_algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// Accepted header types.
    #[serde(default = "default_typ")]
    pub typ: Vec<String>,
    /// Accepts `JWT` tokens that do not say `"typ": "Bearer"` in their payload.
    #[serde(default)]
    pub allow_untyped: bool,
    /// Seconds.
    #[serde(default = "clock_skew")]
    pub clock_skew: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IdentityHeaders {
    pub subject: String,
    pub client: String,
    pub issuer: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Outbound {
    pub identity: Identity,
    pub token_endpoint: Option<String>,
    pub issuer: Option<String>,
    pub discovery_url: Option<String>,
    pub ca_file: Option<PathBuf>,
    #[serde(default)]
    pub allow_http: bool,
    pub client_id: Option<String>,
    pub targets: Vec<Target>,
    pub token_api: Option<TokenApi>,
    pub forward_proxy: Option<ForwardProxy>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Identity {
    pub kubernetes: KubernetesIdentity,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KubernetesIdentity {
    pub token_file: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    pub name: String,
    /// `host` (port 80) or `host:port`.
    #[serde(default)]
    pub hosts: Vec<String>,
    pub audience: Option<String>,
    pub scope: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenApi {
    pub listen: SocketAddr,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForwardProxy {
    pub listen: SocketAddr,
    #[serde(default)]
    pub undeclared_hosts: UndeclaredHosts,
    #[serde(default)]
    pub passthrough_authorization: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UndeclaredHosts {
    #[default]
    Refuse,
    Pass,
}

impl Config {
    /// Reads and checks the file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the configuration {} cannot be read", path.display()))?;
        let config: Self = serde_yaml::from_str(&text)
            .with_context(|| format!("the configuration {} is not valid", path.display()))?;
        config
            .check()
            .with_context(|| format!("the configuration {} is not valid", path.display()))?;
        Ok(config)
    }

    fn check(&self) -> anyhow::Result<()> {
        ensure!(
            (1..=64).contains(&self.workers),
            "workers: must be between 1 and 64"
        );
        ensure!(
            self.inbound.is_some() || self.outbound.is_some(),
            "neither `inbound` nor `outbound` is there; nothing to do"
        );
        if let Some(inbound) = &self.inbound {
            inbound.check().context("inbound")?;
        }
        if let Some(outbound) = &self.outbound {
            outbound.check().context("outbound")?;
        }
        Ok(())
    }
}

impl Inbound {
    fn check(&self) -> anyhow::Result<()> {
        self.upstream_uri().context("upstream")?;
        ensure!(!self.issuers.is_empty(), "issuers: at least one is needed");
        let mut seen = HashSet::new();
        for (index, issuer) in self.issuers.iter().enumerate() {
            issuer
                .check()
                .with_context(|| format!("issuers[{index}]"))?;
            ensure!(
                seen.insert(&issuer.issuer),
                "issuers[{index}]: the issuer is there twice"
            );
        }
        for (index, path) in self.public_paths.iter().enumerate() {
            ensure!(
                path.starts_with('/') && !path.contains(['?', '#', '*']),
                "publicPaths[{index}]: has to be an exact path such as /healthz"
            );
        }
        for name in self
            .headers
            .names()
            .into_iter()
            .chain(self.strip_headers.iter().map(String::as_str))
        {
            header(name)?;
        }
        Ok(())
    }

    /// The application's scheme and authority.
    pub fn upstream_uri(&self) -> anyhow::Result<Uri> {
        let url = Url::parse(&self.upstream).context("is not a URL")?;
        let loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        ensure!(
            url.scheme() == "http" && loopback,
            "has to be http on loopback: only an application that nobody else can reach may trust the headers"
        );
        ensure!(
            url.path() == "/"
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty(),
            "has to be http://HOST:PORT and nothing more"
        );
        Ok(self.upstream.trim_end_matches('/').parse()?)
    }
}

impl Issuer {
    fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.issuer.is_empty(), "issuer: is empty");
        let sources = [
            self.discovery_url.is_some(),
            self.jwks_url.is_some(),
            self.jwks_file.is_some(),
        ];
        ensure!(
            sources.iter().filter(|given| **given).count() <= 1,
            "only one of discoveryUrl, jwksUrl and jwksFile may be given"
        );
        ensure!(
            !self.audiences.is_empty()
                && self.audiences.iter().all(|audience| !audience.is_empty()),
            "audiences: at least one is needed; it says which tokens are meant for this application"
        );
        ensure!(!self.algorithms.is_empty(), "algorithms: is empty");
        if let Some(symmetric) = self
            .algorithms
            .iter()
            .find(|algorithm| algorithm.is_symmetric())
        {
            bail!(
                "algorithms: {symmetric} works with a shared secret; only public keys are used here"
            );
        }
        for typ in &self.typ {
            ensure!(
                ["jwt", "at+jwt"].contains(&typ.to_ascii_lowercase().as_str()),
                "typ: `{typ}` is no type of access token; JWT and at+jwt are"
            );
        }
        ensure!(!self.typ.is_empty(), "typ: is empty");
        ensure!(
            self.clock_skew <= 300,
            "clockSkew: must be at most 300 seconds"
        );
        Ok(())
    }

    /// Addresses that the configuration itself names.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        [
            Some(self.issuer.as_str()),
            self.discovery_url.as_deref(),
            self.jwks_url.as_deref(),
        ]
        .into_iter()
        .flatten()
    }
}

impl IdentityHeaders {
    pub fn names(&self) -> [&str; 3] {
        [&self.subject, &self.client, &self.issuer]
    }
}

impl Default for IdentityHeaders {
    fn default() -> Self {
        Self {
            subject: "X-Auth-Subject".to_owned(),
            client: "X-Auth-Client".to_owned(),
            issuer: "X-Auth-Issuer".to_owned(),
        }
    }
}

impl Outbound {
    fn check(&self) -> anyhow::Result<()> {
        ensure!(
            self.token_endpoint.is_some() != self.issuer.is_some(),
            "either tokenEndpoint or issuer has to be given"
        );
        ensure!(
            self.discovery_url.is_none() || self.issuer.is_some(),
            "discoveryUrl: needs an issuer that the document found there has to name"
        );
        ensure!(!self.targets.is_empty(), "targets: at least one is needed");
        ensure!(
            self.token_api.is_some() || self.forward_proxy.is_some(),
            "neither `tokenApi` nor `forwardProxy` is there; nobody could use the tokens"
        );
        let mut names = HashSet::new();
        for (index, target) in self.targets.iter().enumerate() {
            ensure!(
                !target.name.is_empty()
                    && target
                        .name
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)),
                "targets[{index}].name: letters, digits, `-`, `_` and `.` are allowed"
            );
            ensure!(
                names.insert(&target.name),
                "targets[{index}].name: is there twice"
            );
        }
        self.hosts()?;
        let listeners = [
            ("tokenApi", self.token_api.as_ref().map(|api| api.listen)),
            (
                "forwardProxy",
                self.forward_proxy.as_ref().map(|proxy| proxy.listen),
            ),
        ];
        for (name, listen) in listeners {
            ensure!(
                listen.is_none_or(|listen| listen.ip().is_loopback()),
                "{name}.listen: has to be a loopback address; whoever reaches it gets tokens"
            );
        }
        Ok(())
    }

    /// Index of the target by (host, port).
    pub fn hosts(&self) -> anyhow::Result<HashMap<(String, u16), usize>> {
        let mut hosts = HashMap::new();
        for (index, target) in self.targets.iter().enumerate() {
            for host in &target.hosts {
                let key = host_and_port(host).with_context(|| {
                    format!("targets[{index}].hosts: `{host}` is not host or host:port")
                })?;
                ensure!(
                    hosts.insert(key, index).is_none(),
                    "targets[{index}].hosts: `{host}` is declared twice"
                );
            }
        }
        Ok(hosts)
    }

    /// Addresses that the configuration itself names.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        [
            self.token_endpoint.as_deref(),
            self.issuer.as_deref(),
            self.discovery_url.as_deref(),
        ]
        .into_iter()
        .flatten()
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], 9090)),
            startup_wait_seconds: startup_wait_seconds(),
        }
    }
}

impl LogLevel {
    pub fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }
}

/// A header's name, as configured.
pub fn header(name: &str) -> anyhow::Result<HeaderName> {
    HeaderName::from_bytes(name.as_bytes()).with_context(|| format!("`{name}` is no header name"))
}

/// `host` or `host:port` in lower case; 80 is the port of http.
pub fn host_and_port(text: &str) -> Option<(String, u16)> {
    let authority: http::uri::Authority = text.parse().ok()?;
    if authority.host().is_empty() || text.contains('@') {
        return None;
    }
    // `host:` and `host:http` parse as an authority without a port.
    let port = match authority.port_u16() {
        Some(port) => port,
        None if authority.as_str().len() == authority.host().len() => 80,
        None => return None,
    };
    Some((authority.host().to_ascii_lowercase(), port))
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

fn drain_seconds() -> u64 {
    25
}

fn startup_wait_seconds() -> u64 {
    30
}

fn response_timeout_seconds() -> u64 {
    300
}

fn cache_bytes() -> u64 {
    4 * 1024 * 1024
}

fn clock_skew() -> u32 {
    30
}

fn default_algorithms() -> Vec<Algorithm> {
    Algorithm::ASYMMETRIC.to_vec()
}

fn default_typ() -> Vec<String> {
    vec!["JWT".to_owned(), "at+jwt".to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = "
inbound:
  listen: 127.0.0.1:0
  upstream: http://127.0.0.1:3000
  issuers:
    - issuer: https://id.example/realms/demo
      audiences: [orders]
";

    fn parse(text: &str) -> Result<Config, String> {
        let config: Config = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        config.check().map_err(|error| format!("{error:#}"))?;
        Ok(config)
    }

    #[test]
    fn a_minimal_file_is_enough() {
        let config = parse(MINIMAL).unwrap();
        assert_eq!(config.inbound.unwrap().issuers[0].clock_skew, 30);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (from, to, message) in [
            (
                "audiences: [orders]",
                "audience: orders",
                "inbound.issuers[0]: unknown field `audience`",
            ),
            (
                "audiences: [orders]",
                "audiences: []",
                "issuers[0]: audiences",
            ),
            (
                "http://127.0.0.1:3000",
                "http://10.0.0.1:3000",
                "inbound: upstream: has to be http on loopback",
            ),
            (
                "http://127.0.0.1:3000",
                "https://127.0.0.1:3000",
                "upstream",
            ),
            (
                "http://127.0.0.1:3000",
                "http://127.0.0.1:3000/x",
                "upstream",
            ),
            (
                "audiences: [orders]",
                "audiences: [a]\n      algorithms: [HS256]",
                "shared secret",
            ),
            (
                "audiences: [orders]",
                "audiences: [a]\n      algorithms: [none]",
                "not supported",
            ),
            (
                "audiences: [orders]",
                "audiences: [a]\n      typ: [logout+jwt]",
                "no type of access token",
            ),
            (
                "audiences: [orders]",
                "audiences: [a]\n      jwksUrl: a\n      jwksFile: b",
                "only one of",
            ),
            (
                "inbound:\n",
                "inbound:\n  publicPaths: ['/a*']\n",
                "publicPaths[0]",
            ),
            (
                "inbound:\n",
                "inbound:\n  headers: {subject: 'a b'}\n",
                "no header name",
            ),
        ] {
            let error = parse(&MINIMAL.replace(from, to)).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        assert!(parse("{}").unwrap_err().contains("nothing to do"));
        assert!(parse("workers: 0").unwrap_err().contains("workers"));
    }

    #[test]
    fn outbound_is_for_this_pod_only() {
        let outbound = |listen: &str, host: &str| {
            parse(&format!(
                "
outbound:
  identity: {{kubernetes: {{tokenFile: /t}}}}
  issuer: https://id.example
  targets: [{{name: orders, hosts: ['{host}']}}]
  tokenApi: {{listen: '{listen}'}}
"
            ))
        };
        outbound("127.0.0.1:0", "orders:8080").unwrap();
        outbound("[::1]:0", "[::1]:8080").unwrap();
        assert!(
            outbound("0.0.0.0:0", "orders")
                .unwrap_err()
                .contains("loopback")
        );
        for host in [
            "",
            "http://orders",
            "orders/",
            "u@orders",
            "orders:",
            "orders:x",
            "orders:99999",
        ] {
            assert!(
                outbound("127.0.0.1:0", host)
                    .unwrap_err()
                    .contains("host:port"),
                "{host}"
            );
        }
    }

    #[test]
    fn hosts_have_one_spelling() {
        assert_eq!(
            host_and_port("Orders.Shop"),
            Some(("orders.shop".to_owned(), 80))
        );
        assert_eq!(
            host_and_port("orders:8080"),
            Some(("orders".to_owned(), 8080))
        );
    }
}
