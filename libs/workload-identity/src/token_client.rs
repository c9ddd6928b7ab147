//! Access tokens for a workload: fetched with its platform credential, cached, renewed in time.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use realmkeep_jose::sha256;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::assertion::{AssertionError, AssertionSource};
use crate::clock::Clock;
use crate::discovery::{DiscoveryError, discover};
use crate::outbound_http::{OutboundError, OutboundHttp};
use crate::secret::Secret;

/// Different requests that are cached at most; beyond it, those that are not in use make room.
const MAX_ENTRIES: usize = 1000;
/// Used where the answer does not say.
const DEFAULT_LIFE_MS: i64 = 60_000;
/// Longer lives are cut to this.
const MAX_LIFE_MS: i64 = 24 * 3600 * 1000;
/// How long the address of the token endpoint is kept.
const METADATA_LIFE_MS: i64 = 3600 * 1000;

/// Where tokens come from.
#[derive(Clone, Debug)]
pub enum TokenEndpoint {
    Url(String),
    /// Found in the metadata of this issuer; `url` when that is not at the usual place.
    Issuer {
        issuer: String,
        url: Option<String>,
    },
}

#[derive(Clone, Debug)]
pub struct TokenClientConfig {
    pub endpoint: TokenEndpoint,
    /// Sent where given; servers that know the client by its credential do not need it.
    pub client_id: Option<String>,
}

/// What a token is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TokenRequest {
    pub audience: Option<String>,
    /// Space-separated (RFC 6749 section 3.3).
    pub scope: Option<String>,
}

/// A token that may be used now.
#[derive(Clone, Debug)]
pub struct AccessToken {
    pub token: Secret,
    pub token_type: String,
    /// Milliseconds since the epoch.
    pub expires_at_ms: i64,
    pub scope: Option<String>,
}

impl AccessToken {
    /// Seconds left, computed from the deadline each time.
    pub fn expires_in(&self, clock: &Clock) -> i64 {
        (self.expires_at_ms.saturating_sub(clock.now_ms()) / 1000).max(0)
    }
}

/// Why there is no token. Holds no credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error(transparent)]
    Assertion(#[from] AssertionError),
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    #[error("the token endpoint cannot be used: {0}")]
    Unreachable(#[from] OutboundError),
    /// The endpoint understood and said no (RFC 6749 section 5.2).
    #[error("the token endpoint refused: {error}{}", description.as_ref().map(|d| format!(" ({d})")).unwrap_or_default())]
    Rejected {
        status: u16,
        error: String,
        description: Option<String>,
    },
    #[error("the token endpoint failed with status {0}")]
    ServerError(u16),
    #[error("the answer of the token endpoint cannot be used: {0}")]
    InvalidAnswer(&'static str),
    #[error("the fetch was interrupted")]
    Interrupted,
}

impl TokenError {
    /// Whether asking again soon may help. If not, configuration has to change.
    pub fn is_transient(&self) -> bool {
        !matches!(self, Self::Rejected { .. } | Self::InvalidAnswer(_))
    }
}

/// Something that happened, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenEvent {
    Fetched {
        took: Duration,
    },
    Failed {
        took: Duration,
    },
    /// A renewal failed and the token before was handed out again.
    ServedStale,
}

type Observer = Arc<dyn Fn(&TokenRequest, TokenEvent) + Send + Sync>;

/// Fetches tokens by `grant_type=client_credentials` with a `client_assertion` and keeps them.
/// Cloning shares the cache.
///
/// A token is renewed in the background before it expires; until the renewal has worked, the one at
/// hand is served while it is valid. For each request there is at most one fetch at a time. Failures
/// are remembered for a while, longer each time.
#[derive(Clone)]
pub struct TokenClient(Arc<Inner>);

struct Inner {
    config: TokenClientConfig,
    source: AssertionSource,
    http: OutboundHttp,
    clock: Clock,
    observer: Option<Observer>,
    endpoint: ArcSwapOption<Endpoint>,
    entries: RwLock<HashMap<TokenRequest, Arc<Entry>>>,
}

struct Endpoint {
    url: String,
    fetched_at: i64,
}

#[derive(Default)]
struct Entry {
    held: ArcSwapOption<Held>,
    failure: ArcSwapOption<Failure>,
    flight: Mutex<()>,
    renewing: AtomicBool,
}

struct Held {
    token: AccessToken,
    /// From here on a renewal is due.
    renew_at_ms: i64,
    /// From here on the token is not handed out.
    usable_until_ms: i64,
}

struct Failure {
    error: TokenError,
    until_ms: i64,
    count: u32,
    logged_at_ms: i64,
}

impl TokenClient {
    pub fn new(
        config: TokenClientConfig,
        source: AssertionSource,
        http: OutboundHttp,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Inner {
            config,
            source,
            http,
            clock,
            observer: None,
            endpoint: ArcSwapOption::empty(),
            entries: RwLock::default(),
        }))
    }

    /// As [`TokenClient::new`], telling `observer` what happens.
    pub fn observed(
        config: TokenClientConfig,
        source: AssertionSource,
        http: OutboundHttp,
        clock: Clock,
        observer: impl Fn(&TokenRequest, TokenEvent) + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            config,
            source,
            http,
            clock,
            observer: Some(Arc::new(observer)),
            endpoint: ArcSwapOption::empty(),
            entries: RwLock::default(),
        }))
    }

    /// A token for `request`: the cached one, or a new one.
    pub async fn token(&self, request: &TokenRequest) -> Result<AccessToken, TokenError> {
        let entry = self.0.entry(request);
        let now = self.0.clock.now_ms();
        if let Some(held) = entry.usable(now) {
            if now >= held.renew_at_ms {
                self.renew(&entry, request);
            }
            return Ok(held.token.clone());
        }
        if let Some(error) = entry.refusal(now) {
            return Err(error);
        }
        // In a task of its own, so that a caller who gives up does not abort what others wait for.
        let (inner, request) = (Arc::clone(&self.0), request.clone());
        tokio::spawn(async move { inner.fetch_once(&entry, &request).await })
            .await
            .unwrap_or(Err(TokenError::Interrupted))
    }

    /// The token that is held for `request` and still usable, without any I/O.
    pub fn held(&self, request: &TokenRequest) -> Option<AccessToken> {
        let entry = {
            let entries = self
                .0
                .entries
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            entries.get(request).cloned()
        }?;
        entry
            .usable(self.0.clock.now_ms())
            .map(|held| held.token.clone())
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    fn renew(&self, entry: &Arc<Entry>, request: &TokenRequest) {
        let now = self.0.clock.now_ms();
        if entry.refusal(now).is_some() || entry.renewing.swap(true, Ordering::AcqRel) {
            return;
        }
        let (inner, entry, request) = (Arc::clone(&self.0), Arc::clone(entry), request.clone());
        tokio::spawn(async move {
            let _flight = entry.flight.lock().await;
            if inner.fetch(&entry, &request).await.is_err() {
                inner.observe(&request, TokenEvent::ServedStale);
            }
            entry.renewing.store(false, Ordering::Release);
        });
    }
}

