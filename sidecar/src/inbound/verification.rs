//! The verifier as it is configured.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use realmkeep_token_verifier::{Introspector, IntrospectorConfig, Issuer, IssuerPolicy, Verifier};
use realmkeep_workload_identity::{
    AssertionSource, Clock, KeyLimits, KeySource, OutboundHttp, RemoteKeys,
};

use crate::config::{self, OpaqueTokens};
use crate::outbound::http_client;

/// Answers of an introspection endpoint that are remembered at most.
const MAX_ANSWERS: u64 = 10_000;

/// An issuer's keys, with the configuration they belong to: they outlive a reload that does not
/// concern them.
pub type KnownKeys = Vec<(config::Issuer, RemoteKeys)>;

/// Who we are when an issuer is asked about a token.
pub struct Asker {
    pub source: AssertionSource,
    pub client_id: Option<String>,
}

/// The verifier and the keys it uses; those of `known` are taken where the issuer is the same.
pub fn verifier(
    config: &config::Inbound,
    asker: Option<&Asker>,
    known: &KnownKeys,
    clock: &Clock,
) -> anyhow::Result<(Arc<Verifier>, KnownKeys)> {
    let mut issuers = Vec::new();
    let mut keys = KnownKeys::new();
    for (index, issuer) in config.issuers.iter().enumerate() {
        let place = || format!("inbound: issuers[{index}]");
        let http = http_client(issuer.ca_file.as_deref(), issuer.allow_http, issuer.urls())
            .with_context(place)?;
        let source = key_source(issuer, &http).with_context(place)?;
        let own = match known.iter().find(|(same, _)| same == issuer) {
            Some((_, keys)) => keys.clone(),
            None => RemoteKeys::new(source, http.clone(), None, KEY_LIMITS, clock.clone()),
        };
        let mut built = Issuer::new(policy(issuer), own.clone());
        if let (Some(introspection), Some(asker)) = (&issuer.introspection, asker) {
            if let Some(url) = &introspection.url {
                http.check_url(url)
                    .context("introspection.url")
                    .with_context(place)?;
            }
            built =
                built.with_introspection(introspector(issuer, introspection, asker, http, clock));
        }
        issuers.push(built);
        keys.push((issuer.clone(), own));
    }
    let verifier = Verifier::new(issuers, config.token_cache_bytes, clock.clone());
    Ok((Arc::new(verifier), keys))
}

/// Unknown keys are the callers' to name: one fetch in thirty seconds, whoever asks.
const KEY_LIMITS: KeyLimits = KeyLimits {
    refetch_interval: Duration::from_secs(30),
    retry_interval: Duration::from_secs(1),
    min_refresh: Duration::from_secs(60),
    max_refresh: Duration::from_secs(3600),
    hard_expiry: Duration::from_secs(24 * 3600),
};

fn policy(config: &config::Issuer) -> IssuerPolicy {
    IssuerPolicy {
        issuer: config.issuer.clone(),
        audiences: config.audiences.clone(),
        algorithms: config.algorithms.clone(),
        typ: config.typ.clone(),
        allow_untyped: config.allow_untyped,
        clock_skew: config.clock_skew,
    }
}

fn key_source(config: &config::Issuer, http: &OutboundHttp) -> anyhow::Result<KeySource> {
    if let Some(path) = &config.jwks_file {
        return Ok(KeySource::File { path: path.clone() });
    }
    if let Some(url) = &config.jwks_url {
        http.check_url(url).context("jwksUrl")?;
        return Ok(KeySource::Jwks { url: url.clone() });
    }
    let url = config.discovery_url.as_deref();
    let place = if url.is_some() {
        "discoveryUrl"
    } else {
        "issuer"
    };
    http.check_url(url.unwrap_or(&config.issuer))
        .context(place)?;
    Ok(KeySource::Discovery {
        issuer: config.issuer.clone(),
        url: config.discovery_url.clone(),
    })
}

fn introspector(
    issuer: &config::Issuer,
    config: &config::Introspection,
    asker: &Asker,
    http: OutboundHttp,
    clock: &Clock,
) -> Introspector {
    let config = IntrospectorConfig {
        issuer: issuer.issuer.clone(),
        endpoint: config.url.clone(),
        discovery_url: issuer.discovery_url.clone(),
        client_id: asker.client_id.clone(),
        opaque: config.when != OpaqueTokens::Rule,
        always: config.when == OpaqueTokens::Always,
        cache_time: Duration::from_secs(config.cache_seconds),
        cache_entries: MAX_ANSWERS,
    };
    Introspector::new(config, asker.source.clone(), http, clock.clone())
}
