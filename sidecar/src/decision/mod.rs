//! The one place that decides whether a request may pass. The reverse proxy, the forward-auth
//! endpoint and ext_authz only translate: what they ask is an [`Asked`], what they answer comes from a
//! [`Decision`].

mod expression;
mod path;
mod rule;
mod spoofable;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use realmkeep_token_verifier::{
    Challenge, Constraint, Denial, Denied, Sender, SenderConstraints, VerifiedToken, Verifier,
    challenge, credentials,
};
use serde_json::json;
use tokio::time::Instant;

use crate::config::{self, AmbiguousPaths};
use crate::metrics::Metrics;

use expression::Evaluator;
use path::{Path, judge};
use rule::Rule;
pub use spoofable::Spoofable;

/// A request, as far as a decision may look at it.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub method: &'a Method,
    /// As it was sent.
    pub path: &'a str,
    pub query: Option<&'a str>,
    /// Without port, lower case.
    pub host: &'a str,
    pub headers: &'a HeaderMap,
    pub peer: &'a Peer,
}

/// Who is at the other end of the connection.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// Of its certificate, whoever issued that.
    pub thumbprint: Option<String>,
    /// In its certificate, verified by an authority that is trusted here.
    pub spiffe_id: Option<String>,
}

pub type Decision = Result<Admitted, Refused>;

/// A request that may pass.
pub struct Admitted {
    pub token: Option<Arc<VerifiedToken>>,
    /// What the application is to see; nothing else of these names.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub rule: Option<Arc<str>>,
}

/// A request that may not.
pub struct Refused {
    pub denied: Denied,
    pub rule: Option<Arc<str>>,
}

/// What a refused caller is answered.
pub struct Refusal {
    pub status: StatusCode,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: String,
}

/// Everything that a decision depends on, and nothing that changes while it is made.
pub struct Engine {
    verifier: Arc<Verifier>,
    constraints: Arc<SenderConstraints>,
    public_paths: HashSet<String>,
    rules: Vec<Rule>,
    ambiguous_paths: AmbiguousPaths,
    origins: Vec<String>,
    spoofable: Spoofable,
    subject: HeaderName,
    client: HeaderName,
    issuer: HeaderName,
    resource: Option<Resource>,
    evaluator: Evaluator,
    metrics: Arc<Metrics>,
}

/// The protected resource metadata (RFC 9728), written.
struct Resource {
    /// Where it is on this host.
    path: String,
    url: String,
    document: String,
}

impl Engine {
    pub fn new(
        config: &config::Inbound,
        verifier: Arc<Verifier>,
        constraints: Arc<SenderConstraints>,
        metrics: Arc<Metrics>,
    ) -> anyhow::Result<Self> {
        let rules = config
            .rules
            .iter()
            .enumerate()
            .map(|(index, rule)| Rule::new(rule).with_context(|| format!("rules[{index}]")))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let managed = config.headers.names().into_iter();
        let of_rules = config.rules.iter().flat_map(|rule| rule.headers.keys());
        let more = of_rules.chain(&config.strip_headers).map(String::as_str);
        Ok(Self {
            verifier,
            constraints,
            public_paths: config.public_paths.iter().cloned().collect(),
            rules,
            ambiguous_paths: config.ambiguous_paths,
            origins: config.origins.clone(),
            spoofable: Spoofable::new(managed.chain(more)),
            subject: config::header(&config.headers.subject)?,
            client: config::header(&config.headers.client)?,
            issuer: config::header(&config.headers.issuer)?,
            resource: config
                .resource
                .as_ref()
                .map(|resource| Resource::new(resource, config))
                .transpose()?,
            evaluator: Evaluator::default(),
            metrics,
        })
    }

    pub fn verifier(&self) -> &Arc<Verifier> {
        &self.verifier
    }

