//! Asking the issuer about a token (RFC 7662).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use realmkeep_workload_identity::{AssertionSource, Clock, OutboundHttp, discover};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use crate::denial::Denial;
use crate::issuer::Issuer;
use crate::token::VerifiedToken;

/// Requests under way at the issuer at most; others wait for a moment and are refused then.
const MAX_REQUESTS: usize = 16;
const PATIENCE: Duration = Duration::from_secs(2);

/// How an issuer is asked.
#[derive(Clone, Debug)]
pub struct IntrospectorConfig {
    pub issuer: String,
    /// Found in the metadata where not given.
    pub endpoint: Option<String>,
    pub discovery_url: Option<String>,
    pub client_id: Option<String>,
    /// Tokens that are no JWT are asked about here.
    pub opaque: bool,
    /// Every token is asked about.
    pub always: bool,
    /// For which an answer is believed; no time asks each time.
    pub cache_time: Duration,
    /// Answers that are remembered at most.
    pub cache_entries: u64,
}

/// Asks an issuer with this workload's own credential, and remembers the answers for a while.
#[derive(Clone)]
pub struct Introspector(Arc<Inner>);

struct Inner {
    config: IntrospectorConfig,
    source: AssertionSource,
    http: OutboundHttp,
    clock: Clock,
    answers: Cache<[u8; 32], Answer>,
    requests: Semaphore,
}

#[derive(Clone)]
struct Answer {
    /// None: not active.
    claims: Option<Arc<Map<String, Value>>>,
    /// Milliseconds since the epoch.
    until_ms: i64,
}

impl Introspector {
    pub fn new(
        config: IntrospectorConfig,
        source: AssertionSource,
        http: OutboundHttp,
        clock: Clock,
    ) -> Self {
        let answers = Cache::builder()
            .max_capacity(config.cache_entries)
            .time_to_live(config.cache_time.max(Duration::from_secs(1)))
            .build();
        Self(Arc::new(Inner {
            config,
            source,
            http,
            clock,
            answers,
            requests: Semaphore::new(MAX_REQUESTS),
        }))
    }

    pub fn for_opaque(&self) -> bool {
        self.0.config.opaque
    }

    pub fn for_all(&self) -> bool {
        self.0.config.always
    }

    /// What the issuer says about an active token. `digest` is the token's SHA-256.
    pub async fn active(
        &self,
        token: &str,
        digest: [u8; 32],
    ) -> Result<Arc<Map<String, Value>>, Denial> {
        let now = self.0.clock.now_ms();
        let known = self
            .0
            .answers
            .get(&digest)
            .filter(|answer| now < answer.until_ms);
        let answer = match known {
            Some(answer) => answer,
            None => {
                let answer = self.ask(token, now).await?;
                self.0.answers.insert(digest, answer.clone());
                answer
            }
        };
        answer.claims.ok_or_else(|| {
            Denial::invalid("inactive", "the issuer says that the token is not active")
        })
    }

    /// An active opaque token as a verified one: the checks that the issuer's word does not make
    /// unnecessary.
    pub(crate) fn judge(
        &self,
        issuer: &Issuer,
        claims: Arc<Map<String, Value>>,
        now: i64,
    ) -> Result<VerifiedToken, Denial> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss").is_some_and(|iss| iss != issuer.policy.issuer) {
            return Err(Denial::invalid(
                "unknown_issuer",
                "the token is of another issuer",
            ));
        }
        if text("sub").is_none_or(str::is_empty) {
            return Err(Denial::invalid(
                "claim",
                "the issuer does not say whose token it is (`sub`)",
            ));
        }
        let expires_at = claims.get("exp").and_then(Value::as_i64).ok_or_else(|| {
            Denial::invalid(
                "claim",
                "the issuer does not say when the token ends (`exp`)",
            )
        })?;
        if now >= expires_at {
            return Err(Denial::invalid("expired", "the token has expired (`exp`)"));
        }
        let claims = Arc::unwrap_or_clone(claims);
        let token = VerifiedToken::new(&issuer.name, claims, expires_at)?;
        if !issuer
            .policy
            .audiences
            .iter()
            .any(|audience| token.has_audience(audience))
        {
            return Err(Denial::invalid(
                "audience",
                "the token is for another audience (`aud`)",
            ));
        }
        Ok(token)
    }

    async fn ask(&self, token: &str, now: i64) -> Result<Answer, Denial> {
        let unavailable = |cause: String| {
            tracing::warn!(issuer = %self.0.config.issuer, %cause, "introspection failed");
            Denial::Unavailable {
                retry_after: Duration::from_secs(1),
            }
        };
        let _permit = tokio::time::timeout(PATIENCE, self.0.requests.acquire())
            .await
            .map_err(|_| unavailable("too many requests under way".to_owned()))?
            .map_err(|_| unavailable("closed".to_owned()))?;
        let url = self.endpoint().await.map_err(unavailable)?;
        let assertion = self
            .0
            .source
            .assertion()
            .await
            .map_err(|error| unavailable(error.to_string()))?;
        let mut form = vec![
            ("token", token),
            ("token_type_hint", "access_token"),
            ("client_assertion_type", self.0.source.assertion_type()),
            ("client_assertion", assertion.token.expose()),
        ];
        if let Some(client_id) = &self.0.config.client_id {
            form.push(("client_id", client_id));
        }
        let answer = self
            .0
            .http
            .post_form(&url, &form)
            .await
            .map_err(|error| unavailable(error.to_string()))?;
        if answer.status != 200 {
            return Err(unavailable(format!("status {}", answer.status)));
        }
        let claims: Map<String, Value> = answer
            .json()
            .map_err(|error| unavailable(error.to_string()))?;
        let active = claims.get("active") == Some(&Value::Bool(true));
        let believed = i64::try_from(self.0.config.cache_time.as_millis()).unwrap_or(i64::MAX);
        let mut until_ms = now.saturating_add(believed);
        if let Some(exp) = claims.get("exp").and_then(Value::as_i64) {
            until_ms = until_ms.min(exp.saturating_mul(1000));
        }
        Ok(Answer {
            claims: active.then(|| Arc::new(claims)),
            until_ms,
        })
    }

    async fn endpoint(&self) -> Result<String, String> {
        let config = &self.0.config;
        if let Some(url) = &config.endpoint {
            return Ok(url.clone());
        }
        let url = config.discovery_url.as_deref();
        let metadata = discover(&self.0.http, None, &config.issuer, url)
            .await
            .map_err(|error| error.to_string())?;
        metadata
            .introspection_endpoint
            .ok_or_else(|| "the metadata has no introspection_endpoint".to_owned())
    }
}

impl fmt::Debug for Introspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspector")
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}
