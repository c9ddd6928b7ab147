//! What is kept: configuration, users, sessions and single-use things, in one database.
//!
//! Reads are one statement; writes are a [`Batch`] of guarded statements that is committed as a
//! whole or not at all. The SQL is a subset that SQLite and PostgreSQL share; every statement is a
//! named constant, and a test prepares them all.

pub mod cache;
pub mod clients;
mod db;
pub mod documents;
mod error;
mod migrations;
pub mod realms;
pub mod roles;
pub mod seal;
pub mod sessions;
pub mod single_use;
pub mod users;

pub use cache::{Client, Realm, Subject};
pub use db::{Batch, Row, Statement, Step, Touch, Value};
pub use documents::Document;
pub use error::StoreError;
pub use seal::{NoSeal, Seal};

use std::path::Path;
use std::sync::Arc;

use db::sqlite::Sqlite;

/// A handle on the database; cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    db: Sqlite,
    seal: Box<dyn Seal>,
    cache: cache::Caches,
}

impl Store {
    /// Opens (and creates or migrates) the SQLite database at `path`.
    ///
    /// # Errors
    /// When the file cannot be opened, or was written by a newer version.
    pub fn open(path: &Path, seal: Box<dyn Seal>) -> Result<Self, StoreError> {
        let db = Sqlite::open(path)?;
        Ok(Self {
            inner: Arc::new(Inner {
                db,
                seal,
                cache: cache::Caches::default(),
            }),
        })
    }

    /// Runs one reading statement.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn query(
        &self,
        statement: &Statement,
        params: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        self.inner.db.query(statement, params)
    }

    /// Commits the batch as a whole, then drops what it touched from the caches.
    ///
    /// # Errors
    /// The first guard that failed, a conflict, or a database failure; nothing was written then.
    pub async fn commit(&self, batch: Batch) -> Result<Vec<Vec<Row>>, StoreError> {
        let touched = batch.touched.clone();
        let rows = self.inner.db.commit(batch).await?;
        self.inner.cache.forget(&touched);
        Ok(rows)
    }

    /// Whether the database answers; for readiness.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.inner.db.query(&db::PING, &[]).map(|_| ())
    }

    /// Finishes the writes under way and closes the writer.
    pub fn close(&self) {
        self.inner.db.close();
    }

    pub(crate) fn seal(&self) -> &dyn Seal {
        self.inner.seal.as_ref()
    }

    pub(crate) fn caches(&self) -> &cache::Caches {
        &self.inner.cache
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every statement of the crate is one the engine accepts.
    #[test]
    fn every_statement_prepares() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prepare.db");
        drop(Sqlite::open(&path).unwrap());
        let connection = rusqlite::Connection::open(&path).unwrap();
        let lists = [
            clients::ALL,
            realms::ALL,
            roles::ALL,
            users::ALL,
            sessions::ALL,
            single_use::ALL,
        ];
        let named = lists
            .into_iter()
            .flatten()
            .copied()
            .chain(documents::all_statements());
        let mut count = 0;
        for statement in named {
            if let Err(e) = connection.prepare(statement.sql) {
                panic!("{}: {e}", statement.name);
            }
            count += 1;
        }
        assert!(count > 100, "{count}");
    }
}
