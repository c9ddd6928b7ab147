//! Verifies tokens of the configured issuers and remembers what it verified.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use realmkeep_jose::{JoseError, UnverifiedJwt, sha256};
use realmkeep_workload_identity::{Clock, RemoteKeys};

use crate::denial::{Denial, Denied};
use crate::introspection::Introspector;
use crate::issuer::Issuer;
use crate::token::VerifiedToken;

/// Whether a token is an access token for us, now.
pub struct Verifier {
    issuers: HashMap<String, Issuer>,
    cache: Cache<[u8; 32], Remembered>,
    clock: Clock,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// Counters, for metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct VerifierStats {
    /// Verifications that are remembered.
    pub entries: u64,
    pub hits: u64,
    pub misses: u64,
}

/// That a token was good. The decision is made again from it each time: the time is looked at, and
/// whether the issuer's keys are still those it was verified with. The token itself is not kept.
#[derive(Clone)]
struct Remembered {
    token: Arc<VerifiedToken>,
    generation: u64,
}

impl Verifier {
    /// `cache_bytes` is about the memory that remembered verifications may take.
    pub fn new(issuers: Vec<Issuer>, cache_bytes: u64, clock: Clock) -> Self {
        let cache = Cache::builder()
            .max_capacity(cache_bytes)
            .weigher(|_, remembered: &Remembered| remembered.token.weight())
            .time_to_live(Duration::from_secs(3600))
            .build();
        Self {
            issuers: issuers
                .into_iter()
                .map(|issuer| (issuer.policy.issuer.clone(), issuer))
                .collect(),
            cache,
            clock,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The issuers by name, with their keys.
    pub fn keys(&self) -> impl Iterator<Item = (&Arc<str>, &RemoteKeys)> {
        self.issuers
            .values()
            .map(|issuer| (&issuer.name, &issuer.keys))
    }

    pub fn stats(&self) -> VerifierStats {
        self.cache.run_pending_tasks();
        VerifierStats {
            entries: self.cache.entry_count(),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }

    /// Signature, type, issuer, audience and time. Not yet who may use it: see
    /// [`SenderConstraints`](crate::SenderConstraints).
    ///
    /// A token that is no JWT is asked about at the issuer that wants that, if one does.
    pub async fn verify(&self, token: &str) -> Result<Arc<VerifiedToken>, Denied> {
        let verified = self.verify_locally(token).await?;
        let asked = self
            .issuers
            .get(&*verified.issuer)
            .and_then(|issuer| issuer.introspector.as_ref())
            .is_some_and(Introspector::for_all);
        if asked {
            self.still_active(token, &verified).await?;
        }
        Ok(verified)
    }

    async fn verify_locally(&self, token: &str) -> Result<Arc<VerifiedToken>, Denied> {
        let digest = sha256(token.as_bytes());
        if let Some(token) = self.recall(&digest) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(token);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);

        let jwt = match UnverifiedJwt::parse(token) {
            Ok(jwt) => jwt,
            Err(error) => return self.verify_opaque(token, digest, &error).await,
        };
        let issuer = jwt
            .unverified_iss()
            .and_then(|iss| self.issuers.get(iss))
            .ok_or_else(|| {
                Denial::invalid(
                    "unknown_issuer",
                    "the token is not from an issuer that is trusted here",
                )
            })?;
        let denied = |denial| Denied {
            denial,
            issuer: Some(Arc::clone(&issuer.name)),
        };
        let (verified, generation) = issuer.verify(&jwt).await.map_err(denied)?;
        let verified = issuer
            .judge(verified, self.clock.now_seconds())
            .map_err(denied)?;
        let token = Arc::new(verified);
        let remembered = Remembered {
            token: Arc::clone(&token),
            generation,
        };
        self.cache.insert(digest, remembered);
        Ok(token)
    }

    /// Asks the issuer whether `token`, verified here as `verified`, is still active (RFC 7662).
    pub async fn still_active(&self, token: &str, verified: &VerifiedToken) -> Result<(), Denied> {
        let denied = |denial| Denied {
            denial,
            issuer: Some(Arc::clone(&verified.issuer)),
        };
        let introspector = self
            .issuers
            .get(&*verified.issuer)
            .and_then(|issuer| issuer.introspector.as_ref())
            // The configuration asks for what it does not set up: nobody passes.
            .ok_or_else(|| {
                denied(Denial::Forbidden {
                    reason: "introspection_not_configured",
                })
            })?;
        introspector
            .active(token, sha256(token.as_bytes()))
            .await
            .map(drop)
            .map_err(denied)
    }

    async fn verify_opaque(
        &self,
        token: &str,
        digest: [u8; 32],
        error: &JoseError,
    ) -> Result<Arc<VerifiedToken>, Denied> {
        let asked = self.issuers.values().find_map(|issuer| {
            let introspector = issuer.introspector.as_ref()?;
            // Something with dots is a JWT gone wrong, and its issuer never made it.
            (introspector.for_opaque() && !token.contains('.')).then_some((issuer, introspector))
        });
        let Some((issuer, introspector)) = asked else {
            return Err(Denial::invalid(parse_reason(error), error).into());
        };
        let denied = |denial| Denied {
            denial,
            issuer: Some(Arc::clone(&issuer.name)),
        };
        let claims = introspector.active(token, digest).await.map_err(denied)?;
        introspector
            .judge(issuer, claims, self.clock.now_seconds())
            .map(Arc::new)
            .map_err(denied)
    }

    fn recall(&self, digest: &[u8; 32]) -> Option<Arc<VerifiedToken>> {
        let remembered = self.cache.get(digest)?;
        let issuer = self.issuers.get(&*remembered.token.issuer)?;
        issuer.keys.keep_fresh();
        let good = remembered.generation == issuer.keys.generation()
            && self.clock.now_seconds() < remembered.token.expires_at;
        if !good {
            self.cache.invalidate(digest);
            return None;
        }
        Some(remembered.token)
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("issuers", &self.issuers.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

fn parse_reason(error: &JoseError) -> &'static str {
    match error {
        JoseError::UnsupportedAlgorithm(_) => "algorithm",
        _ => "malformed_token",
    }
}
