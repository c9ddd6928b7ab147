//! What goes out: as whom, to whom, and how the tokens get there.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
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
    #[serde(default)]
    pub targets: Vec<Target>,
    pub token_api: Option<TokenApi>,
    pub forward_proxy: Option<ForwardProxy>,
}

/// Exactly one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Identity {
    /// A projected service account token.
    pub kubernetes: Option<TokenFile>,
    /// A token of another OpenID Connect issuer, kept fresh by somebody else.
    pub oidc_file: Option<TokenFile>,
    /// A JWT-SVID of the SPIFFE Workload API.
    pub spiffe_jwt: Option<SpiffeJwt>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenFile {
    pub token_file: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SpiffeJwt {
    /// `unix:///path`, as in `SPIFFE_ENDPOINT_SOCKET`.
    pub socket: String,
    /// `outbound.issuer` where not given.
    pub audience: Option<String>,
    /// Which identity, where the workload has several.
    pub spiffe_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    pub name: String,
    /// `host` (port 80) or `host:port`.
    #[serde(default)]
    pub hosts: Vec<String>,
    pub audience: Option<String>,
    pub scope: Option<String>,
    /// RFC 8707.
    pub resource: Option<String>,
    /// Asks for tokens that are bound to a key of this process (RFC 9449).
    #[serde(default)]
    pub dpop: bool,
    /// The forward proxy speaks TLS to this target.
    pub tls: Option<TargetTls>,
    /// A file that always holds the token.
    pub file: Option<PathBuf>,
    /// Tokens for this target are got by exchange of a caller's token only (RFC 8693).
    #[serde(default)]
    pub exchange_only: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetTls {
    /// PEM; the system's authorities where not given.
    pub ca_file: Option<PathBuf>,
    /// The port at the target; 443 where not given.
    pub port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenApi {
    pub listen: Option<SocketAddr>,
    /// A unix socket, readable and writable by its owner and group.
    pub socket: Option<PathBuf>,
    /// Values of `identity_provider` that callers of `/api/v1` may send; none switches it off.
    #[serde(default)]
    pub identity_providers: Vec<String>,
    /// Takes requests on TCP without `X-Local-Token: 1`.
    #[serde(default)]
    pub unsafe_without_header: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForwardProxy {
    pub listen: SocketAddr,
    #[serde(default)]
    pub undeclared_hosts: UndeclaredHosts,
    #[serde(default)]
    pub passthrough_authorization: bool,
    /// Exchanges the token in the application's `Authorization` header, which is its caller's, for
    /// one for the target (RFC 8693).
    #[serde(default)]
    pub exchange_authorization: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UndeclaredHosts {
    #[default]
    Refuse,
    Pass,
}

impl Outbound {
    pub(super) fn check(&self) -> anyhow::Result<()> {
        self.identity
            .check(self.issuer.is_some())
            .context("identity")?;
        ensure!(
            self.token_endpoint.is_some() != self.issuer.is_some(),
            "either tokenEndpoint or issuer has to be given"
        );
        ensure!(
            self.discovery_url.is_none() || self.issuer.is_some(),
            "discoveryUrl: needs an issuer that the document found there has to name"
        );
        let files = self.targets.iter().any(|target| target.file.is_some());
        ensure!(
            self.targets.is_empty()
                || self.token_api.is_some()
                || self.forward_proxy.is_some()
                || files,
            "neither `tokenApi` nor `forwardProxy` nor a target's `file` is there; nobody could use the tokens"
        );
        ensure!(
            !self.targets.is_empty() || (self.token_api.is_none() && self.forward_proxy.is_none()),
            "targets: at least one is needed"
        );
        ensure!(
            self.targets.len() <= 500,
            "targets: there are more than 500"
        );
        let mut names = HashSet::new();
        let mut paths = HashSet::new();
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
            ensure!(
                !(target.exchange_only && target.file.is_some()),
                "targets[{index}].file: there is no token without a caller's (exchangeOnly)"
            );
            ensure!(
                !(target.dpop && target.file.is_some()),
                "targets[{index}].file: a token that is bound to a key of this process is of no use in a file"
            );
            if let Some(path) = &target.file {
                ensure!(
                    path.is_absolute() && paths.insert(path),
                    "targets[{index}].file: has to be an absolute path that no other target has"
                );
            }
        }
        self.hosts()?;
        if let Some(api) = &self.token_api {
            ensure!(
                api.listen.is_some() || api.socket.is_some(),
                "tokenApi: `listen` or `socket` is needed"
            );
        }
        let proxy = self.forward_proxy.as_ref();
        ensure!(
            !proxy.is_some_and(
                |proxy| proxy.exchange_authorization && proxy.passthrough_authorization
            ),
            "forwardProxy: exchangeAuthorization and passthroughAuthorization exclude each other"
        );
        let listeners = [
            (
                "tokenApi",
                self.token_api.as_ref().and_then(|api| api.listen),
            ),
            ("forwardProxy", proxy.map(|proxy| proxy.listen)),
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

    pub(super) fn files(&self) -> Vec<PathBuf> {
        let targets = self
            .targets
            .iter()
            .filter_map(|target| target.tls.as_ref()?.ca_file.clone());
        self.ca_file.iter().cloned().chain(targets).collect()
    }
}

impl Identity {
    fn check(&self, has_issuer: bool) -> anyhow::Result<()> {
        let given = [
            self.kubernetes.is_some(),
            self.oidc_file.is_some(),
            self.spiffe_jwt.is_some(),
        ];
        ensure!(
            given.iter().filter(|given| **given).count() == 1,
            "exactly one of kubernetes, oidcFile and spiffeJwt is needed"
        );
        if let Some(spiffe) = &self.spiffe_jwt {
            ensure!(
                spiffe
                    .socket
                    .strip_prefix("unix://")
                    .is_some_and(|path| path.starts_with('/')),
                "spiffeJwt.socket: has to be unix:///PATH"
            );
            ensure!(
                has_issuer || spiffe.audience.is_some(),
                "spiffeJwt.audience: is needed where outbound.issuer is not given"
            );
        }
        Ok(())
    }
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
