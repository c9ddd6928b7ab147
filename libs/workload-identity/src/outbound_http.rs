//! The one HTTP client for addresses that somebody else may have chosen.

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::{Host, Url};

use crate::address::{AddressKind, classify};
use crate::secret::Secret;

/// Longer answers are refused.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// How far requests may go. The default is strict: `https` to public addresses.
#[derive(Clone, Debug)]
pub struct OutboundConfig {
    /// Allows `http` to loopback hosts (`localhost`, `127.0.0.0/8`, `::1`), and loopback addresses.
    pub allow_http_loopback: bool,
    /// Origins (`http://host[:port]`) that may be asked without TLS. Their address is not judged,
    /// but for link-local ones.
    pub http_origins: Vec<String>,
    /// Allows private and loopback addresses, as inside a cluster. Link-local addresses, where
    /// metadata services live, stay refused.
    pub allow_private_addresses: bool,
    /// Addresses of hosts that are not looked up, by name; each is judged as one that was found. The
    /// port is for addresses that name none; 0 is the scheme's.
    pub hosts: BTreeMap<String, SocketAddr>,
    pub roots: TrustRoots,
    pub connect_timeout: Duration,
    /// From the start of a request to the end of its body.
    pub total_timeout: Duration,
}

/// Which certificate authorities are believed.
#[derive(Clone, Debug, Default)]
pub enum TrustRoots {
    /// The system's.
    #[default]
    System,
    /// The system's and those in these PEM files' contents.
    SystemAnd(Vec<Vec<u8>>),
    /// Only those in these PEM files' contents.
    Only(Vec<Vec<u8>>),
}

impl Default for OutboundConfig {
    fn default() -> Self {
        Self {
            allow_http_loopback: false,
            http_origins: Vec::new(),
            allow_private_addresses: false,
            hosts: BTreeMap::new(),
            roots: TrustRoots::System,
            connect_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(10),
        }
    }
}

/// Why a request was not made or its answer not used. Holds no credential and no body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    #[error("`{0}` is not an absolute http or https URL without user, password and fragment")]
    InvalidUrl(String),
    #[error("`{0}` is not https; plain http has to be allowed for this origin explicitly")]
    InsecureScheme(String),
    #[error("{host} is or resolves to {address}, which this client may not connect to")]
    RefusedAddress { host: String, address: IpAddr },
    #[error("{host} cannot be reached: {cause}")]
    Unreachable { host: String, cause: String },
    #[error("{0} did not answer in time")]
    Timeout(String),
    #[error("{host} answered with status {status}")]
    Status { host: String, status: u16 },
    #[error("{host} answered with a redirect (status {status}); redirects are not followed")]
    Redirect { host: String, status: u16 },
    #[error("{0} answered with more than {limit} bytes", limit = MAX_BODY_BYTES)]
    TooLarge(String),
    #[error("the answer of {host} is not the JSON expected: {cause}")]
    InvalidJson { host: String, cause: String },
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(String),
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub status: u16,
    /// `Cache-Control: max-age`; zero for `no-store` and `no-cache`.
    pub max_age: Option<Duration>,
    pub retry_after: Option<Duration>,
    /// RFC 9449 section 8.
    pub dpop_nonce: Option<String>,
    pub body: Bytes,
    host: String,
}

impl Fetched {
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, OutboundError> {
        serde_json::from_slice(&self.body).map_err(|error| OutboundError::InvalidJson {
            host: self.host.clone(),
            // Where and what kind, never the text itself.
            cause: format!(
                "{:?} error at line {} column {}",
                error.classify(),
                error.line(),
                error.column()
            ),
        })
    }
}

/// An HTTP client that follows no redirect, keeps no cookie, uses no proxy, reads no more than
/// [`MAX_BODY_BYTES`], and connects only to addresses it has checked.
#[derive(Clone, Debug)]
pub struct OutboundHttp {
    client: reqwest::Client,
    policy: Arc<Policy>,
}

