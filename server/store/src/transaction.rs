//! Several batches that are committed together or not at all, with reads between them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::db::{Db, OpenTransaction};
use crate::{Inner, Store, StoreError};

/// When a transaction takes the lock that keeps other changes of configuration out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// At once: what is read in it stays as it is until its end.
    Now,
    /// With the first batch: what is read before may change, as it may before any batch.
    AtFirstBatch,
}

/// A store in which each batch is seen by what is read after it, and by nobody else until
/// [`Transaction::commit`]. Dropped, it leaves nothing behind. Other writers wait for its end, so it
/// is for work that is bounded.
#[derive(Debug)]
pub struct Transaction {
    parent: Store,
    store: Store,
}

impl Store {
    /// Begins a transaction that lasts for at most `longest`.
    ///
    /// # Errors
    /// When the database fails, too many wait, or this store is a transaction itself.
    pub async fn begin(&self, begin: Begin, longest: Duration) -> Result<Transaction, StoreError> {
        let open = OpenTransaction::new(self.clone(), begin, longest).await?;
        let inner = Inner::new(Db::Transaction(open), self.inner.seal.clone(), None);
        let escapes = self.inner.escapes_group_paths.load(Ordering::Relaxed);
        inner.escapes_group_paths.store(escapes, Ordering::Relaxed);
        Ok(Transaction {
            parent: self.clone(),
            store: Self {
                inner: Arc::new(inner),
            },
        })
    }

    pub(crate) fn db(&self) -> &Db {
        &self.inner.db
    }
}

impl Transaction {
    /// The database as it is in this transaction.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Makes everything durable and seen by all.
    ///
    /// # Errors
    /// When it cannot; nothing is stored then, except that [`StoreError::Unknown`] leaves it open.
    pub async fn commit(self) -> Result<(), StoreError> {
        let Db::Transaction(open) = self.store.db() else {
            return Err(StoreError::Closed);
        };
        let (touched, done) = open.commit().await;
        // What may have been stored is forgotten, too.
        self.parent.forget(&touched);
        done
    }

    /// Leaves nothing behind.
    pub async fn rollback(self) {
        if let Db::Transaction(open) = self.store.db() {
            open.rollback().await;
        }
    }

    /// Whether another transaction was in the way: the same again may succeed.
    pub async fn interfered(&self) -> bool {
        match self.store.db() {
            Db::Transaction(open) => open.interfered().await,
            _ => false,
        }
    }
}
