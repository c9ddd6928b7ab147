//! JWT-SVIDs for one audience, kept.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use realmkeep_jose::UnverifiedJwt;
use tokio::sync::Mutex;

use crate::assertion::{Assertion, AssertionError};
use crate::clock::Clock;
use crate::spiffe::id::SpiffeId;
use crate::spiffe::workload_api::WorkloadApi;

/// An agent that has lost its server may take its time; we have a credential meanwhile.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Between two attempts while the one at hand is still good.
const RETRY_MS: i64 = 5_000;
/// The last seconds of a JWT-SVID are not used: the other side has to see it alive.
const MARGIN: i64 = 30;

/// Gets JWT-SVIDs from the Workload API: a new one at half its life, the old one while it is good.
/// The Workload API does not push JWT-SVIDs, so this has to schedule them.
#[derive(Clone, Debug)]
pub struct JwtSvidSource(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    api: WorkloadApi,
    audience: String,
    id: Option<String>,
    clock: Clock,
    held: ArcSwapOption<Held>,
    fetch: Mutex<Option<i64>>,
}

#[derive(Debug)]
struct Held {
    assertion: Assertion,
    /// Seconds since the epoch.
    renew_at: i64,
    usable_until: i64,
}

impl JwtSvidSource {
    /// `audience`: the server's issuer. `id`: where the workload has several identities.
    pub fn new(
        socket: impl Into<std::path::PathBuf>,
        audience: String,
        id: Option<String>,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Inner {
            api: WorkloadApi::new(socket, TIMEOUT),
            audience,
            id,
            clock,
            held: ArcSwapOption::empty(),
            fetch: Mutex::new(None),
        }))
    }

    pub(crate) async fn assertion(&self) -> Result<Assertion, AssertionError> {
        let inner = &self.0;
        let usable = |now: i64| {
            inner
                .held
                .load_full()
                .filter(|held| now < held.usable_until)
        };
        let now = inner.clock.now_seconds();
        if let Some(held) = usable(now).filter(|held| now < held.renew_at) {
            return Ok(held.assertion.clone());
        }
        let mut last_attempt = inner.fetch.lock().await;
        let now = inner.clock.now_seconds();
        let good = usable(now);
        // Somebody else's fetch may have ended while we waited, or failed a moment ago.
        if let Some(held) = &good
            && (now < held.renew_at
                || last_attempt.is_some_and(|at| inner.clock.elapsed_ms(at) < RETRY_MS))
        {
            return Ok(held.assertion.clone());
        }
        *last_attempt = Some(inner.clock.now_ms());
        match self.fetch().await {
            Ok(held) => {
                let assertion = held.assertion.clone();
                inner.held.store(Some(Arc::new(held)));
                Ok(assertion)
            }
            Err(error) => good.map(|held| held.assertion.clone()).ok_or(error),
        }
    }

    async fn fetch(&self) -> Result<Held, AssertionError> {
        let inner = &self.0;
        let svid = inner
            .api
            .jwt_svid(&inner.audience, inner.id.as_deref())
            .await?;
        let invalid = |cause: &str| AssertionError::Svid {
            cause: cause.to_owned(),
        };
        let jwt = UnverifiedJwt::parse(svid.token.expose())
            .map_err(|error| invalid(&error.to_string()))?;
        // Better found here than in the server's log.
        if jwt.unverified_sub() != Some(svid.id.as_str())
            || jwt
                .unverified_sub()
                .is_none_or(|sub| sub.parse::<SpiffeId>().is_err())
        {
            return Err(invalid("its subject is not the SPIFFE ID it came with"));
        }
        if jwt.unverified_aud() != [inner.audience.as_str()] {
            return Err(invalid("its audience is not the one that was asked for"));
        }
        let expires_at = jwt
            .unverified_exp()
            .ok_or_else(|| invalid("it has no `exp`"))?;
        let now = inner.clock.now_seconds();
        let issued_at = jwt
            .unverified_claims()
            .get("iat")
            .and_then(serde_json::Value::as_i64);
        let life = expires_at.saturating_sub(now);
        Ok(Held {
            assertion: Assertion {
                token: svid.token,
                subject: Some(svid.id.to_string()),
                issuer: jwt.unverified_iss().map(str::to_owned),
                issued_at,
                expires_at: Some(expires_at),
            },
            renew_at: now.saturating_add(life / 2),
            // A short one is used to a tenth of its end.
            usable_until: expires_at.saturating_sub(MARGIN.min(life / 10)),
        })
    }
}
