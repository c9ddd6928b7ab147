//! Access tokens for a workload: fetched with its platform credential, cached, renewed in time.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use realmkeep_jose::{SigningKey, UnverifiedJwt, sha256};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::assertion::{AssertionError, AssertionSource};
use crate::clock::Clock;
use crate::discovery::{DiscoveryError, discover};
use crate::dpop::{ProofRequest, proof};
use crate::outbound_http::{Fetched, OutboundError, OutboundHttp};
use crate::secret::Secret;

/// Different requests that are cached at most; beyond it, those that are not in use make room.
const MAX_ENTRIES: usize = 1000;
/// Exchanged tokens that are cached at most.
const MAX_EXCHANGES: usize = 10_000;
/// A token that is younger than this is new enough for those who want a new one.
const FRESH_MS: i64 = 5_000;
/// RFC 8693 section 2.1 and 3.
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
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
    /// Signs the proofs of requests that ask for bound tokens (RFC 9449).
    pub proof_key: Option<SigningKey>,
}

/// What a token is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TokenRequest {
    pub audience: Option<String>,
    /// Space-separated (RFC 6749 section 3.3).
    pub scope: Option<String>,
    /// RFC 8707.
    pub resource: Option<String>,
    /// The token is to be bound to [`TokenClientConfig::proof_key`].
    pub dpop: bool,
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
    #[error("a token that is bound to a key was asked for, and there is no key to bind it to")]
    NoProofKey,
    #[error("the fetch was interrupted")]
    Interrupted,
}

