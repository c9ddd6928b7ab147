//! Removes from time to time what has expired; nothing depends on when.

use realmkeep_model::clock::Clock;
use realmkeep_store::{Batch, Store, StoreError};

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
    batch.push(Store::expire_single_use(now));
    store.commit(batch).await?;
    loop {
        let mut batch = Batch::new();
        batch.push(Store::expire_sessions(now, limits::EXPIRY_CHUNK));
        let rows = store.commit(batch).await?;
        let removed = rows.first().map_or(0, Vec::len);
        if i64::try_from(removed).unwrap_or(0) < limits::EXPIRY_CHUNK {
            return Ok(());
        }
    }
}
