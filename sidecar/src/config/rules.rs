//! Rules: which requests need what.

use std::collections::BTreeMap;

use anyhow::ensure;
use serde::Deserialize;
use serde_json::Value;

use super::header;

/// What the requests that match need. Everything that is given has to be fulfilled.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    pub name: String,
    #[serde(default, rename = "match")]
    pub matches: RuleMatch,
    /// No token is needed.
    #[serde(default)]
    pub public: bool,
    /// Nobody passes.
    #[serde(default)]
    pub deny: bool,
    /// The token is from one of these.
    #[serde(default)]
    pub issuers: Vec<String>,
    /// The token is for one of these, beyond what its issuer needs.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// The token has all of these scopes.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The claim, by its path such as `realm_access.roles`, is or contains one of these values.
    #[serde(default)]
    pub claims: BTreeMap<String, Vec<Value>>,
    /// A CEL expression over `claims`, `request` and `peer` that has to be true.
    pub condition: Option<String>,
    pub step_up: Option<StepUp>,
    #[serde(default)]
    pub require_dpop: bool,
    #[serde(default)]
    pub require_mtls: bool,
    /// The peer's certificate, verified by `tls.clientCaFile`, has one of these SPIFFE IDs.
    #[serde(default)]
    pub peers: Vec<String>,
    /// The issuer is asked whether the token is still active.
    #[serde(default)]
    pub introspect: bool,
    /// Headers that the application receives: CEL expressions that are a text, a number or a bool.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// Which requests. What is not given matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RuleMatch {
    pub methods: Vec<String>,
    /// `/orders`, `/orders/*/items`, `/orders/**`.
    pub paths: Vec<String>,
    /// Names without port; `*.shop.example` is one label more.
    pub hosts: Vec<String>,
}

/// How the user has to have logged in (RFC 9470).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepUp {
    /// `acr` is one of these.
    #[serde(default)]
    pub acr_values: Vec<String>,
    /// Seconds since `auth_time` at most.
    pub max_age_seconds: Option<u64>,
}

impl Rule {
    pub(super) fn check(&self) -> anyhow::Result<()> {
        ensure!(
            !self.name.is_empty()
                && self.name.len() <= 64
                && self
                    .name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)),
            "name: 1 to 64 letters, digits, `-`, `_` and `.` are allowed"
        );
        ensure!(
            !(self.public && self.deny),
            "public and deny exclude each other"
        );
        let needs_token = !self.issuers.is_empty()
            || !self.audiences.is_empty()
            || !self.scopes.is_empty()
            || !self.claims.is_empty()
            || self.step_up.is_some()
            || self.require_dpop
            || self.require_mtls
            || self.introspect;
        ensure!(
            !((self.public || self.deny) && needs_token),
            "a rule that is public or denies looks at no token; leave out what asks for one"
        );
        ensure!(
            !self.deny
                || (self.condition.is_none() && self.headers.is_empty() && self.peers.is_empty()),
            "a rule that denies has neither a condition nor headers nor peers"
        );
        for path in &self.matches.paths {
            ensure!(
                path.starts_with('/') && !path.contains(['?', '#', '%', '\\', ';']),
                "match.paths: `{path}` has to begin with / and be written without encoding"
            );
            let segments: Vec<&str> = path.split('/').skip(1).collect();
            let last = segments.len().saturating_sub(1);
            for (index, segment) in segments.iter().enumerate() {
                ensure!(
                    (*segment != "**" || index == last) && !matches!(*segment, "." | ".."),
                    "match.paths: `{path}`: `**` stands at the end only, and `.` and `..` nowhere"
                );
                ensure!(
                    !(segment.contains("**") && *segment != "**")
                        && segment.matches('*').count() <= 2,
                    "match.paths: `{path}`: a segment is text with one `*`, or `**` at the end"
                );
            }
        }
        for host in &self.matches.hosts {
            ensure!(
                !host.is_empty()
                    && !host.contains([':', '/', '@'])
                    && !host.trim_start_matches("*.").contains('*'),
                "match.hosts: `{host}` has to be a name or *.name, without a port"
            );
        }
        for method in &self.matches.methods {
            ensure!(
                http::Method::from_bytes(method.as_bytes()).is_ok()
                    && method.to_ascii_uppercase() == *method,
                "match.methods: `{method}` is no method in capitals"
            );
        }
        for peer in &self.peers {
            ensure!(
                peer.starts_with("spiffe://"),
                "peers: `{peer}` is no SPIFFE ID"
            );
        }
        for name in self.headers.keys() {
            header(name)?;
        }
        Ok(())
    }
}