    /// Whether the request may pass. Whatever goes wrong, the answer is no.
    pub async fn decide(&self, asked: &Asked<'_>) -> Decision {
        let started = Instant::now();
        let decision = self.judge(asked).await;
        match &decision {
            Ok(admitted) => self.metrics.admitted(admitted, started.elapsed()),
            Err(refused) => self.metrics.refused(refused, started.elapsed()),
        }
        if let Err(refused) = &decision {
            tracing::info!(
                method = %asked.method,
                path = asked.path,
                rule = refused.rule.as_deref(),
                issuer = refused.denied.issuer.as_deref(),
                reason = refused.denied.denial.reason(),
                cause = %refused.denied.denial,
                "denied"
            );
        }
        decision
    }

    /// A request that could not even be asked about.
    pub fn malformed(&self, why: &'static str) -> Refused {
        let refused = Refused::from(Denied::from(Denial::Malformed(why)));
        tracing::info!(
            reason = refused.denied.denial.reason(),
            cause = why,
            "denied"
        );
        self.metrics.refused(&refused, Duration::ZERO);
        refused
    }

    /// The names under which the request claims an identity.
    pub fn spoofed(&self, headers: &HeaderMap) -> Vec<HeaderName> {
        self.spoofable.found(headers)
    }

    /// The protected resource metadata, if this is where it is (RFC 9728 section 3).
    pub fn metadata(&self, path: &str) -> Option<&str> {
        let resource = self.resource.as_ref()?;
        (resource.path == path).then_some(resource.document.as_str())
    }

    /// What a refused caller is answered (RFC 6750 section 3).
    pub fn refusal(&self, refused: &Refused) -> Refusal {
        let denial = &refused.denied.denial;
        let body = json!({
            "error": denial.code(),
            "error_description": denial.to_string(),
        });
        let mut headers = vec![
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        let about = Challenge {
            resource_metadata: self.resource.as_ref().map(|resource| resource.url.as_str()),
            bearer: self.constraints.dpop != Constraint::Require,
            dpop: self.constraints.dpop != Constraint::Off,
        };
        let value = challenge(denial, &about);
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.push((WWW_AUTHENTICATE, value));
        }
        if let Denial::Unavailable { retry_after } = denial {
            let seconds = retry_after.as_secs().max(1);
            headers.push((RETRY_AFTER, HeaderValue::from(seconds)));
        }
        Refusal {
            status: denial.status(),
            headers,
            body: body.to_string(),
        }
    }

    async fn judge(&self, asked: &Asked<'_>) -> Decision {
        // Only its form, yet: two tokens are an attack anywhere.
        let presented = match credentials(asked.headers) {
            Err(denial @ Denial::Malformed(_)) => return Err(Denied::from(denial).into()),
            presented => presented,
        };
        let path = judge(asked.path);
        if let Path::Ambiguous(why) = &path
            && self.ambiguous_paths == AmbiguousPaths::Refuse
        {
            return Err(Denied::from(Denial::Malformed(why)).into());
        }
        // The bytes that are judged are those that are forwarded.
        if matches!(path, Path::Clear(_)) && self.public_paths.contains(asked.path) {
            return Ok(Admitted {
                token: None,
                headers: Vec::new(),
                rule: None,
            });
        }

        let rule = match self.rules.iter().find(|rule| rule.matches(asked, &path)) {
            Some(rule) => Some(rule),
            None if self.rules.is_empty() => None,
            None => return Err(Denied::from(forbidden("no_rule")).into()),
        };
        let named = |denied: Denied| Refused {
            denied,
            rule: rule.map(|rule| Arc::clone(&rule.name)),
        };
        if let Some(rule) = rule
            && rule.deny
        {
            return Err(named(forbidden("denied_by_rule").into()));
        }
        let token = match rule {
            Some(rule) if rule.public => None,
            _ => {
                let presented = presented
                    .as_ref()
                    .map_err(|denial| named(denial.clone().into()))?;
                Some(self.token(presented, asked, rule).await.map_err(named)?)
            }
        };
        let mut headers = token
            .as_deref()
            .map(|token| self.identity_headers(token))
            .unwrap_or_default();
        if let Some(rule) = rule {
            let of = |denial: Denial| {
                named(Denied {
                    denial,
                    issuer: token.as_ref().map(|token| Arc::clone(&token.issuer)),
                })
            };
            rule.check(asked, token.as_deref(), &self.evaluator)
                .map_err(of)?;
            if rule.introspect
                && let (Some(token), Ok(presented)) = (&token, &presented)
            {
                self.verifier
                    .still_active(presented.token, token)
                    .await
                    .map_err(named)?;
            }
            for (name, value) in rule.headers(asked, token.as_deref(), &self.evaluator) {
                headers.retain(|(known, _)| *known != name);
                headers.push((name, value));
            }
        }
        Ok(Admitted {
            token,
            headers,
            rule: rule.map(|rule| Arc::clone(&rule.name)),
        })
    }

