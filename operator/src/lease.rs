//! Which replica writes: a Lease that is taken and renewed by compare-and-swap.
//!
//! The holder stops before its Lease can be taken over by another: it counts from the moment it
//! *asked* for the last renewal, the others from the moment they *saw* it.

use std::time::Duration;

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{
    Api, Client as KubeClient,
    api::{ObjectMeta, PostParams},
};
use tokio::time::Instant;

/// How long a holder is believed after its last renewal.
const DURATION: Duration = Duration::from_secs(15);
/// The holder gives up this long after its last renewal.
const GIVE_UP: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_secs(2);

/// One replica's view of the Lease.
pub struct Election {
    api: Api<Lease>,
    name: String,
    identity: String,
    /// The record as last seen, and since when it has looked so.
    seen: Option<(Record, Instant)>,
}

/// What of a Lease tells one renewal from the next.
#[derive(Clone, Debug, PartialEq)]
struct Record {
    holder: Option<String>,
    renewed: Option<MicroTime>,
    duration: Duration,
}

/// What a replica may do with a Lease that it sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    /// It is ours.
    Renew,
    /// Nobody holds it, or its holder has been silent for too long.
    Take,
    Wait,
}

impl Election {
    pub fn new(client: KubeClient, namespace: &str, name: &str, identity: &str) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity: identity.to_owned(),
            seen: None,
        }
    }

    /// Waits until this replica leads.
    pub async fn acquire(&mut self) {
        loop {
            match self.attempt().await {
                Ok(true) => return,
                Ok(false) => {}
                Err(e) => tracing::warn!(error = %e, lease = self.name, "the Lease cannot be had"),
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Keeps renewing; returns when this replica must not write any more.
    pub async fn hold(&mut self) {
        let mut asked = Instant::now();
        loop {
            tokio::time::sleep(INTERVAL).await;
            let asking = Instant::now();
            let left = (asked + GIVE_UP).saturating_duration_since(asking);
            match tokio::time::timeout(left, self.attempt()).await {
                Ok(Ok(true)) => asked = asking,
                Ok(Ok(false)) => {
                    tracing::error!(lease = self.name, "another replica has taken the Lease");
                    return;
                }
                Ok(Err(e)) => {
                    tracing::warn!(error = %e, lease = self.name, "the Lease was not renewed")
                }
                Err(_) => {}
            }
            if asked.elapsed() >= GIVE_UP {
                tracing::error!(lease = self.name, "the Lease could not be renewed in time");
                return;
            }
        }
    }

    /// Gives the Lease back, so that the next replica need not wait.
    pub async fn release(&self) {
        let Ok(Some(mut lease)) = self.api.get_opt(&self.name).await else {
            return;
        };
        let spec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_deref() != Some(&self.identity) {
            return;
        }
        spec.holder_identity = None;
        spec.lease_duration_seconds = Some(1);
        if let Err(e) = self
            .api
            .replace(&self.name, &PostParams::default(), &lease)
            .await
        {
            tracing::debug!(error = %e, "the Lease was not given back");
        }
    }

    /// Takes or renews the Lease when that is allowed; says whether it is ours now.
    async fn attempt(&mut self) -> Result<bool, kube::Error> {
        let now = MicroTime(Timestamp::now());
        let Some(mut lease) = self.api.get_opt(&self.name).await? else {
            let lease = Lease {
                metadata: ObjectMeta {
                    name: Some(self.name.clone()),
                    ..ObjectMeta::default()
                },
                spec: Some(self.spec(None, true, &now)),
            };
            return swapped(self.api.create(&PostParams::default(), &lease).await);
        };
        let record = Record::of(lease.spec.as_ref());
        let since = match &self.seen {
            Some((seen, since)) if *seen == record => *since,
            _ => {
                let since = Instant::now();
                self.seen = Some((record.clone(), since));
                since
            }
        };
        let decision = decide(&record, &self.identity, since.elapsed());
        if decision == Decision::Wait {
            return Ok(false);
        }
        lease.spec = Some(self.spec(lease.spec, decision == Decision::Take, &now));
        // With the resource version that was read: of two replicas that do this, one fails.
        swapped(
            self.api
                .replace(&self.name, &PostParams::default(), &lease)
                .await,
        )
    }

    fn spec(&self, before: Option<LeaseSpec>, taking: bool, now: &MicroTime) -> LeaseSpec {
        let before = before.unwrap_or_default();
        let transitions = before.lease_transitions.unwrap_or(0);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: if taking {
                Some(now.clone())
            } else {
                before.acquire_time
            },
            renew_time: Some(now.clone()),
            lease_transitions: Some(transitions.saturating_add(taking.into())),
            ..LeaseSpec::default()
        }
    }
}

impl Record {
    fn of(spec: Option<&LeaseSpec>) -> Self {
        let seconds = spec.and_then(|s| s.lease_duration_seconds).unwrap_or(0);
        Self {
            holder: spec
                .and_then(|s| s.holder_identity.clone())
                .filter(|h| !h.is_empty()),
            renewed: spec.and_then(|s| s.renew_time.clone()),
            duration: Duration::from_secs(u64::try_from(seconds).unwrap_or(0)),
        }
    }
}

/// `unchanged`: how long the record has looked as it does, by this replica's own clock.
fn decide(record: &Record, identity: &str, unchanged: Duration) -> Decision {
    match &record.holder {
        None => Decision::Take,
        Some(holder) if holder == identity => Decision::Renew,
        Some(_) if unchanged > record.duration => Decision::Take,
        Some(_) => Decision::Wait,
    }
}

fn swapped(result: Result<Lease, kube::Error>) -> Result<bool, kube::Error> {
    match result {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(e)) if e.code == 409 => Ok(false),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held_by(holder: Option<&str>) -> Record {
        Record {
            holder: holder.map(str::to_owned),
            renewed: None,
            duration: DURATION,
        }
    }

    #[test]
    fn a_free_lease_is_taken_and_our_own_renewed() {
        assert_eq!(decide(&held_by(None), "a", Duration::ZERO), Decision::Take);
        assert_eq!(
            decide(&held_by(Some("a")), "a", DURATION * 9),
            Decision::Renew
        );
    }

    #[test]
    fn anothers_lease_is_taken_only_after_its_whole_duration_of_silence() {
        let record = held_by(Some("b"));
        assert_eq!(decide(&record, "a", Duration::ZERO), Decision::Wait);
        assert_eq!(decide(&record, "a", DURATION), Decision::Wait);
        let later = DURATION + Duration::from_millis(1);
        assert_eq!(decide(&record, "a", later), Decision::Take);
    }

    #[test]
    fn the_holder_stops_before_others_may_start() {
        assert!(GIVE_UP + INTERVAL < DURATION);
    }
}