impl fmt::Debug for TokenClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenClient")
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}

impl Entry {
    fn usable(&self, now: i64) -> Option<Arc<Held>> {
        self.held
            .load_full()
            .filter(|held| now < held.usable_until_ms)
    }

    fn refusal(&self, now: i64) -> Option<TokenError> {
        let failure = self.failure.load_full()?;
        (now < failure.until_ms).then(|| failure.error.clone())
    }
}

impl Inner {
    fn entry(&self, request: &TokenRequest) -> Arc<Entry> {
        {
            let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(entry) = entries.get(request) {
                return Arc::clone(entry);
            }
        }
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MAX_ENTRIES {
            let now = self.clock.now_ms();
            entries.retain(|_, entry| entry.usable(now).is_some() && Arc::strong_count(entry) > 1);
        }
        Arc::clone(entries.entry(request.clone()).or_default())
    }

    async fn fetch_once(
        &self,
        entry: &Entry,
        request: &TokenRequest,
    ) -> Result<AccessToken, TokenError> {
        let _flight = entry.flight.lock().await;
        // Somebody else's fetch may have ended while we waited.
        let now = self.clock.now_ms();
        if let Some(held) = entry.usable(now) {
            return Ok(held.token.clone());
        }
        if let Some(error) = entry.refusal(now) {
            return Err(error);
        }
        self.fetch(entry, request).await
    }

    async fn fetch(
        &self,
        entry: &Entry,
        request: &TokenRequest,
    ) -> Result<AccessToken, TokenError> {
        let started = self.clock.now_ms();
        let outcome = self.ask(request).await;
        let now = self.clock.now_ms();
        let took = Duration::from_millis(now.saturating_sub(started).max(0).unsigned_abs());
        match outcome {
            Ok(token) => {
                entry.failure.store(None);
                entry.held.store(Some(Arc::new(Held::new(&token, started))));
                self.observe(request, TokenEvent::Fetched { took });
                Ok(token)
            }
            Err(error) => {
                self.remember_failure(entry, request, &error, now);
                self.observe(request, TokenEvent::Failed { took });
                Err(error)
            }
        }
    }

    fn remember_failure(
        &self,
        entry: &Entry,
        request: &TokenRequest,
        error: &TokenError,
        now: i64,
    ) {
        let previous = entry.failure.load_full();
        let count = previous
            .as_ref()
            .map_or(0, |previous| previous.count)
            .saturating_add(1);
        // What configuration has to mend is asked for less often than what heals by itself.
        let (first, most) = if error.is_transient() {
            (1_000, 30_000)
        } else {
            (5_000, 60_000)
        };
        let pause = first << count.saturating_sub(1).min(10);
        let again = previous
            .as_ref()
            .is_some_and(|p| p.error == *error && now - p.logged_at_ms < 60_000);
        let logged_at_ms = match &previous {
            Some(previous) if again => previous.logged_at_ms,
            _ => {
                tracing::warn!(
                    audience = request.audience.as_deref(),
                    scope = request.scope.as_deref(),
                    cause = %error,
                    "no access token"
                );
                now
            }
        };
        entry.failure.store(Some(Arc::new(Failure {
            error: error.clone(),
            until_ms: now.saturating_add(pause.min(most)),
            count,
            logged_at_ms,
        })));
    }

