//! What comes in: who may, and how the application hears of it.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use http::Uri;
use realmkeep_jose::Algorithm;
use realmkeep_token_verifier::Constraint;
use serde::Deserialize;
use url::{Host, Url};

use super::{Rule, header};

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Inbound {
    /// The reverse proxy; together with `upstream`.
    pub listen: Option<SocketAddr>,
    /// The application: `http://127.0.0.1:PORT`.
    pub upstream: Option<String>,
    #[serde(default)]
    pub upstream_protocol: UpstreamProtocol,
    pub tls: Option<Tls>,
    /// Decisions for a proxy that asks by HTTP: nginx, Traefik, Caddy.
    pub forward_auth: Option<Listener>,
    /// Decisions for Envoy, by gRPC.
    pub ext_authz: Option<Listener>,
    pub issuers: Vec<Issuer>,
    #[serde(default)]
    pub public_paths: Vec<String>,
    /// In their order; the first that matches decides. Without any, every good token passes.
    #[serde(default)]
    pub rules: Vec<Rule>,
    #[serde(default)]
    pub ambiguous_paths: AmbiguousPaths,
    /// `https://host[:port]` by which callers know this application.
    #[serde(default)]
    pub origins: Vec<String>,
    pub resource: Option<Resource>,
    #[serde(default)]
    pub sender_constraint: SenderConstraint,
    #[serde(default)]
    pub headers: IdentityHeaders,
    #[serde(default)]
    pub strip_headers: Vec<String>,
    #[serde(default = "yes")]
    pub forward_authorization: bool,
    /// Requests and answers under way end when the token does.
    #[serde(default = "yes")]
    pub end_streams_with_token: bool,
    /// `/readyz` waits for the keys of every issuer.
    #[serde(default)]
    pub require_issuers: bool,
    /// The pod's own address: whether the application can be reached there is looked at.
    pub pod_address: Option<IpAddr>,
    /// `/readyz` says no while the application can be reached at `podAddress`.
    #[serde(default)]
    pub require_unreachable: bool,
    /// Seconds until the application has to have answered with its headers.
    #[serde(default = "response_timeout_seconds")]
    pub response_timeout_seconds: u64,
    /// Bytes that remembered verifications may take.
    #[serde(default = "cache_bytes")]
    pub token_cache_bytes: u64,
}

/// What the application speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UpstreamProtocol {
    /// HTTP/2 for gRPC, HTTP/1.1 for everything else.
    #[default]
    Auto,
    Http1,
    /// HTTP/2 without TLS, with prior knowledge.
    Http2,
}

/// What is done with paths that two programs may understand differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AmbiguousPaths {
    #[default]
    Refuse,
    /// Only rules without paths apply to them.
    Pass,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Listener {
    pub listen: SocketAddr,
}

/// TLS of the reverse proxy's listener.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tls {
    /// PEM, the server's own certificate first.
    pub cert_file: PathBuf,
    /// PEM.
    pub key_file: PathBuf,
    #[serde(default)]
    pub client_certificates: ClientCertificates,
    /// PEM: the authorities of client certificates. Without it any certificate is taken, as a key
    /// that a token may be bound to and as nothing else.
    pub client_ca_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificates {
    #[default]
    None,
    Accept,
    Require,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
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
    pub introspection: Option<Introspection>,
}

/// Asking the issuer about tokens (RFC 7662), with the identity of `outbound`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Introspection {
    /// Found in the issuer's metadata where not given.
    pub url: Option<String>,
    /// Which tokens are asked about without a rule that says so.
    #[serde(default)]
    pub when: OpaqueTokens,
    /// Seconds for which an answer is believed.
    #[serde(default = "introspection_cache_seconds")]
    pub cache_seconds: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpaqueTokens {
    /// Only where a rule says `introspect`.
    #[default]
    Rule,
    /// Tokens that are no JWT, as well.
    Opaque,
    /// Every token.
    Always,
}

/// The protected resource metadata (RFC 9728).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resource {
    /// The resource's identifier: an `https` URL.
    pub url: String,
    pub name: Option<String>,
    pub documentation: Option<String>,
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// Which tokens have to be bound to their sender.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SenderConstraint {
    pub dpop: Constraint,
    pub mtls: Constraint,
    /// Seconds for which a DPoP proof is good.
    pub proof_max_age_seconds: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IdentityHeaders {
    pub subject: String,
    pub client: String,
    pub issuer: String,
}

