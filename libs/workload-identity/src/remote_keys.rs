//! The verification keys of an issuer that is somewhere else.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use realmkeep_jose::{Algorithm, JwkSet, KeyError, KeySet, VerifyingKey};
use tokio::sync::Mutex;

use crate::api_server::ApiServer;
use crate::clock::Clock;
use crate::discovery::{DiscoveryError, discover};
use crate::outbound_http::{OutboundError, OutboundHttp};
use crate::spiffe::Bundle;

/// Where the keys are.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// In the issuer's metadata; `url` when that is not at the usual place.
    Discovery { issuer: String, url: Option<String> },
    /// At a known address.
    Jwks { url: String },
    /// In a SPIFFE bundle (profile `https_web`): the keys of JWT-SVIDs.
    SpiffeBundle { url: String },
    /// In a file that may be replaced.
    File { path: PathBuf },
    /// Here.
    Static(JwkSet),
}

/// How often keys are fetched and how long they are believed.
#[derive(Clone, Copy, Debug)]
pub struct KeyLimits {
    /// Between two fetches, whatever asks for them: an unknown `kid` cannot cause more.
    pub refetch_interval: Duration,
    /// Between two attempts while there are no keys at all.
    pub retry_interval: Duration,
    /// Keys older than the answer's `Cache-Control: max-age`, kept between these two bounds, are
    /// refreshed in the background.
    pub min_refresh: Duration,
    pub max_refresh: Duration,
    /// Keys that could not be refreshed for this long are no longer believed.
    pub hard_expiry: Duration,
}

impl Default for KeyLimits {
    fn default() -> Self {
        Self {
            refetch_interval: Duration::from_secs(10),
            retry_interval: Duration::from_secs(1),
            min_refresh: Duration::from_secs(60),
            max_refresh: Duration::from_secs(3600),
            hard_expiry: Duration::from_secs(24 * 3600),
        }
    }
}

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteKeysError {
    /// No keys could be had: not the token's fault. Try again after `retry_after`.
    #[error("the issuer's keys are not available: {cause}")]
    Unavailable {
        cause: String,
        retry_after: Duration,
    },
    /// The keys are there, and none of them is for this token.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Counters and ages, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyStats {
    pub keys: usize,
    /// Since the last successful fetch.
    pub age: Option<Duration>,
    pub fetched: u64,
    pub failed: u64,
    pub unknown_kid: u64,
}

/// Keys of one issuer, shared by all who ask. Cloning shares them.
///
/// Looking up a known key takes no lock and never waits for a fetch. A `kid` that is not known leads
/// to one fetch, shared by all who wait for it, and to none within
/// [`KeyLimits::refetch_interval`] of the last.
#[derive(Clone, Debug)]
pub struct RemoteKeys(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: KeySource,
    http: OutboundHttp,
    api_server: Option<ApiServer>,
    limits: KeyLimits,
    clock: Clock,
    current: ArcSwapOption<Loaded>,
    fetch: Mutex<FetchState>,
    /// Finished attempts; who waited for the lock sees whether somebody else has just tried.
    attempts: AtomicU64,
    refreshing: AtomicBool,
    fetched: AtomicU64,
    failed: AtomicU64,
    unknown_kid: AtomicU64,
    /// Of the newest bundle that was seen.
    sequence: AtomicU64,
}

#[derive(Debug)]
struct Loaded {
    keys: KeySet,
    jwks: JwkSet,
    /// Milliseconds since the epoch; `None` for keys that never age.
    fetched_at: Option<i64>,
    refresh_after_ms: i64,
    generation: u64,
}

#[derive(Debug, Default)]
struct FetchState {
    last_attempt: Option<i64>,
    last_error: Option<String>,
}

impl RemoteKeys {
    pub fn new(
        source: KeySource,
        http: OutboundHttp,
        api_server: Option<ApiServer>,
        limits: KeyLimits,
        clock: Clock,
    ) -> Self {
        let loaded = match &source {
            KeySource::Static(jwks) => Some(Arc::new(Loaded {
                keys: KeySet::from_jwks(jwks),
                jwks: jwks.clone(),
                fetched_at: None,
                refresh_after_ms: i64::MAX,
                generation: 1,
            })),
            _ => None,
        };
        Self(Arc::new(Inner {
            source,
            http,
            api_server,
            limits,
            clock,
            current: ArcSwapOption::new(loaded),
            fetch: Mutex::default(),
            attempts: AtomicU64::new(0),
            refreshing: AtomicBool::new(false),
            fetched: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            unknown_kid: AtomicU64::new(0),
            sequence: AtomicU64::new(0),
        }))
    }

    /// The key for a token's header; see [`KeySet::find`].
    pub async fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<VerifyingKey, RemoteKeysError> {
        self.find_in_generation(kid, algorithm)
            .await
            .map(|(key, _)| key)
    }

