//! The Kubernetes API server as a source of keys, and the only place our own token is sent to.

use std::path::{Path, PathBuf};

use realmkeep_jose::UnverifiedJwt;
use serde::de::DeserializeOwned;
use url::{Host, Url};

use crate::outbound_http::{Fetched, OutboundConfig, OutboundError, OutboundHttp, TrustRoots};
use crate::secret::Secret;

/// Where Kubernetes publishes the keys of its service account tokens.
const JWKS_PATH: &str = "/openid/v1/jwks";

/// The API server of the cluster we run in.
///
/// Its discovery and key endpoints ask for a credential by default, so our own service account token
/// is sent along: only to these origins, which come from our own start-up configuration and never
/// from a realm's settings, and only when the token is from the issuer that is being asked about.
#[derive(Clone, Debug)]
pub struct ApiServer {
    origins: Vec<Url>,
    token_file: PathBuf,
    http: OutboundHttp,
}

impl ApiServer {
    /// `origins`: `https://host[:port]`, the first one is where keys are fetched.
    /// `http` should trust the cluster's certificate authority and nothing else.
    pub fn new(
        origins: &[String],
        token_file: impl Into<PathBuf>,
        http: OutboundHttp,
    ) -> Result<Self, OutboundError> {
        let origins = origins
            .iter()
            .map(|origin| http.check_url(origin))
            .collect::<Result<Vec<_>, _>>()?;
        if origins.is_empty() {
            return Err(OutboundError::InvalidUrl(String::new()));
        }
        Ok(Self {
            origins,
            token_file: token_file.into(),
            http,
        })
    }

    /// The API server as a pod sees it: `host` and `port` are those of `KUBERNETES_SERVICE_HOST` and
    /// `KUBERNETES_SERVICE_PORT`, `directory` is where the service account is mounted
    /// (`/var/run/secrets/kubernetes.io/serviceaccount`).
    pub fn in_cluster(host: &str, port: &str, directory: &Path) -> Result<Self, OutboundError> {
        let ca_file = directory.join("ca.crt");
        let ca = std::fs::read(&ca_file).map_err(|error| {
            OutboundError::Setup(format!("{} cannot be read: {error}", ca_file.display()))
        })?;
        let http = OutboundHttp::new(&OutboundConfig {
            allow_private_addresses: true,
            roots: TrustRoots::Only(vec![ca]),
            ..OutboundConfig::default()
        })?;
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let mut origins = vec![format!("https://{host}:{port}")];
        for name in ["", ".default", ".default.svc", ".default.svc.cluster.local"] {
            origins.push(format!("https://kubernetes{name}"));
        }
        Self::new(&origins, directory.join("token"), http)
    }

    /// Whether `url` is on one of the API server's origins.
    pub fn is_origin_of(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| self.origins.iter().any(|o| o.origin() == url.origin()))
    }

    /// The address for keys that discovery on this API server named. It usually is an address
    /// literal of a control plane node, which we would not send our token to; the same path exists
    /// on the origin we know.
    pub(crate) fn keys_url(&self, jwks_uri: &str) -> Option<String> {
        if self.is_origin_of(jwks_uri) {
            return Some(jwks_uri.to_owned());
        }
        let url = Url::parse(jwks_uri).ok()?;
        let literal = matches!(url.host(), Some(Host::Ipv4(_) | Host::Ipv6(_)));
        let first = self.origins.first()?;
        (literal && url.path() == JWKS_PATH)
            .then(|| format!("{}{JWKS_PATH}", first.origin().ascii_serialization()))
    }

    /// `GET` with our own token, if it is one of `issuer`. `url` has to be on one of the origins.
    pub(crate) async fn get_json<T: DeserializeOwned>(
        &self,
        url: &str,
        issuer: &str,
        accept: &str,
    ) -> Result<(T, Fetched), OutboundError> {
        let token = if self.is_origin_of(url) {
            self.own_token(issuer).await
        } else {
            None
        };
        self.http.get_json(url, accept, token.as_ref()).await
    }

    async fn own_token(&self, issuer: &str) -> Option<Secret> {
        // Read at each use: the kubelet replaces it.
        let text = tokio::fs::read_to_string(&self.token_file).await.ok()?;
        let token = Secret::new(text.trim());
        let jwt = UnverifiedJwt::parse(token.expose()).ok()?;
        (jwt.unverified_iss() == Some(issuer)).then_some(token)
    }
}