    async fn ask(&self, request: &TokenRequest) -> Result<AccessToken, TokenError> {
        let url = self.endpoint_url().await?;
        let assertion = self.source.assertion().await?;
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_assertion_type", self.source.assertion_type()),
            ("client_assertion", assertion.token.expose()),
        ];
        let optional = [
            ("client_id", &self.config.client_id),
            ("audience", &request.audience),
            ("scope", &request.scope),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                form.push((name, value));
            }
        }

        let asked_at = self.clock.now_ms();
        let answer = self.http.post_form(&url, &form).await?;
        match answer.status {
            200 => {
                let answer: Answer = answer
                    .json()
                    .map_err(|_| TokenError::InvalidAnswer("it is not a token response"))?;
                answer.into_token(asked_at)
            }
            status if (400..500).contains(&status) && status != 429 => {
                let refusal: Refusal = answer.json().unwrap_or_default();
                Err(TokenError::Rejected {
                    status,
                    error: refusal
                        .error
                        .map_or_else(|| format!("status {status}"), printable),
                    description: refusal.error_description.map(printable),
                })
            }
            status => Err(TokenError::ServerError(status)),
        }
    }

    async fn endpoint_url(&self) -> Result<String, TokenError> {
        let (issuer, url) = match &self.config.endpoint {
            TokenEndpoint::Url(url) => return Ok(url.clone()),
            TokenEndpoint::Issuer { issuer, url } => (issuer, url.as_deref()),
        };
        let known = self.endpoint.load_full();
        if let Some(known) = &known
            && self.clock.elapsed_ms(known.fetched_at) < METADATA_LIFE_MS
        {
            return Ok(known.url.clone());
        }
        match discover(&self.http, None, issuer, url).await {
            Ok(metadata) => {
                let url = metadata
                    .token_endpoint
                    .ok_or_else(|| DiscoveryError::Missing {
                        issuer: issuer.clone(),
                        field: "token_endpoint",
                    })?;
                let fetched_at = self.clock.now_ms();
                self.endpoint.store(Some(Arc::new(Endpoint {
                    url: url.clone(),
                    fetched_at,
                })));
                Ok(url)
            }
            // An address seldom changes; the old one is better than none.
            Err(error) => known
                .map(|known| known.url.clone())
                .ok_or_else(|| error.into()),
        }
    }

    fn observe(&self, request: &TokenRequest, event: TokenEvent) {
        if let Some(observer) = &self.observer {
            observer(request, event);
        }
    }
}

impl Held {
    /// Renewal is due at three quarters of the life or two minutes before its end, whichever comes
    /// first, but not in its first half; moved by up to a tenth so that many workloads do not come
    /// at once. The last ten seconds (at most a tenth of the life) are not handed out: the token has
    /// to live until the other side has looked at it.
    fn new(token: &AccessToken, asked_at: i64) -> Self {
        let life = token.expires_at_ms.saturating_sub(asked_at).max(0);
        let renew_after = (life * 3 / 4).min((life - 120_000).max(life / 2));
        // The token is random enough to spread the renewals.
        let [byte, ..] = sha256(token.token.expose().as_bytes());
        let jitter = renew_after / 10 * (i64::from(byte) - 128) / 128;
        Self {
            token: token.clone(),
            renew_at_ms: asked_at + renew_after + jitter,
            usable_until_ms: token.expires_at_ms - (life / 10).min(10_000),
        }
    }
}

/// RFC 6749 section 5.1.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    token_type: String,
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
    #[serde(default)]
    scope: Option<String>,
}

impl Answer {
    fn into_token(self, asked_at: i64) -> Result<AccessToken, TokenError> {
        let token = Secret::new(self.access_token);
        if !self.token_type.eq_ignore_ascii_case("bearer") {
            return Err(TokenError::InvalidAnswer("its `token_type` is not Bearer"));
        }
        // It becomes a header: RFC 6750 section 2.1.
        let b64token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if token.expose().is_empty() || !token.expose().bytes().all(b64token) {
            return Err(TokenError::InvalidAnswer(
                "its `access_token` is not a bearer token",
            ));
        }
        let life = match self.expires_in {
            None => DEFAULT_LIFE_MS,
            // Some servers send the number as a string.
            Some(value) => {
                let seconds = value
                    .as_f64()
                    .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
                    .filter(|seconds: &f64| *seconds >= 0.0)
                    .ok_or(TokenError::InvalidAnswer(
                        "its `expires_in` is not a number of seconds",
                    ))?;
                // Bounded before the conversion, so nothing overflows.
                (seconds * 1000.0).min(MAX_LIFE_MS as f64) as i64
            }
        };
        Ok(AccessToken {
            token,
            token_type: "Bearer".to_owned(),
            expires_at_ms: asked_at.saturating_add(life),
            scope: self.scope,
        })
    }
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    error_description: Option<String>,
}

/// For logs and answers: one line, bounded.
fn printable(text: String) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect()
}
