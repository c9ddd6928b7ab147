//! Which workloads prove to be which client without a secret, and what was refused to them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::db::{Step, Value, statements};
use crate::{Batch, Store, StoreError};

statements! {
    USED = "INSERT INTO workload_use (realm_id, provider, subject, client_id, pod, used, refused, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, '') ON CONFLICT (realm_id, provider, subject, client_id, pod) DO UPDATE SET used = excluded.used";
    REFUSED = "INSERT INTO workload_use (realm_id, provider, subject, client_id, pod, used, refused, reason) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7) ON CONFLICT (realm_id, provider, subject, client_id, pod) DO UPDATE SET refused = excluded.refused, reason = excluded.reason";
    OF_REALM = "SELECT provider, subject, client_id, pod, used, refused, reason FROM workload_use WHERE realm_id = ?1 ORDER BY provider, subject, client_id, pod LIMIT ?2";
    EXPIRE = "DELETE FROM workload_use WHERE used < ?1 AND refused < ?1 AND (pod <> '' OR (used < ?2 AND refused < ?2))";
}

/// How often one workload's uses or equal refusals are written down, in milliseconds.
const INTERVAL: i64 = 60_000;
/// Workloads whose last record is remembered in memory.
const REMEMBERED: usize = 10_000;
/// Longest part of a record, in bytes; longer ones are cut.
const PART_BYTES: usize = 512;
/// How long a pod is known after its last use, in milliseconds: seven days.
const PODS_KEPT: i64 = 7 * 24 * 3600 * 1000;
/// How long a workload is known after its last use, in milliseconds: about a year.
const WORKLOADS_KEPT: i64 = 400 * 24 * 3600 * 1000;

/// A workload as an identity provider of the realm knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Workload {
    /// Alias of the identity provider.
    pub provider: String,
    /// `sub` of a proven assertion; empty for one that was not proven.
    pub subject: String,
    /// The client's id, not its clientId; empty when none was found.
    pub client_id: String,
    /// Name of the pod that the assertion was issued for; empty when it does not tell.
    pub pod: String,
}

/// What is known of a workload's assertions. Times are milliseconds since 1970; 0 is never.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkloadUse {
    pub workload: Workload,
    pub used: i64,
    pub refused: i64,
    /// Why it was refused last.
    pub reason: String,
}

/// When what was written down last, so that not every request writes.
#[derive(Default)]
pub(crate) struct Recent(Mutex<HashMap<(String, Workload, String), i64>>);

impl Recent {
    fn is_due(&self, realm_id: &str, workload: &Workload, reason: &str, now: i64) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (realm_id.to_owned(), workload.clone(), reason.to_owned());
        if known
            .get(&key)
            .is_some_and(|last| now.saturating_sub(*last) < INTERVAL)
        {
            return false;
        }
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(key, now);
        true
    }
}

impl Store {
    /// Remembers that the workload was taken for the client at `now` (milliseconds), at most once a
    /// minute.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_workload_use(
        &self,
        realm_id: &str,
        workload: &Workload,
        now: i64,
    ) -> Result<(), StoreError> {
        self.record(realm_id, workload, None, now).await
    }

    /// Remembers that the workload was refused at `now` (milliseconds), and why; the same reason at
    /// most once a minute.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_workload_refusal(
        &self,
        realm_id: &str,
        workload: &Workload,
        reason: &str,
        now: i64,
    ) -> Result<(), StoreError> {
        self.record(realm_id, workload, Some(reason), now).await
    }

    async fn record(
        &self,
        realm_id: &str,
        workload: &Workload,
        reason: Option<&str>,
        now: i64,
    ) -> Result<(), StoreError> {
        let recent = self.recent_workloads();
        if !recent.is_due(realm_id, workload, reason.unwrap_or_default(), now) {
            return Ok(());
        }
        let mut batch = Batch::new();
        let mut pods = vec![""];
        if !workload.pod.is_empty() {
            pods.push(cut(&workload.pod));
        }
        for pod in pods {
            let mut params: Vec<Value> = vec![
                realm_id.into(),
                cut(&workload.provider).into(),
                cut(&workload.subject).into(),
                cut(&workload.client_id).into(),
                pod.into(),
                now.into(),
            ];
            let statement = match reason {
                None => &USED,
                Some(reason) => {
                    params.push(cut(reason).into());
                    &REFUSED
                }
            };
            batch.push(Step::new(statement, params).on_conflict("the realm is gone"));
        }
        self.commit(batch).await.map(|_| ())
    }

    /// What is known of the realm's workloads, at most `max` of them and their pods.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn workload_uses(
        &self,
        realm_id: &str,
        max: i64,
    ) -> Result<Vec<WorkloadUse>, StoreError> {
        let rows = self
            .query(&OF_REALM, &[realm_id.into(), max.into()])
            .await?;
        rows.iter()
            .map(|row| {
                Ok(WorkloadUse {
                    workload: Workload {
                        provider: row.text(0)?.to_owned(),
                        subject: row.text(1)?.to_owned(),
                        client_id: row.text(2)?.to_owned(),
                        pod: row.text(3)?.to_owned(),
                    },
                    used: row.int(4)?,
                    refused: row.int(5)?,
                    reason: row.text(6)?.to_owned(),
                })
            })
            .collect()
    }

    /// The step that forgets pods, and later workloads, that were not seen for long at `now`
    /// (milliseconds).
    pub fn expire_workload_uses(now: i64) -> Step {
        let params = vec![
            now.saturating_sub(PODS_KEPT).into(),
            now.saturating_sub(WORKLOADS_KEPT).into(),
        ];
        Step::new(&EXPIRE, params)
    }
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(PART_BYTES))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_written_down_once_a_minute_and_a_new_refusal_at_once() {
        let recent = Recent::default();
        let workload = Workload::default();
        assert!(recent.is_due("r", &workload, "", 0));
        assert!(!recent.is_due("r", &workload, "", INTERVAL - 1));
        assert!(recent.is_due("r", &workload, "expired", INTERVAL - 1));
        assert!(recent.is_due("r", &workload, "", INTERVAL));
        let other = Workload {
            pod: "b".into(),
            ..Workload::default()
        };
        assert!(recent.is_due("r", &other, "", INTERVAL));
    }
}
