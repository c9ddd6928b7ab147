//! Removes from time to time what has expired; nothing depends on when.

use realmkeep_model::clock::Clock;
use realmkeep_store::{Batch, Step, Store, StoreError};

use super::limits;

/// Runs for ever.
pub async fn run(store: Store, clock: Clock) {
    loop {
        tokio::time::sleep(limits::EXPIRY_INTERVAL).await;
        if let Err(e) = sweep(&store, clock.now()).await {
            tracing::warn!(error = %e, "expired sessions could not be removed; trying again later");
        }
    }
}

/// In small transactions, so that logins need not wait.
async fn sweep(store: &Store, now: i64) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    // A client that polls a little late is told that its request expired.
    batch.push(Store::expire_pending(now.saturating_sub(600)));
    batch.push(Store::trim_changes());
    batch.push(Store::expire_logout_notices(now));
    batch.push(Store::expire_initial_access(now));
    batch.push(Store::expire_login_failures(
        now.saturating_sub(limits::LOGIN_FAILURES_KEPT),
    ));
    batch.push(Store::expire_workload_uses(now.saturating_mul(1_000)));
    store.commit(batch).await?;
    realmkeep_events::expire(store, now).await?;
    in_chunks(store, || {
        Store::expire_single_use(now, limits::EXPIRY_CHUNK)
    })
    .await?;
    in_chunks(store, || Store::expire_sessions(now, limits::EXPIRY_CHUNK)).await
}

async fn in_chunks(store: &Store, step: impl Fn() -> Step) -> Result<(), StoreError> {
    loop {
        let mut batch = Batch::new();
        batch.push(step());
        let rows = store.commit(batch).await?;
        let removed = rows.first().map_or(0, Vec::len);
        if i64::try_from(removed).unwrap_or(0) < limits::EXPIRY_CHUNK {
            return Ok(());
        }
    }
}