    /// As [`RemoteKeys::find`], with the generation the key was found in: for those who remember
    /// what they verified. See [`RemoteKeys::generation`].
    pub async fn find_in_generation(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<(VerifyingKey, u64), RemoteKeysError> {
        let attempts = self.0.attempts.load(Ordering::Acquire);
        let missing = match self.0.believed() {
            Some(loaded) => match loaded.keys.find(kid, algorithm) {
                Ok(key) => {
                    self.refresh_when_due(&loaded);
                    return Ok((key.clone(), loaded.generation));
                }
                Err(error @ (KeyError::UnknownKid | KeyError::NoKeyFor(_))) => {
                    self.0.unknown_kid.fetch_add(1, Ordering::Relaxed);
                    Some(error)
                }
                Err(error) => return Err(error.into()),
            },
            None => None,
        };

        let outcome = self.fetch_shared(attempts).await;
        match (self.0.believed(), missing) {
            (Some(loaded), _) => Ok((loaded.keys.find(kid, algorithm)?.clone(), loaded.generation)),
            (None, Some(error)) => Err(error.into()),
            (None, None) => Err(RemoteKeysError::Unavailable {
                cause: outcome.unwrap_or_else(|| "no attempt was made yet".to_owned()),
                retry_after: self.0.limits.retry_interval,
            }),
        }
    }

    /// Fetches the keys if there are none yet, so that the first token need not wait.
    pub async fn prefetch(&self) -> Result<(), RemoteKeysError> {
        if self.0.believed().is_some() {
            return Ok(());
        }
        let outcome = self
            .fetch_shared(self.0.attempts.load(Ordering::Acquire))
            .await;
        match self.0.believed() {
            Some(_) => Ok(()),
            None => Err(RemoteKeysError::Unavailable {
                cause: outcome.unwrap_or_else(|| "no attempt was made yet".to_owned()),
                retry_after: self.0.limits.retry_interval,
            }),
        }
    }

    /// Whether there are keys that are still believed.
    pub fn is_loaded(&self) -> bool {
        self.0.believed().is_some()
    }

    /// Changes whenever the keys change: what was decided under another generation has to be decided
    /// again. Zero while there are no keys that are believed.
    pub fn generation(&self) -> u64 {
        self.0.believed().map_or(0, |loaded| loaded.generation)
    }

    /// The keys as they were published.
    pub fn jwks(&self) -> Option<JwkSet> {
        self.0.believed().map(|loaded| loaded.jwks.clone())
    }

    /// Starts a refresh when one is due, without waiting for it. [`RemoteKeys::find`] does so too;
    /// this is for those who cache what they found.
    pub fn keep_fresh(&self) {
        if let Some(loaded) = self.0.believed() {
            self.refresh_when_due(&loaded);
        }
    }

    pub fn stats(&self) -> KeyStats {
        let loaded = self.0.current.load_full();
        let age = loaded
            .as_ref()
            .and_then(|loaded| loaded.fetched_at)
            .map(|fetched_at| {
                Duration::from_millis(self.0.clock.elapsed_ms(fetched_at).unsigned_abs())
            });
        KeyStats {
            keys: loaded.map_or(0, |loaded| loaded.keys.len()),
            age,
            fetched: self.0.fetched.load(Ordering::Relaxed),
            failed: self.0.failed.load(Ordering::Relaxed),
            unknown_kid: self.0.unknown_kid.load(Ordering::Relaxed),
        }
    }

    fn refresh_when_due(&self, loaded: &Loaded) {
        let Some(fetched_at) = loaded.fetched_at else {
            return;
        };
        if self.0.clock.elapsed_ms(fetched_at) < loaded.refresh_after_ms
            || self.0.refreshing.swap(true, Ordering::AcqRel)
        {
            return;
        }
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            let attempts = inner.attempts.load(Ordering::Acquire);
            inner.fetch(attempts).await;
            inner.refreshing.store(false, Ordering::Release);
        });
    }

    /// In a task of its own, so that a caller who gives up does not abort what others wait for.
    async fn fetch_shared(&self, seen: u64) -> Option<String> {
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move { inner.fetch(seen).await })
            .await
            .unwrap_or_else(|_| Some("the fetch was interrupted".to_owned()))
    }
}

impl Inner {
    /// The current keys, unless they are too old to be believed.
    fn believed(&self) -> Option<Arc<Loaded>> {
        let loaded = self.current.load_full()?;
        let hard_expiry = millis(self.limits.hard_expiry);
        let fresh = loaded.fetched_at.is_none_or(|at| {
            // A clock that was set back makes keys look as if from the future; they are not old.
            self.clock.now_ms().saturating_sub(at) < hard_expiry
        });
        fresh.then_some(loaded)
    }

