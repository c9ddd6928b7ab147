//! Whether a token is an access token for this application, now.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::HeaderValue;
use moka::sync::Cache;
use realmkeep_jose::{
    Algorithm, Audience, Checks, JoseError, KeyError, UnverifiedJwt, Verified, sha256, verify,
};
use realmkeep_workload_identity::{Clock, KeyLimits, KeySource, RemoteKeys, RemoteKeysError};

use crate::config;
use crate::inbound::Denied;
use crate::metrics::Metrics;
use crate::outbound::http_client;

/// Who asks, as it was proven; ready to be headers.
#[derive(Debug)]
pub struct Identity {
    pub subject: HeaderValue,
    pub client: Option<HeaderValue>,
    pub issuer: HeaderValue,
    pub issuer_name: Arc<str>,
}

/// Why a request is not let in.
#[derive(Debug)]
pub enum Denial {
    /// No token.
    Missing,
    /// Nothing that could be understood in one way only.
    Malformed(&'static str),
    /// A token that is not accepted.
    Invalid {
        reason: &'static str,
        description: String,
    },
    /// Nobody can say: the issuer's keys are not there.
    Unavailable { retry_after: Duration },
}

impl Denial {
    /// One of few words, for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "missing_token",
            Self::Malformed(_) => "malformed_request",
            Self::Invalid { reason, .. } => reason,
            Self::Unavailable { .. } => "keys_unavailable",
        }
    }

    fn invalid(reason: &'static str, description: impl fmt::Display) -> Self {
        Self::Invalid {
            reason,
            description: description.to_string(),
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("a bearer token is required"),
            Self::Malformed(why) => f.write_str(why),
            Self::Invalid { description, .. } => f.write_str(description),
            Self::Unavailable { .. } => {
                f.write_str("the keys of the token's issuer are not available; try again later")
            }
        }
    }
}

/// Verifies tokens of the configured issuers and remembers what it verified.
pub struct Verifier {
    issuers: HashMap<String, Issuer>,
    cache: Cache<[u8; 32], Remembered>,
    clock: Clock,
    metrics: Arc<Metrics>,
}

struct Issuer {
    name: Arc<str>,
    keys: RemoteKeys,
    audiences: Vec<String>,
    algorithms: Vec<Algorithm>,
    /// Lower case.
    typ: Vec<String>,
    allow_untyped: bool,
    clock_skew: u32,
}

/// That a token was good. The decision is made again from it each time: the time is looked at, and
/// whether the issuer's keys are still those it was verified with. The token itself is not kept.
#[derive(Clone)]
struct Remembered {
    identity: Arc<Identity>,
    expires_at: i64,
    generation: u64,
}

impl Verifier {
    pub fn new(
        config: &config::Inbound,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> anyhow::Result<Self> {
        let mut issuers = HashMap::new();
        for (index, issuer) in config.issuers.iter().enumerate() {
            let built =
                Issuer::new(issuer, clock.clone()).with_context(|| format!("issuers[{index}]"))?;
            issuers.insert(issuer.issuer.clone(), built);
        }
        let cache = Cache::builder()
            .max_capacity(config.token_cache_bytes)
            .weigher(|_, remembered: &Remembered| remembered.weight())
            .time_to_live(Duration::from_secs(3600))
            .build();
        Ok(Self {
            issuers,
            cache,
            clock,
            metrics,
        })
    }

    /// The issuers by name, with their keys.
    pub fn keys(&self) -> impl Iterator<Item = (&Arc<str>, &RemoteKeys)> {
        self.issuers
            .values()
            .map(|issuer| (&issuer.name, &issuer.keys))
    }

    pub fn remembered(&self) -> u64 {
        self.cache.run_pending_tasks();
        self.cache.entry_count()
    }

    pub async fn verify(&self, token: &str) -> Result<Arc<Identity>, Denied> {
        let digest = sha256(token.as_bytes());
        if let Some(identity) = self.recall(&digest) {
            self.metrics.cache_hit();
            return Ok(identity);
        }
        self.metrics.cache_miss();

        let jwt = UnverifiedJwt::parse(token)
            .map_err(|error| Denial::invalid(parse_reason(&error), error))?;
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
        let (identity, expires_at) = issuer
            .judge(&verified, self.clock.now_seconds())
            .map_err(denied)?;
        let identity = Arc::new(identity);
        let remembered = Remembered {
            identity: Arc::clone(&identity),
            expires_at,
            generation,
        };
        self.cache.insert(digest, remembered);
        Ok(identity)
    }

    fn recall(&self, digest: &[u8; 32]) -> Option<Arc<Identity>> {
        let remembered = self.cache.get(digest)?;
        let issuer = self.issuers.get(&*remembered.identity.issuer_name)?;
        issuer.keys.keep_fresh();
        let good = remembered.generation == issuer.keys.generation()
            && self.clock.now_seconds() < remembered.expires_at;
        if !good {
            self.cache.invalidate(digest);
            return None;
        }
        Some(remembered.identity)
    }
}

impl Issuer {
    fn new(config: &config::Issuer, clock: Clock) -> anyhow::Result<Self> {
        let http = http_client(config.ca_file.as_deref(), config.allow_http, config.urls())?;
        let source = if let Some(path) = &config.jwks_file {
            KeySource::File { path: path.clone() }
        } else if let Some(url) = &config.jwks_url {
            http.check_url(url).context("jwksUrl")?;
            KeySource::Jwks { url: url.clone() }
        } else {
            let url = config.discovery_url.as_deref();
            http.check_url(url.unwrap_or(&config.issuer))
                .context(if url.is_some() {
                    "discoveryUrl"
                } else {
                    "issuer"
                })?;
            KeySource::Discovery {
                issuer: config.issuer.clone(),
                url: config.discovery_url.clone(),
            }
        };
        Ok(Self {
            name: Arc::from(config.issuer.as_str()),
            keys: RemoteKeys::new(source, http, None, KeyLimits::default(), clock),
            audiences: config.audiences.clone(),
            algorithms: config.algorithms.clone(),
            typ: config
                .typ
                .iter()
                .map(|typ| typ.to_ascii_lowercase())
                .collect(),
            allow_untyped: config.allow_untyped,
            clock_skew: config.clock_skew,
        })
    }