    async fn token(
        &self,
        presented: &realmkeep_token_verifier::Credentials<'_>,
        asked: &Asked<'_>,
        rule: Option<&Rule>,
    ) -> Result<Arc<VerifiedToken>, Denied> {
        let token = self.verifier.verify(presented.token).await?;
        let urls: Vec<String> = if token.confirmation("jkt").is_some() {
            self.origins
                .iter()
                .map(|origin| format!("{origin}{}", asked.path))
                .collect()
        } else {
            Vec::new()
        };
        let sender = Sender {
            method: asked.method.as_str(),
            urls: &urls,
            certificate: asked.peer.thumbprint.as_deref(),
        };
        let require = rule.map_or((false, false), |rule| {
            (rule.require_dpop, rule.require_mtls)
        });
        let now_ms = self.verifier.clock().now_ms();
        self.constraints
            .check(presented, &token, &sender, require, now_ms)
            .map_err(|denial| Denied {
                denial,
                issuer: Some(Arc::clone(&token.issuer)),
            })?;
        if let Some(rule) = rule {
            rule.check_login(&token, now_ms.div_euclid(1000))
                .map_err(|denial| Denied {
                    denial,
                    issuer: Some(Arc::clone(&token.issuer)),
                })?;
        }
        Ok(token)
    }

    fn identity_headers(&self, token: &VerifiedToken) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = vec![
            (self.subject.clone(), token.subject.clone()),
            (self.issuer.clone(), token.issuer_header.clone()),
        ];
        if let Some(client) = &token.client {
            headers.push((self.client.clone(), client.clone()));
        }
        headers
    }
}

impl Resource {
    fn new(resource: &config::Resource, config: &config::Inbound) -> anyhow::Result<Self> {
        let url = url::Url::parse(&resource.url)?;
        // RFC 9728 section 3.1: the well-known part stands between host and path.
        let own_path = url.path().trim_end_matches('/');
        let path = format!("/.well-known/oauth-protected-resource{own_path}");
        let issuers: Vec<&str> = config
            .issuers
            .iter()
            .map(|issuer| issuer.issuer.as_str())
            .collect();
        let mut document = json!({
            "resource": resource.url,
            "authorization_servers": issuers,
            "bearer_methods_supported": ["header"],
        });
        let constraint = &config.sender_constraint;
        if let Some(document) = document.as_object_mut() {
            let optional = [
                ("resource_name", &resource.name),
                ("resource_documentation", &resource.documentation),
            ];
            for (name, value) in optional {
                if let Some(value) = value {
                    document.insert(name.to_owned(), value.as_str().into());
                }
            }
            if !resource.scopes.is_empty() {
                document.insert(
                    "scopes_supported".to_owned(),
                    resource.scopes.clone().into(),
                );
            }
            if constraint.dpop != Constraint::Off {
                let algorithms = realmkeep_token_verifier::dpop::ALGORITHMS;
                document.insert(
                    "dpop_signing_alg_values_supported".to_owned(),
                    json!(algorithms),
                );
                document.insert(
                    "dpop_bound_access_tokens_required".to_owned(),
                    (constraint.dpop == Constraint::Require).into(),
                );
            }
            if constraint.mtls != Constraint::Off {
                document.insert(
                    "tls_client_certificate_bound_access_tokens".to_owned(),
                    true.into(),
                );
            }
        }
        Ok(Self {
            url: format!("{}{path}", url.origin().ascii_serialization()),
            path,
            document: document.to_string(),
        })
    }
}

impl From<Denied> for Refused {
    fn from(denied: Denied) -> Self {
        Self { denied, rule: None }
    }
}

fn forbidden(reason: &'static str) -> Denial {
    Denial::Forbidden { reason }
}