impl OutboundHttp {
    pub fn new(config: &OutboundConfig) -> Result<Self, OutboundError> {
        let policy = Arc::new(Policy::new(config)?);
        let builder = || {
            reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .user_agent(concat!("realmkeep/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(config.connect_timeout)
                .timeout(config.total_timeout)
                .pool_idle_timeout(Duration::from_secs(30))
                .pool_max_idle_per_host(4)
                .dns_resolver(CheckedResolver(Arc::clone(&policy)))
        };
        let setup = |error: reqwest::Error| OutboundError::Setup(cause_of(&error));
        let client = match &config.roots {
            TrustRoots::Only(pems) => builder().tls_certs_only(certificates(pems)?).build(),
            TrustRoots::SystemAnd(pems) => builder().tls_certs_merge(certificates(pems)?).build(),
            // A container without certificate files is no reason not to start: https fails then,
            // naming the unknown issuer.
            TrustRoots::System => builder().build().or_else(|error| {
                tracing::warn!(
                    cause = cause_of(&error),
                    "no system certificate authorities; https needs one to be configured"
                );
                builder().tls_certs_only([]).build()
            }),
        };
        Ok(Self {
            client: client.map_err(setup)?,
            policy,
        })
    }

    /// Whether a request to `url` would be allowed, as far as can be said without resolving names.
    /// For checking configuration when it is written.
    pub fn check_url(&self, url: &str) -> Result<Url, OutboundError> {
        self.policy.check(url)
    }

    /// `GET`, whatever the status of the answer.
    pub async fn get(
        &self,
        url: &str,
        accept: &str,
        bearer: Option<&Secret>,
    ) -> Result<Fetched, OutboundError> {
        let url = self.policy.check(url)?;
        let mut request = self
            .client
            .get(url.clone())
            .header(reqwest::header::ACCEPT, accept);
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer.expose());
        }
        self.send(&url, request).await
    }

    /// `GET` of a JSON document; any status but 200 is an error.
    pub async fn get_json<T: DeserializeOwned>(
        &self,
        url: &str,
        accept: &str,
        bearer: Option<&Secret>,
    ) -> Result<(T, Fetched), OutboundError> {
        let fetched = self.get(url, accept, bearer).await?;
        if fetched.status != 200 {
            return Err(OutboundError::Status {
                host: fetched.host,
                status: fetched.status,
            });
        }
        Ok((fetched.json()?, fetched))
    }

    /// `POST` of a form, whatever the status of the answer.
    pub async fn post_form<F: Serialize + ?Sized>(
        &self,
        url: &str,
        form: &F,
    ) -> Result<Fetched, OutboundError> {
        self.post_form_with(url, form, &[]).await
    }

    /// As [`OutboundHttp::post_form`], with more headers.
    pub async fn post_form_with<F: Serialize + ?Sized>(
        &self,
        url: &str,
        form: &F,
        headers: &[(&str, &str)],
    ) -> Result<Fetched, OutboundError> {
        let url = self.policy.check(url)?;
        let mut request = self
            .client
            .post(url.clone())
            .header(reqwest::header::ACCEPT, "application/json")
            .form(form);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(&url, request).await
    }

    /// `POST` of a text, whatever the status of the answer.
    pub async fn post_text(
        &self,
        url: &str,
        content_type: &str,
        body: String,
    ) -> Result<Fetched, OutboundError> {
        self.post_text_with(url, content_type, body, &[]).await
    }

    /// As [`OutboundHttp::post_text`], with more headers.
    pub async fn post_text_with(
        &self,
        url: &str,
        content_type: &str,
        body: String,
        headers: &[(&str, &str)],
    ) -> Result<Fetched, OutboundError> {
        let url = self.policy.check(url)?;
        let mut request = self
            .client
            .post(url.clone())
            .header(reqwest::header::CONTENT_TYPE, content_type)
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(&url, request).await
    }

    /// `POST` of some bytes, whatever the status of the answer.
    pub async fn post_bytes(
        &self,
        url: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<Fetched, OutboundError> {
        let url = self.policy.check(url)?;
        let request = self
            .client
            .post(url.clone())
            .header(reqwest::header::CONTENT_TYPE, content_type)
            .body(body);
        self.send(&url, request).await
    }

    /// `POST` of a JSON document, whatever the status of the answer.
    pub async fn post_json<B: Serialize + ?Sized>(
        &self,
        url: &str,
        bearer: Option<&Secret>,
        body: &B,
    ) -> Result<Fetched, OutboundError> {
        let url = self.policy.check(url)?;
        let mut request = self.client.post(url.clone()).json(body);
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer.expose());
        }
        self.send(&url, request).await
    }

    async fn send(
        &self,
        url: &Url,
        request: reqwest::RequestBuilder,
    ) -> Result<Fetched, OutboundError> {
        let host = authority(url);
        let failed = |error: reqwest::Error| self.policy.explain(url, &error);
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        if status.is_redirection() {
            return Err(OutboundError::Redirect {
                host,
                status: status.as_u16(),
            });
        }

        let limit = MAX_BODY_BYTES as u64;
        if response
            .content_length()
            .is_some_and(|length| length > limit)
        {
            return Err(OutboundError::TooLarge(host));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(OutboundError::TooLarge(host));
            }
            body.extend_from_slice(&chunk);
        }
        let headers = response.headers();
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Ok(Fetched {
            status: status.as_u16(),
            max_age: text(reqwest::header::CACHE_CONTROL).and_then(max_age),
            retry_after: text(reqwest::header::RETRY_AFTER)
                .and_then(|value| value.trim().parse().ok())
                .map(Duration::from_secs),
            dpop_nonce: headers
                .get("dpop-nonce")
                .and_then(|value| value.to_str().ok())
                .filter(|nonce| !nonce.is_empty() && nonce.len() <= 256)
                .map(str::to_owned),
            body: body.into(),
            host,
        })
    }
}

