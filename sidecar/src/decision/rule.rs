//! One rule, compiled.

use std::sync::Arc;

use anyhow::Context as _;
use http::{HeaderName, HeaderValue};
use realmkeep_token_verifier::{Denial, VerifiedToken};
use serde_json::Value;

use crate::config;
use crate::decision::expression::{Evaluator, Expression, Variables};
use crate::decision::path::Path;
use crate::decision::{Asked, forbidden};

pub struct Rule {
    pub name: Arc<str>,
    pub public: bool,
    pub deny: bool,
    pub require_dpop: bool,
    pub require_mtls: bool,
    pub introspect: bool,
    methods: Vec<String>,
    paths: Vec<Pattern>,
    hosts: Vec<String>,
    issuers: Vec<String>,
    audiences: Vec<String>,
    scopes: Vec<String>,
    claims: Vec<(String, Vec<Value>)>,
    peers: Vec<String>,
    condition: Option<Expression>,
    step_up: Option<config::StepUp>,
    headers: Vec<(HeaderName, Expression)>,
}

impl Rule {
    pub fn new(config: &config::Rule) -> anyhow::Result<Self> {
        let condition = config
            .condition
            .as_deref()
            .map(|text| Expression::new(text).context("condition"))
            .transpose()?;
        let headers = config
            .headers
            .iter()
            .map(|(name, text)| {
                let expression =
                    Expression::new(text).with_context(|| format!("headers.{name}"))?;
                Ok((config::header(name)?, expression))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            name: Arc::from(config.name.as_str()),
            public: config.public,
            deny: config.deny,
            require_dpop: config.require_dpop,
            require_mtls: config.require_mtls,
            introspect: config.introspect,
            methods: config.matches.methods.clone(),
            paths: config
                .matches
                .paths
                .iter()
                .map(|path| Pattern::new(path))
                .collect(),
            hosts: config
                .matches
                .hosts
                .iter()
                .map(|host| host.to_ascii_lowercase())
                .collect(),
            issuers: config.issuers.clone(),
            audiences: config.audiences.clone(),
            scopes: config.scopes.clone(),
            claims: config.claims.clone().into_iter().collect(),
            peers: config.peers.clone(),
            condition,
            step_up: config.step_up.clone(),
            headers,
        })
    }

    pub fn matches(&self, asked: &Asked<'_>, path: &Path) -> bool {
        let method = self.methods.is_empty()
            || self
                .methods
                .iter()
                .any(|method| method == asked.method.as_str());
        let path = self.paths.is_empty()
            || match path {
                Path::Clear(path) => self.paths.iter().any(|pattern| pattern.matches(path)),
                // Nobody can say whether it is this path.
                Path::Ambiguous(_) => false,
            };
        let host = self.hosts.is_empty()
            || self
                .hosts
                .iter()
                .any(|pattern| host_matches(pattern, asked.host));
        method && path && host
    }

    /// Whether the login behind the token is strong and recent enough (RFC 9470). `now`: seconds.
    pub fn check_login(&self, token: &VerifiedToken, now: i64) -> Result<(), Denial> {
        let Some(step_up) = &self.step_up else {
            return Ok(());
        };
        let strong = step_up.acr_values.is_empty()
            || token
                .str("acr")
                .is_some_and(|acr| step_up.acr_values.iter().any(|wanted| wanted == acr));
        let recent = step_up.max_age_seconds.is_none_or(|max_age| {
            let max_age = i64::try_from(max_age).unwrap_or(i64::MAX);
            token
                .number("auth_time")
                .is_some_and(|time| now.saturating_sub(time) <= max_age)
        });
        if strong && recent {
            return Ok(());
        }
        Err(Denial::StepUp {
            acr_values: (!step_up.acr_values.is_empty()).then(|| step_up.acr_values.join(" ")),
            max_age: step_up.max_age_seconds,
        })
    }

