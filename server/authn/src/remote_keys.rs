use std::sync::Arc;

use moka::sync::Cache;
use realmkeep_jose::JwkSet;
use realmkeep_model::clock::Clock;
use realmkeep_workload_identity::{
    ApiServer, KeyLimits, KeySource, OutboundError, OutboundHttp, RemoteKeys,
};

/// Issuers whose keys are kept; the least used go first.
const ISSUERS: u64 = 10_000;
/// Clients' key sets that are kept, and for how many seconds.
const SETS: u64 = 1_000;
const SET_LIFESPAN: i64 = 300;

/// Keys of federated issuers and of clients' JWKS addresses, fetched when first asked for and kept.
#[derive(Clone)]
pub struct RemoteKeyCache {
    http: OutboundHttp,
    /// Where our own service account token may be sent to get keys.
    api_server: Option<ApiServer>,
    clock: Clock,
    keys: Cache<(Kind, String), RemoteKeys>,
    /// Whole key sets, for encryption, with when each was fetched; seconds since 1970.
    sets: Cache<String, (i64, Arc<JwkSet>)>,
}

/// How keys are found; the same address found in two ways is two things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Issuer,
    Cluster,
    Url,
    SpiffeBundle,
}

impl RemoteKeyCache {
    /// `api_server` is that of the cluster we run in, if any.
    pub fn new(http: OutboundHttp, api_server: Option<ApiServer>, clock: Clock) -> Self {
        Self {
            http,
            api_server,
            clock,
            keys: Cache::new(ISSUERS),
            sets: Cache::new(SETS),
        }
    }

    /// The keys of an OpenID Connect issuer, found by its discovery document.
    pub fn of_issuer(&self, issuer: &str) -> RemoteKeys {
        self.keys(Kind::Issuer, issuer)
    }

    /// The keys of a Kubernetes cluster's service account issuer. If it is the cluster we run in,
    /// our own service account token is sent along, as its discovery asks for one.
    pub fn of_cluster(&self, issuer: &str) -> RemoteKeys {
        self.keys(Kind::Cluster, issuer)
    }

    /// The keys at a JWKS address.
    pub fn of_url(&self, url: &str) -> RemoteKeys {
        self.keys(Kind::Url, url)
    }

    /// The keys of JWT-SVIDs in the bundle at this address.
    pub fn of_spiffe_bundle(&self, url: &str) -> RemoteKeys {
        self.keys(Kind::SpiffeBundle, url)
    }

    /// Forgets the keys of an issuer or at an address; they are fetched anew when they are needed next.
    pub fn forget(&self, address: &str) {
        for kind in [Kind::Issuer, Kind::Cluster, Kind::Url, Kind::SpiffeBundle] {
            self.keys.invalidate(&(kind, address.to_owned()));
        }
        self.sets.invalidate(address);
    }

    /// The key set at an address, as it was at most some minutes ago: for keys that encrypt.
    ///
    /// # Errors
    /// When it cannot be fetched, and never was.
    pub async fn key_set(&self, url: &str) -> Result<Arc<JwkSet>, OutboundError> {
        let now = self.clock.now();
        let kept = self.sets.get(url);
        if let Some((fetched, set)) = &kept
            && now.saturating_sub(*fetched) < SET_LIFESPAN
        {
            return Ok(set.clone());
        }
        let accept = "application/jwk-set+json, application/json";
        match self.http.get_json::<JwkSet>(url, accept, None).await {
            Ok((set, _)) => {
                let set = Arc::new(set);
                self.sets.insert(url.to_owned(), (now, set.clone()));
                Ok(set)
            }
            // What was good some minutes ago is better than nothing.
            Err(error) => kept.map(|(_, set)| set).ok_or(error),
        }
    }

    /// For other requests to configured addresses.
    pub fn http(&self) -> &OutboundHttp {
        &self.http
    }

    fn keys(&self, kind: Kind, address: &str) -> RemoteKeys {
        self.keys.get_with((kind, address.to_owned()), || {
            let source = match kind {
                Kind::Url => KeySource::Jwks {
                    url: address.to_owned(),
                },
                Kind::SpiffeBundle => KeySource::SpiffeBundle {
                    url: address.to_owned(),
                },
                Kind::Issuer | Kind::Cluster => KeySource::Discovery {
                    issuer: address.to_owned(),
                    url: None,
                },
            };
            let api_server = self.api_server.clone().filter(|_| kind == Kind::Cluster);
            let clock = self.clock.clone();
            RemoteKeys::new(
                source,
                self.http.clone(),
                api_server,
                KeyLimits::default(),
                realmkeep_workload_identity::Clock::new(move || clock.now_millis()),
            )
        })
    }
}

impl std::fmt::Debug for RemoteKeyCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteKeyCache").finish_non_exhaustive()
    }
}