/// The rules, compiled.
#[derive(Debug)]
struct Policy {
    allow_http_loopback: bool,
    allow_private_addresses: bool,
    hosts: BTreeMap<String, SocketAddr>,
    http_origins: HashSet<String>,
    /// Hosts of `http_origins`.
    trusted_hosts: HashSet<String>,
}

impl Policy {
    fn new(config: &OutboundConfig) -> Result<Self, OutboundError> {
        let mut http_origins = HashSet::new();
        let mut trusted_hosts = HashSet::new();
        for origin in &config.http_origins {
            let url = parse(origin)?;
            if url.path() != "/" || url.query().is_some() {
                return Err(OutboundError::InvalidUrl(origin.clone()));
            }
            http_origins.insert(url.origin().ascii_serialization());
            trusted_hosts.extend(url.host_str().map(str::to_owned));
        }
        Ok(Self {
            allow_http_loopback: config.allow_http_loopback,
            allow_private_addresses: config.allow_private_addresses,
            hosts: config.hosts.clone(),
            http_origins,
            trusted_hosts,
        })
    }

    fn check(&self, text: &str) -> Result<Url, OutboundError> {
        let url = parse(text)?;
        let listed = self
            .http_origins
            .contains(&url.origin().ascii_serialization());
        if url.scheme() != "https" && !listed && !(self.allow_http_loopback && is_loopback(&url)) {
            return Err(OutboundError::InsecureScheme(origin(&url)));
        }
        // A literal address never reaches the resolver.
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        match literal {
            Some(address) if !self.allows(url.host_str().unwrap_or_default(), address) => {
                Err(OutboundError::RefusedAddress {
                    host: authority(&url),
                    address,
                })
            }
            _ => Ok(url),
        }
    }

    fn allows(&self, host: &str, address: IpAddr) -> bool {
        match classify(address) {
            AddressKind::Public => true,
            AddressKind::Loopback => {
                self.allow_http_loopback
                    || self.allow_private_addresses
                    || self.trusted_hosts.contains(host)
            }
            AddressKind::Private => {
                self.allow_private_addresses || self.trusted_hosts.contains(host)
            }
            AddressKind::LinkLocal | AddressKind::Unusable => false,
        }
    }

    fn explain(&self, url: &Url, error: &reqwest::Error) -> OutboundError {
        let host = authority(url);
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            if let Some(Refused(address)) = cause.downcast_ref::<Refused>() {
                return OutboundError::RefusedAddress {
                    host,
                    address: *address,
                };
            }
            source = cause.source();
        }
        if error.is_timeout() {
            OutboundError::Timeout(host)
        } else {
            OutboundError::Unreachable {
                host,
                cause: cause_of(error),
            }
        }
    }
}