impl TokenError {
    /// Whether asking again soon may help. If not, configuration has to change.
    pub fn is_transient(&self) -> bool {
        !matches!(
            self,
            Self::Rejected { .. } | Self::InvalidAnswer(_) | Self::NoProofKey
        )
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
    /// By digest of request and subject token, which itself is not kept.
    exchanges: RwLock<HashMap<[u8; 32], Arc<Entry>>>,
    /// What the token endpoint asked to be in the next proof.
    nonce: ArcSwapOption<String>,
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
    fetched_at_ms: i64,
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
            exchanges: RwLock::default(),
            nonce: ArcSwapOption::empty(),
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
            exchanges: RwLock::default(),
            nonce: ArcSwapOption::empty(),
        }))
    }

    /// A token for `request`: the cached one, or a new one.
    pub async fn token(&self, request: &TokenRequest) -> Result<AccessToken, TokenError> {
        let entry = self.0.entry(request);
        self.token_of(entry, request, None).await
    }

    /// A token for `request` on behalf of the caller whose token `subject` is (RFC 8693). It is kept
    /// no longer than `subject` lives, and handed out to no other.
    pub async fn exchange(
        &self,
        request: &TokenRequest,
        subject: &Secret,
    ) -> Result<AccessToken, TokenError> {
        let entry = self.0.exchange_entry(request, subject);
        self.token_of(entry, request, Some(subject)).await
    }

    /// A new token for `request`, unless the one at hand is a few seconds old.
    pub async fn renewed(&self, request: &TokenRequest) -> Result<AccessToken, TokenError> {
        let entry = self.0.entry(request);
        let (inner, request) = (Arc::clone(&self.0), request.clone());
        tokio::spawn(async move {
            let _flight = entry.flight.lock().await;
            let now = inner.clock.now_ms();
            if let Some(held) = entry.usable(now)
                && now.saturating_sub(held.fetched_at_ms) < FRESH_MS
            {
                return Ok(held.token.clone());
            }
            if let Some(error) = entry.refusal(now) {
                return Err(error);
            }
            inner.fetch(&entry, &request, None).await
        })
        .await
        .unwrap_or(Err(TokenError::Interrupted))
    }

    async fn token_of(
        &self,
        entry: Arc<Entry>,
        request: &TokenRequest,
        subject: Option<&Secret>,
    ) -> Result<AccessToken, TokenError> {
        let now = self.0.clock.now_ms();
        if let Some(held) = entry.usable(now) {
            if now >= held.renew_at_ms {
                self.renew(&entry, request, subject);
            }
            return Ok(held.token.clone());
        }
        if let Some(error) = entry.refusal(now) {
            return Err(error);
        }
        // In a task of its own, so that a caller who gives up does not abort what others wait for.
        let (inner, request) = (Arc::clone(&self.0), request.clone());
        let subject = subject.cloned();
        tokio::spawn(async move { inner.fetch_once(&entry, &request, subject.as_ref()).await })
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

    fn renew(&self, entry: &Arc<Entry>, request: &TokenRequest, subject: Option<&Secret>) {
        let now = self.0.clock.now_ms();
        if entry.refusal(now).is_some() || entry.renewing.swap(true, Ordering::AcqRel) {
            return;
        }
        let (inner, entry, request) = (Arc::clone(&self.0), Arc::clone(entry), request.clone());
        let subject = subject.cloned();
        tokio::spawn(async move {
            let _flight = entry.flight.lock().await;
            let outcome = inner.fetch(&entry, &request, subject.as_ref()).await;
            if outcome.is_err() {
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

    fn exchange_entry(&self, request: &TokenRequest, subject: &Secret) -> Arc<Entry> {
        let key = exchange_key(request, subject);
        {
            let exchanges = self
                .exchanges
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(entry) = exchanges.get(&key) {
                return Arc::clone(entry);
            }
        }
        let mut exchanges = self
            .exchanges
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if exchanges.len() >= MAX_EXCHANGES {
            let now = self.clock.now_ms();
            exchanges.retain(|_, entry| entry.usable(now).is_some());
        }
        if exchanges.len() >= MAX_EXCHANGES {
            // All of them good: any half has to be fetched again when it is asked for.
            let mut odd = false;
            exchanges.retain(|_, _| {
                odd = !odd;
                odd
            });
        }
        Arc::clone(exchanges.entry(key).or_default())
    }

    async fn fetch_once(
        &self,
        entry: &Entry,
        request: &TokenRequest,
        subject: Option<&Secret>,
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
        self.fetch(entry, request, subject).await
    }

    async fn fetch(
        &self,
        entry: &Entry,
        request: &TokenRequest,
        subject: Option<&Secret>,
    ) -> Result<AccessToken, TokenError> {
        let started = self.clock.now_ms();
        let outcome = self.ask(request, subject).await;
        let now = self.clock.now_ms();
        let took = Duration::from_millis(now.saturating_sub(started).max(0).unsigned_abs());
        match outcome {
            Ok(token) => {
                entry.failure.store(None);
                let mut held = Held::new(&token, started);
                if let Some(end) = subject.and_then(end_of) {
                    held.usable_until_ms = held.usable_until_ms.min(end);
                }
                entry.held.store(Some(Arc::new(held)));
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

    async fn ask(
        &self,
        request: &TokenRequest,
        subject: Option<&Secret>,
    ) -> Result<AccessToken, TokenError> {
        let url = self.endpoint_url().await?;
        let assertion = self.source.assertion().await?;
        let grant_type = match subject {
            None => "client_credentials",
            Some(_) => TOKEN_EXCHANGE,
        };
        let mut form = vec![
            ("grant_type", grant_type),
            ("client_assertion_type", self.source.assertion_type()),
            ("client_assertion", assertion.token.expose()),
        ];
        if let Some(subject) = subject {
            form.extend([
                ("subject_token", subject.expose()),
                ("subject_token_type", ACCESS_TOKEN),
                ("requested_token_type", ACCESS_TOKEN),
            ]);
        }
        let optional = [
            ("client_id", &self.config.client_id),
            ("audience", &request.audience),
            ("scope", &request.scope),
            ("resource", &request.resource),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                form.push((name, value));
            }
        }

        let asked_at = self.clock.now_ms();
        let mut answer = self.post(&url, &form, request.dpop).await?;
        // RFC 9449 section 8: once more, with what it asked for.
        if request.dpop && answer.status == 400 {
            let refusal: Refusal = answer.json().unwrap_or_default();
            if refusal.error.as_deref() == Some("use_dpop_nonce") {
                answer = self.post(&url, &form, true).await?;
            }
        }
        match answer.status {
            200 => {
                let answer: Answer = answer
                    .json()
                    .map_err(|_| TokenError::InvalidAnswer("it is not a token response"))?;
                answer.into_token(asked_at, request.dpop)
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

    async fn post(
        &self,
        url: &str,
        form: &[(&str, &str)],
        dpop: bool,
    ) -> Result<Fetched, TokenError> {
        let proof = match (&self.config.proof_key, dpop) {
            (_, false) => None,
            (None, true) => return Err(TokenError::NoProofKey),
            (Some(key), true) => {
                let nonce = self.nonce.load_full();
                let request = ProofRequest {
                    method: "POST",
                    url,
                    token: None,
                    nonce: nonce.as_ref().map(|nonce| nonce.as_str()),
                    now: self.clock.now_seconds(),
                };
                Some(proof(key, &request).map_err(|_| TokenError::NoProofKey)?)
            }
        };
        let headers: Vec<(&str, &str)> = proof.iter().map(|p| ("dpop", p.as_str())).collect();
        let answer = self.http.post_form_with(url, form, &headers).await?;
        if let Some(nonce) = &answer.dpop_nonce {
            self.nonce.store(Some(Arc::new(nonce.clone())));
        }
        Ok(answer)
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
            fetched_at_ms: asked_at,
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
    fn into_token(self, asked_at: i64, dpop: bool) -> Result<AccessToken, TokenError> {
        let token = Secret::new(self.access_token);
        let token_type = if dpop { "DPoP" } else { "Bearer" };
        if !self.token_type.eq_ignore_ascii_case(token_type) {
            return Err(TokenError::InvalidAnswer(if dpop {
                "its `token_type` is not DPoP"
            } else {
                "its `token_type` is not Bearer"
            }));
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
            token_type: token_type.to_owned(),
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

/// Every part with its length, so that no two requests have one key.
fn exchange_key(request: &TokenRequest, subject: &Secret) -> [u8; 32] {
    let parts = [
        Some(subject.expose()),
        request.audience.as_deref(),
        request.scope.as_deref(),
        request.resource.as_deref(),
        request.dpop.then_some("dpop"),
    ];
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    for part in parts {
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(part.unwrap_or_default().as_bytes());
    }
    sha256(&bytes)
}

/// When the subject token ends, as far as it says so itself. Milliseconds since the epoch.
fn end_of(subject: &Secret) -> Option<i64> {
    let jwt = UnverifiedJwt::parse(subject.expose()).ok()?;
    Some(jwt.unverified_exp()?.saturating_mul(1000))
}

/// For logs and answers: one line, bounded.
fn printable(text: String) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect()
}