    /// Everything else that the rule asks for.
    pub fn check(
        &self,
        asked: &Asked<'_>,
        token: Option<&VerifiedToken>,
        evaluator: &Evaluator,
    ) -> Result<(), Denial> {
        if !self.peers.is_empty()
            && !asked
                .peer
                .spiffe_id
                .as_ref()
                .is_some_and(|id| self.peers.contains(id))
        {
            return Err(forbidden("peer"));
        }
        if let Some(token) = token {
            if !self.issuers.is_empty()
                && !self.issuers.iter().any(|issuer| **issuer == *token.issuer)
            {
                return Err(forbidden("issuer"));
            }
            if !self.audiences.is_empty()
                && !self
                    .audiences
                    .iter()
                    .any(|audience| token.has_audience(audience))
            {
                return Err(forbidden("audience"));
            }
            if !self.scopes.iter().all(|scope| token.has_scope(scope)) {
                return Err(Denial::InsufficientScope(self.scopes.join(" ")));
            }
            if !self
                .claims
                .iter()
                .all(|(name, values)| has_one_of(token, name, values))
            {
                return Err(forbidden("claims"));
            }
        }
        match &self.condition {
            Some(condition) if !Variables::new(evaluator, asked, token).is_true(condition) => {
                Err(forbidden("condition"))
            }
            _ => Ok(()),
        }
    }

    /// The headers whose expressions have a value.
    pub fn headers(
        &self,
        asked: &Asked<'_>,
        token: Option<&VerifiedToken>,
        evaluator: &Evaluator,
    ) -> Vec<(HeaderName, HeaderValue)> {
        let variables = Variables::new(evaluator, asked, token);
        self.headers
            .iter()
            .filter_map(|(name, expression)| Some((name.clone(), variables.header(expression)?)))
            .collect()
    }
}

/// A claim by its name, or by its path with dots.
fn has_one_of(token: &VerifiedToken, name: &str, wanted: &[Value]) -> bool {
    let found = token.claims.get(name).or_else(|| {
        let mut names = name.split('.');
        let first = token.claims.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name))
    });
    match found {
        Some(Value::Array(list)) => list.iter().any(|value| wanted.contains(value)),
        Some(value) => wanted.contains(value),
        None => false,
    }
}

fn host_matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(domain) => host
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest == domain),
        None => pattern == host,
    }
}

/// A path with `*` for text within a segment, and `**` at its end for any number of segments.
#[derive(Debug)]
struct Pattern {
    segments: Vec<String>,
    /// Ends with `**`.
    open: bool,
}

impl Pattern {
    fn new(text: &str) -> Self {
        let mut segments: Vec<String> = text.split('/').skip(1).map(str::to_owned).collect();
        let open = segments.last().is_some_and(|last| last == "**");
        if open {
            segments.pop();
        }
        Self { segments, open }
    }

    /// `path` is decoded and begins with a slash.
    fn matches(&self, path: &str) -> bool {
        let mut actual = path.split('/').skip(1);
        for pattern in &self.segments {
            if !actual
                .next()
                .is_some_and(|segment| segment_matches(pattern, segment))
            {
                return false;
            }
        }
        self.open || actual.next().is_none()
    }
}

fn segment_matches(pattern: &str, segment: &str) -> bool {
    match pattern.split_once('*') {
        // `*` stands for something.
        Some((before, after)) => {
            segment.len() > before.len() + after.len()
                && segment.starts_with(before)
                && segment.ends_with(after)
        }
        None => pattern == segment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, matching, others) in [
            ("/", &["/"][..], &["/a", "/a/"][..]),
            ("/a", &["/a"], &["/", "/a/", "/a/b", "/ab", "/A"]),
            (
                "/a/*",
                &["/a/b", "/a/.b"],
                &["/a", "/a/", "/a/b/c", "/a/b/"],
            ),
            ("/a/*/c", &["/a/b/c"], &["/a//c", "/a/b/d", "/a/b/c/d"]),
            (
                "/a/*.png",
                &["/a/b.png"],
                &["/a/.png", "/a/b.jpg", "/a/b/c.png"],
            ),
            (
                "/a/**",
                &["/a", "/a/", "/a/b", "/a/b/c"],
                &["/", "/ab", "/b/a"],
            ),
            ("/**", &["/", "/a", "/a/b/"], &[]),
        ] {
            let compiled = Pattern::new(pattern);
            for path in matching {
                assert!(compiled.matches(path), "{pattern} {path}");
            }
            for path in others {
                assert!(!compiled.matches(path), "{pattern} {path}");
            }
        }
    }

    #[test]
    fn hosts() {
        assert!(host_matches("a.example", "a.example"));
        assert!(host_matches("*.example", "a.example"));
        for host in [
            "example",
            ".example",
            "a.b.example",
            "aexample",
            "a.example.org",
        ] {
            assert!(!host_matches("*.example", host), "{host}");
        }
    }
}