/// Resolves names and lets through only addresses that may be connected to, so that what was
/// checked is what is connected to (no second lookup in between).
struct CheckedResolver(Arc<Policy>);

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.0);
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> = match policy.hosts.get(&host) {
                Some(known) => vec![*known],
                None => tokio::net::lookup_host((host.as_str(), 0)).await?.collect(),
            };
            // One bad address is enough to refuse: a name that leads inside is not to be trusted
            // with its other addresses.
            if let Some(refused) = found.iter().find(|found| !policy.allows(&host, found.ip())) {
                return Err(Refused(refused.ip()).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0} may not be connected to")]
struct Refused(IpAddr);

fn parse(text: &str) -> Result<Url, OutboundError> {
    let invalid = || OutboundError::InvalidUrl(text.chars().take(200).collect());
    let url = Url::parse(text).map_err(|_| invalid())?;
    let plain = matches!(url.scheme(), "https" | "http")
        && url.host().is_some()
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none();
    if plain { Ok(url) } else { Err(invalid()) }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Host and port: enough to find the culprit in a log, without paths and queries.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn certificates(pems: &[Vec<u8>]) -> Result<Vec<reqwest::Certificate>, OutboundError> {
    let mut certificates = Vec::new();
    for pem in pems {
        let bundle = reqwest::Certificate::from_pem_bundle(pem)
            .map_err(|error| OutboundError::Setup(cause_of(&error)))?;
        if bundle.is_empty() {
            return Err(OutboundError::Setup(
                "a certificate file holds no PEM certificate".to_owned(),
            ));
        }
        certificates.extend(bundle);
    }
    Ok(certificates)
}

/// The innermost cause, which is the one that says something. URLs do not occur in it.
fn cause_of(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if std::ptr::eq(
        std::ptr::from_ref(cause).cast::<()>(),
        std::ptr::from_ref(error).cast::<()>(),
    ) {
        return "the request failed".to_owned();
    }
    cause.to_string()
}

fn max_age(cache_control: &str) -> Option<Duration> {
    let mut age = None;
    for directive in cache_control
        .split(',')
        .map(|directive| directive.trim().to_ascii_lowercase())
    {
        match directive.split_once('=') {
            None if directive == "no-store" || directive == "no-cache" => {
                return Some(Duration::ZERO);
            }
            Some(("max-age", seconds)) => {
                age = seconds
                    .trim_matches('"')
                    .parse()
                    .ok()
                    .map(Duration::from_secs);
            }
            _ => {}
        }
    }
    age
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(config: OutboundConfig) -> Policy {
        Policy::new(&config).unwrap()
    }

    #[test]
    fn strict_by_default() {
        let policy = policy(OutboundConfig::default());
        policy.check("https://issuer.example/keys?a=b").unwrap();
        for url in [
            "http://issuer.example/",
            "http://localhost:1/",
            "http://127.0.0.1/",
        ] {
            assert!(
                matches!(policy.check(url), Err(OutboundError::InsecureScheme(_))),
                "{url}"
            );
        }
        for url in [
            "",
            "issuer",
            "/keys",
            "ftp://a/",
            "file:///etc/passwd",
            "https://u@a/",
            "https://u:p@a/",
            "https://a/#b",
            "data:,x",
            "unix:/run/x",
        ] {
            assert!(
                matches!(policy.check(url), Err(OutboundError::InvalidUrl(_))),
                "{url}"
            );
        }
        for url in [
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://10.0.0.1/",
            "https://169.254.169.254/x",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://0177.0.0.1/",
            "https://[::ffff:10.0.0.1]/",
            "https://0.0.0.0/",
        ] {
            assert!(
                matches!(policy.check(url), Err(OutboundError::RefusedAddress { .. })),
                "{url}"
            );
        }
    }

    #[test]
    fn http_only_where_it_is_allowed() {
        let policy = policy(OutboundConfig {
            http_origins: vec!["http://keys.internal:8080".to_owned()],
            allow_http_loopback: true,
            ..OutboundConfig::default()
        });
        policy.check("http://keys.internal:8080/jwks").unwrap();
        policy.check("http://localhost:7/jwks").unwrap();
        policy.check("http://[::1]:7/jwks").unwrap();
        assert!(policy.check("http://keys.internal/jwks").is_err());
        assert!(
            policy
                .check("http://keys.internal:8080.evil.example/")
                .is_err()
        );
        assert!(policy.check("http://10.0.0.1/").is_err());
    }

    #[test]
    fn metadata_addresses_stay_refused() {
        let policy = policy(OutboundConfig {
            allow_private_addresses: true,
            allow_http_loopback: true,
            http_origins: vec!["http://169.254.169.254".to_owned()],
            ..OutboundConfig::default()
        });
        policy.check("https://10.0.0.1/").unwrap();
        assert!(
            policy
                .check("http://169.254.169.254/latest/meta-data")
                .is_err()
        );
    }

    #[test]
    fn cache_control() {
        assert_eq!(max_age("public, max-age=60"), Some(Duration::from_secs(60)));
        assert_eq!(max_age("Max-Age=60, no-cache"), Some(Duration::ZERO));
        assert_eq!(max_age("max-age=soon"), None);
        assert_eq!(max_age(""), None);
    }
}