    /// Checks the signature. Returns the generation of the keys as well.
    async fn verify(&self, jwt: &UnverifiedJwt) -> Result<(Verified, u64), Denial> {
        let algorithm = jwt.unverified_algorithm();
        if !self.algorithms.contains(&algorithm) {
            return Err(Denial::invalid(
                "algorithm",
                format_args!(
                    "the signature algorithm {algorithm} is not accepted from this issuer"
                ),
            ));
        }
        let (key, generation) = self
            .keys
            .find_in_generation(jwt.unverified_kid(), algorithm)
            .await
            .map_err(|error| match error {
                RemoteKeysError::Unavailable { cause, retry_after } => {
                    tracing::debug!(issuer = %self.name, %cause, "no keys");
                    Denial::Unavailable { retry_after }
                }
                RemoteKeysError::Key(error) => Denial::invalid(
                    match error {
                        KeyError::UnknownKid => "unknown_key",
                        _ => "algorithm",
                    },
                    error,
                ),
            })?;
        let verified = verify(jwt, &key).map_err(|error| Denial::invalid("signature", error))?;
        Ok((verified, generation))
    }

    /// What the token says about itself, its signature being good. Returns when that ends as well,
    /// skew included.
    fn judge(&self, token: &Verified, now: i64) -> Result<(Identity, i64), Denial> {
        self.check_type(token)?;
        let checks = Checks {
            leeway: self.clock_skew,
            issuer: Some(&self.name),
            audience: Audience::AnyOf(&self.audiences),
            require_subject: true,
            ..Checks::new(now)
        };
        checks
            .check(token)
            .map_err(|error| Denial::invalid(claim_reason(error), error))?;
        if token.claim("cnf").is_some() {
            return Err(Denial::invalid(
                "sender_constrained",
                "the token is bound to a key of its sender, of which this request holds no proof",
            ));
        }

        let subject = token.sub().unwrap_or_default();
        let client = token.str("azp").or_else(|| token.str("client_id"));
        let identity = Identity {
            subject: header_value(subject, "sub")?,
            client: client
                .map(|client| header_value(client, "azp"))
                .transpose()?,
            issuer: header_value(&self.name, "iss")?,
            issuer_name: Arc::clone(&self.name),
        };
        let expires_at = token
            .exp()
            .unwrap_or_default()
            .saturating_add(i64::from(self.clock_skew));
        Ok((identity, expires_at))
    }

    /// An ID token, a refresh token, a logout token or a client assertion is signed by the same key
    /// as an access token, and must not pass for one (RFC 8725 section 3.11).
    fn check_type(&self, token: &Verified) -> Result<(), Denial> {
        let wrong = |what: &str| Err(Denial::invalid("token_type", what));
        let header = token.typ().unwrap_or("JWT").to_ascii_lowercase();
        if !self.typ.contains(&header) {
            return wrong("the token's type (header `typ`) is not that of an access token");
        }
        match token.claim("typ") {
            None if header == "at+jwt" => {}
            None if !self.allow_untyped => {
                return wrong(
                    "the token does not say that it is an access token (header `typ: at+jwt` or payload `typ: Bearer`)",
                );
            }
            None => {}
            Some(typ) if typ.as_str() == Some("Bearer") => {}
            Some(_) => return wrong("the token's type (payload `typ`) is not Bearer"),
        }
        // What ID tokens and logout tokens have and access tokens have not.
        if ["nonce", "at_hash", "c_hash", "events"]
            .iter()
            .any(|claim| token.claim(claim).is_some())
        {
            return wrong("the token is an ID token or a logout token");
        }
        Ok(())
    }
}

impl Remembered {
    fn weight(&self) -> u32 {
        let identity = &self.identity;
        let text = identity.subject.len() + identity.client.as_ref().map_or(0, HeaderValue::len);
        // Digest, counts, three small allocations.
        u32::try_from(text + 400).unwrap_or(u32::MAX)
    }
}

/// A claim as a header. What cannot be one unchanged is refused: two claims must not become the same
/// header, nor one header two.
fn header_value(claim: &str, name: &str) -> Result<HeaderValue, Denial> {
    let plain = claim.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && claim.trim() == claim;
    HeaderValue::from_str(claim)
        .ok()
        .filter(|_| plain && claim.len() <= 1024)
        .ok_or_else(|| {
            Denial::invalid(
                "claim",
                format_args!("the claim `{name}` cannot be passed on as a header"),
            )
        })
}

fn parse_reason(error: &JoseError) -> &'static str {
    match error {
        JoseError::UnsupportedAlgorithm(_) => "algorithm",
        _ => "malformed_token",
    }
}

fn claim_reason(error: realmkeep_jose::ClaimError) -> &'static str {
    use realmkeep_jose::ClaimError as Claim;
    match error {
        Claim::MissingIssuer | Claim::WrongIssuer => "unknown_issuer",
        Claim::MissingAudience | Claim::WrongAudience | Claim::MultipleAudiences => "audience",
        Claim::Expired => "expired",
        Claim::NotYetValid | Claim::IssuedInFuture => "not_yet_valid",
        _ => "claim",
    }
}