    /// One attempt, unless one ended since `seen` or not long ago. Returns the last error.
    async fn fetch(&self, seen: u64) -> Option<String> {
        if matches!(self.source, KeySource::Static(_)) {
            return None;
        }
        let mut state = self.fetch.lock().await;
        if self.attempts.load(Ordering::Acquire) != seen {
            return state.last_error.clone();
        }
        let interval = if self.believed().is_some() {
            self.limits.refetch_interval
        } else {
            self.limits.retry_interval
        };
        if state
            .last_attempt
            .is_some_and(|at| self.clock.elapsed_ms(at) < millis(interval))
        {
            return state.last_error.clone();
        }

        state.last_attempt = Some(self.clock.now_ms());
        let outcome = self.load().await;
        match outcome {
            Ok((jwks, max_age)) => {
                self.fetched.fetch_add(1, Ordering::Relaxed);
                self.install(jwks, max_age);
                state.last_error = None;
            }
            Err(error) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                let cause = error.to_string();
                if state.last_error.as_ref() != Some(&cause) {
                    tracing::warn!(source = %self.source, %cause, "the issuer's keys cannot be fetched");
                }
                state.last_error = Some(cause);
            }
        }
        self.attempts.fetch_add(1, Ordering::AcqRel);
        state.last_error.clone()
    }

    fn install(&self, jwks: JwkSet, max_age: Option<Duration>) {
        let previous = self.current.load_full();
        let generation = previous.as_ref().map_or(1, |previous| {
            if previous.jwks == jwks {
                previous.generation
            } else {
                previous.generation + 1
            }
        });
        let refresh_after = max_age
            .unwrap_or(Duration::from_secs(600))
            .clamp(self.limits.min_refresh, self.limits.max_refresh);
        let keys = KeySet::from_jwks(&jwks);
        if keys.is_empty() {
            tracing::warn!(source = %self.source, "the issuer publishes no usable key; all its tokens are refused");
        }
        self.current.store(Some(Arc::new(Loaded {
            keys,
            jwks,
            fetched_at: Some(self.clock.now_ms()),
            refresh_after_ms: millis(refresh_after),
            generation,
        })));
    }

    async fn load(&self) -> Result<(JwkSet, Option<Duration>), LoadError> {
        const ACCEPT: &str = "application/jwk-set+json, application/json";
        let url = match &self.source {
            KeySource::Static(jwks) => return Ok((jwks.clone(), None)),
            KeySource::File { path } => {
                let text = tokio::fs::read(path)
                    .await
                    .map_err(|error| LoadError::File {
                        path: path.display().to_string(),
                        cause: error.to_string(),
                    })?;
                let jwks = serde_json::from_slice(&text).map_err(|error| LoadError::File {
                    path: path.display().to_string(),
                    cause: error.to_string(),
                })?;
                return Ok((jwks, Some(Duration::ZERO)));
            }
            KeySource::SpiffeBundle { url } => return self.load_bundle(url).await,
            KeySource::Jwks { url } => url.clone(),
            KeySource::Discovery { issuer, url } => {
                let metadata =
                    discover(&self.http, self.api_server.as_ref(), issuer, url.as_deref()).await?;
                let jwks_uri = metadata.jwks_uri.ok_or_else(|| DiscoveryError::Missing {
                    issuer: issuer.clone(),
                    field: "jwks_uri",
                })?;
                let asked = url.clone().unwrap_or_else(|| issuer.clone());
                if let Some(api_server) =
                    self.api_server.as_ref().filter(|a| a.is_origin_of(&asked))
                    && let Some(url) = api_server.keys_url(&jwks_uri)
                {
                    let (jwks, fetched) = api_server.get_json(&url, issuer, ACCEPT).await?;
                    return Ok((jwks, fetched.max_age));
                }
                jwks_uri
            }
        };
        let (jwks, fetched) = self.http.get_json(&url, ACCEPT, None).await?;
        Ok((jwks, fetched.max_age))
    }

    async fn load_bundle(&self, url: &str) -> Result<(JwkSet, Option<Duration>), LoadError> {
        let fetched = self.http.get(url, "application/json", None).await?;
        if fetched.status != 200 {
            return Err(LoadError::Bundle(format!("status {}", fetched.status)));
        }
        let bundle = Bundle::from_json(&fetched.body)
            .map_err(|error| LoadError::Bundle(error.to_string()))?;
        // An older bundle may hold a key that was withdrawn since.
        if let Some(sequence) = bundle.sequence {
            let newest = self.sequence.fetch_max(sequence, Ordering::AcqRel);
            if sequence < newest {
                return Err(LoadError::Bundle(format!(
                    "its sequence went back from {newest} to {sequence}"
                )));
            }
        }
        Ok((bundle.jwt_keys, bundle.refresh_hint.or(fetched.max_age)))
    }
}

impl std::fmt::Display for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Discovery { issuer, .. } => f.write_str(issuer),
            Self::Jwks { url } | Self::SpiffeBundle { url } => f.write_str(url),
            Self::File { path } => write!(f, "{}", path.display()),
            Self::Static(_) => f.write_str("configuration"),
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error(transparent)]
    Http(#[from] OutboundError),
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    #[error("the SPIFFE bundle cannot be used: {0}")]
    Bundle(String),
    #[error("the key file {path} cannot be used: {cause}")]
    File { path: String, cause: String },
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