impl Inbound {
    pub(super) fn check(&self, has_identity: bool) -> anyhow::Result<()> {
        match (&self.listen, &self.upstream) {
            (Some(_), Some(_)) => {
                self.upstream_uri().context("upstream")?;
            }
            (Some(_), None) => bail!("upstream: is needed beside `listen`"),
            (None, Some(_)) => bail!("listen: is needed beside `upstream`"),
            (None, None) => ensure!(
                self.forward_auth.is_some() || self.ext_authz.is_some(),
                "neither `listen` with `upstream` nor `forwardAuth` nor `extAuthz` is there; nobody could ask"
            ),
        }
        ensure!(
            self.tls.is_none() || self.listen.is_some(),
            "tls: is for `listen`, which is not there"
        );
        ensure!(
            self.pod_address.is_none()
                || (self.upstream.is_some()
                    && self
                        .pod_address
                        .is_some_and(|address| !address.is_loopback())),
            "podAddress: has to be the pod's address, beside `upstream`"
        );
        ensure!(
            !self.require_unreachable || self.pod_address.is_some(),
            "requireUnreachable: needs podAddress"
        );
        ensure!(!self.issuers.is_empty(), "issuers: at least one is needed");
        let mut seen = HashSet::new();
        for (index, issuer) in self.issuers.iter().enumerate() {
            issuer
                .check(has_identity)
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
        for (index, origin) in self.origins.iter().enumerate() {
            check_origin(origin).with_context(|| format!("origins[{index}]"))?;
        }
        ensure!(self.rules.len() <= 1000, "rules: there are more than 1000");
        for (index, rule) in self.rules.iter().enumerate() {
            rule.check().with_context(|| format!("rules[{index}]"))?;
            ensure!(
                !rule.introspect
                    || self
                        .issuers
                        .iter()
                        .all(|issuer| issuer.introspection.is_some()),
                "rules[{index}].introspect: every issuer has to have `introspection`"
            );
            ensure!(
                !rule.require_dpop || self.sender_constraint.dpop != Constraint::Off,
                "rules[{index}].requireDpop: senderConstraint.dpop has to be accept or require"
            );
            ensure!(
                !rule.require_mtls || self.sender_constraint.mtls != Constraint::Off,
                "rules[{index}].requireMtls: senderConstraint.mtls has to be accept or require"
            );
        }
        self.check_constraints().context("senderConstraint")?;
        if let Some(resource) = &self.resource {
            let url = Url::parse(&resource.url).context("resource.url: is not a URL")?;
            ensure!(
                url.scheme() == "https" && url.fragment().is_none(),
                "resource.url: has to be https without a fragment (RFC 9728 section 1.2)"
            );
        }
        Ok(())
    }

    fn check_constraints(&self) -> anyhow::Result<()> {
        let constraint = &self.sender_constraint;
        ensure!(
            constraint.dpop == Constraint::Off || !self.origins.is_empty(),
            "dpop: needs `origins`, which a proof's URL is compared with; a request's own headers are no proof of where it was sent"
        );
        ensure!(
            (5..=300).contains(&constraint.proof_max_age_seconds),
            "proofMaxAgeSeconds: must be between 5 and 300"
        );
        let certificates = self
            .tls
            .as_ref()
            .is_some_and(|tls| tls.client_certificates != ClientCertificates::None);
        ensure!(
            constraint.mtls == Constraint::Off || certificates || self.ext_authz.is_some(),
            "mtls: needs tls.clientCertificates, or extAuthz whose proxy tells the certificate"
        );
        Ok(())
    }

    /// The application's scheme and authority.
    pub fn upstream_uri(&self) -> anyhow::Result<Uri> {
        let upstream = self.upstream.as_deref().unwrap_or_default();
        let url = Url::parse(upstream).context("is not a URL")?;
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
        Ok(upstream.trim_end_matches('/').parse()?)
    }

    pub(super) fn files(&self) -> Vec<PathBuf> {
        let tls = self.tls.iter().flat_map(|tls| {
            [
                Some(&tls.cert_file),
                Some(&tls.key_file),
                tls.client_ca_file.as_ref(),
            ]
        });
        let issuers = self.issuers.iter().map(|issuer| issuer.ca_file.as_ref());
        tls.chain(issuers).flatten().cloned().collect()
    }
}

impl Issuer {
    fn check(&self, has_identity: bool) -> anyhow::Result<()> {
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
        if let Some(introspection) = &self.introspection {
            ensure!(
                has_identity,
                "introspection: needs outbound.identity, which the issuer knows this workload by"
            );
            ensure!(
                introspection.cache_seconds <= 3600,
                "introspection.cacheSeconds: must be at most 3600"
            );
        }
        Ok(())
    }

    /// Addresses that the configuration itself names.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        let introspection = self.introspection.as_ref();
        [
            Some(self.issuer.as_str()),
            self.discovery_url.as_deref(),
            self.jwks_url.as_deref(),
            introspection.and_then(|introspection| introspection.url.as_deref()),
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

impl Default for SenderConstraint {
    fn default() -> Self {
        Self {
            dpop: Constraint::Off,
            mtls: Constraint::Off,
            proof_max_age_seconds: 60,
        }
    }
}

fn check_origin(origin: &str) -> anyhow::Result<()> {
    let url = Url::parse(origin).context("is not a URL")?;
    ensure!(
        matches!(url.scheme(), "https" | "http")
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && !origin.ends_with('/'),
        "has to be https://HOST[:PORT] and nothing more"
    );
    Ok(())
}

fn yes() -> bool {
    true
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

fn introspection_cache_seconds() -> u64 {
    10
}

fn default_algorithms() -> Vec<Algorithm> {
    Algorithm::ASYMMETRIC.to_vec()
}

fn default_typ() -> Vec<String> {
    vec!["JWT".to_owned(), "at+jwt".to_owned()]
}
