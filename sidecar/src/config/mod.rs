//! The configuration file. docs/sidecar.md documents every field; unknown ones are refused.

mod inbound;
mod outbound;
mod rules;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use http::HeaderName;
use serde::Deserialize;
use tracing::level_filters::LevelFilter;

pub use inbound::{
    AmbiguousPaths, ClientCertificates, Inbound, Introspection, Issuer, Listener, OpaqueTokens,
    Resource, Tls, UpstreamProtocol,
};
pub use outbound::{Identity, Outbound, Target, TokenApi, UndeclaredHosts, host_and_port};
pub use rules::{Rule, RuleMatch, StepUp};

/// Longer files are refused.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

#[derive(Clone, Debug, Deserialize)]
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
    /// Seconds between two looks at the files that may be replaced.
    #[serde(default = "reload_seconds")]
    pub reload_seconds: u64,
    pub inbound: Option<Inbound>,
    pub outbound: Option<Outbound>,
}

#[derive(Clone, Debug, Default, Deserialize)]
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

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Admin {
    pub listen: SocketAddr,
    /// Seconds after which `/startupz` gives up waiting for keys and tokens and says yes.
    #[serde(default = "startup_wait_seconds")]
    pub startup_wait_seconds: u64,
}

impl Config {
    /// Reads and checks the file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = read_bounded(path)
            .with_context(|| format!("the configuration {} cannot be read", path.display()))?;
        Self::parse(&text)
            .with_context(|| format!("the configuration {} is not valid", path.display()))
    }

    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let config: Self = serde_yaml::from_str(text)?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> anyhow::Result<()> {
        ensure!(
            (1..=64).contains(&self.workers),
            "workers: must be between 1 and 64"
        );
        ensure!(
            (1..=3600).contains(&self.reload_seconds),
            "reloadSeconds: must be between 1 and 3600"
        );
        ensure!(
            self.inbound.is_some() || self.outbound.is_some(),
            "neither `inbound` nor `outbound` is there; nothing to do"
        );
        if let Some(inbound) = &self.inbound {
            inbound.check(self.outbound.is_some()).context("inbound")?;
        }
        if let Some(outbound) = &self.outbound {
            outbound.check().context("outbound")?;
        }
        Ok(())
    }

    /// Files whose content matters beside the configuration's own.
    pub fn files(&self) -> Vec<PathBuf> {
        let inbound = self.inbound.iter().flat_map(Inbound::files);
        let outbound = self.outbound.iter().flat_map(Outbound::files);
        inbound.chain(outbound).collect()
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

fn read_bounded(path: &Path) -> anyhow::Result<String> {
    let length = std::fs::metadata(path)?.len();
    ensure!(
        length <= MAX_FILE_BYTES,
        "it is longer than {MAX_FILE_BYTES} bytes"
    );
    Ok(std::fs::read_to_string(path)?)
}

fn one() -> usize {
    1
}

fn drain_seconds() -> u64 {
    25
}

fn reload_seconds() -> u64 {
    10
}

fn startup_wait_seconds() -> u64 {
    30
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
        Config::parse(text).map_err(|error| format!("{error:#}"))
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
