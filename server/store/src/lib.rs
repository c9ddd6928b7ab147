//! What is kept: configuration, users, sessions and single-use things, in one database.
//!
//! Reads are one statement; writes are a [`Batch`] of guarded statements that is committed as a
//! whole or not at all. The SQL is a subset that SQLite and PostgreSQL share; every statement is a
//! named constant, and a test prepares them all.

pub mod cache;
pub mod changes;
pub mod clients;
pub mod consents;
mod db;
pub mod documents;
mod error;
pub mod event_outbox;
pub mod events;
pub mod federated_users;
mod fence;
pub mod initial_access;
pub mod login_failures;
pub mod logout_notices;
mod migrations;
pub mod owners;
pub mod pending;
pub mod realms;
pub mod roles;
pub mod seal;
pub mod sessions;
pub mod settings;
pub mod single_use;
mod transaction;
mod user_attributes;
pub mod users;
pub mod workload_uses;

pub use cache::{Client, Realm, Subject};
pub use db::postgres::{PostgresOptions, masked as masked_url};
pub use db::{Batch, Row, Statement, Step, Touch, Value};
pub use documents::Document;
pub use error::StoreError;
pub use seal::{NoSeal, Seal};
pub use transaction::{Begin, Transaction};

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::Instrument;

use tokio::sync::watch;

use db::Db;
use db::postgres::Postgres;
use db::sqlite::Sqlite;
use fence::Fence;

/// A handle on the database; cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    seal: Arc<dyn Seal>,
    cache: cache::Caches,
    /// Counts up when configuration changed, here or at another server.
    changed: watch::Sender<u64>,
    /// Where other servers use the database, too.
    fence: Option<Fence>,
    /// The last write found the disk full or the like.
    not_writable: AtomicBool,
    /// Slashes in names of groups are marked in paths.
    escapes_group_paths: AtomicBool,
    workloads: workload_uses::Recent,
}

impl Store {
    /// Opens (and creates or migrates) the SQLite database at `path`.
    ///
    /// # Errors
    /// When the file cannot be opened, or was written by a newer version.
    pub fn open(path: &Path, seal: Box<dyn Seal>) -> Result<Self, StoreError> {
        let db = Sqlite::open(path)?;
        Ok(Self {
            inner: Arc::new(Inner::new(Db::Sqlite(db), seal.into(), None)),
        })
    }

    /// Connects to a PostgreSQL database, and creates or migrates its schema where the options say
    /// so. Other servers may use it at the same time.
    ///
    /// # Errors
    /// When it cannot be reached, or its schema is of a version that does not go with this program.
    pub async fn connect(
        options: &PostgresOptions,
        seal: Box<dyn Seal>,
    ) -> Result<Self, StoreError> {
        let db = Db::Postgres(Postgres::open(options).await?);
        let inner = Fence::start(|fence| Arc::new(Inner::new(db, seal.into(), Some(fence))));
        Ok(Self { inner })
    }

    /// From now on a slash in the name of a group is written `~/` in the group's path (002:2889-2891).
    #[must_use]
    pub fn escaping_group_paths(self, escape: bool) -> Self {
        self.inner
            .escapes_group_paths
            .store(escape, Ordering::Relaxed);
        self
    }

    /// Runs one reading statement.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn query(
        &self,
        statement: &'static Statement,
        params: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        let span = tracing::trace_span!(
            target: "realmkeep_trace",
            "db.query",
            db.operation.name = statement.name,
        );
        let rows = self.inner.db.query(statement, params);
        rows.instrument(span).await
    }

    /// Commits the batch as a whole, then drops what it touched from the caches.
    ///
    /// # Errors
    /// The first guard that failed, a conflict, or a database failure; nothing was written then.
    pub async fn commit(&self, batch: Batch) -> Result<Vec<Vec<Row>>, StoreError> {
        let touched = batch.touched.clone();
        let span = tracing::trace_span!(target: "realmkeep_trace", "db.commit");
        let committed = self.inner.db.commit(batch).instrument(span).await;
        match &committed {
            Ok(_) => self.inner.not_writable.store(false, Ordering::Relaxed),
            Err(StoreError::NotStored(_)) => {
                self.inner.not_writable.store(true, Ordering::Relaxed);
            }
            Err(_) => {}
        }
        // What may have been stored is forgotten, too.
        self.forget(&touched);
        committed
    }

    /// Drops what was touched from the caches, and tells those who follow the changes.
    pub(crate) fn forget(&self, touched: &[Touch]) {
        self.inner.cache.forget(touched);
        if !touched.is_empty() {
            self.announce_change();
        }
    }

    pub(crate) fn announce_change(&self) {
        self.inner
            .changed
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Whether the database answers and takes changes; for readiness. It is written to only after a
    /// change was not stored, to find out when that is over.
    ///
    /// # Errors
    /// What is wrong.
    pub async fn ping(&self) -> Result<(), StoreError> {
        if let Db::Postgres(_) = self.inner.db {
            let rows = self.inner.db.query(&db::IS_READ_ONLY, &[]).await?;
            if rows
                .first()
                .is_some_and(|row| row.text(0).ok() == Some("on"))
            {
                return Err(StoreError::Unavailable(
                    "the database is read-only (a standby, or default_transaction_read_only is on)"
                        .into(),
                ));
            }
        } else {
            self.inner.db.query(&db::PING, &[]).await?;
        }
        if self.inner.not_writable.load(Ordering::Relaxed) {
            let mut probe = Batch::new();
            probe.push(Self::write_probe());
            self.commit(probe).await?;
        }
        Ok(())
    }

    /// Waits until the caches hold nothing that another server changed before this call. At once
    /// where no other server can use the database.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        match &self.inner.fence {
            Some(fence) => fence.pass().await,
            None => Ok(()),
        }
    }

    /// Whether other servers may use the database at the same time.
    pub fn is_shared(&self) -> bool {
        self.inner.fence.is_some()
    }

    /// Finishes the writes under way and closes the writer.
    pub fn close(&self) {
        self.inner.db.close();
    }

    /// A digest of a secret under the server's key: the same for the same text in the same context, and
    /// of no use for guessing to who has not the key.
    ///
    /// # Errors
    /// When the cryptographic library refuses.
    pub fn secret_digest(&self, secret: &str, context: &str) -> Result<String, StoreError> {
        self.seal().digest(secret, context)
    }

    pub(crate) fn seal(&self) -> &dyn Seal {
        self.inner.seal.as_ref()
    }

    pub(crate) fn caches(&self) -> &cache::Caches {
        &self.inner.cache
    }

    pub(crate) fn recent_workloads(&self) -> &workload_uses::Recent {
        &self.inner.workloads
    }
}

impl Inner {
    fn new(db: Db, seal: Arc<dyn Seal>, fence: Option<Fence>) -> Self {
        Self {
            db,
            seal,
            cache: cache::Caches::default(),
            changed: watch::Sender::new(0),
            fence,
            not_writable: AtomicBool::new(false),
            escapes_group_paths: AtomicBool::new(false),
            workloads: workload_uses::Recent::default(),
        }
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

    fn statements() -> Vec<&'static Statement> {
        let lists = [
            changes::ALL,
            clients::ALL,
            consents::ALL,
            event_outbox::ALL,
            events::ALL,
            fence::ALL,
            login_failures::ALL,
            owners::ALL,
            federated_users::ALL,
            pending::ALL,
            realms::ALL,
            roles::ALL,
            sessions::ALL,
            settings::ALL,
            single_use::ALL,
            initial_access::ALL,
            logout_notices::ALL,
            user_attributes::ALL,
            users::ALL,
            workload_uses::ALL,
        ];
        let all: Vec<_> = lists
            .into_iter()
            .flatten()
            .copied()
            .chain(documents::all_statements())
            .collect();
        assert!(all.len() > 100, "{}", all.len());
        all
    }

    /// Every module with statements is in the list above.
    #[test]
    fn every_module_is_listed() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let source = std::fs::read_to_string(folder.join("lib.rs")).unwrap();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file()
                && std::fs::read_to_string(&path)
                    .unwrap()
                    .contains("\nstatements! {")
            {
                let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                assert!(source.contains(&format!("{name}::ALL")), "{name}::ALL");
            }
        }
    }

    /// Every statement of the crate is one that SQLite accepts.
    #[test]
    fn every_statement_prepares() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prepare.db");
        drop(Sqlite::open(&path).unwrap());
        let connection = rusqlite::Connection::open(&path).unwrap();
        for statement in statements() {
            if let Err(e) = connection.prepare(statement.sql) {
                panic!("{}: {e}", statement.name);
            }
        }
    }

    /// Every statement of the crate is one that PostgreSQL accepts, with types that both have.
    #[tokio::test(flavor = "multi_thread")]
    async fn every_statement_prepares_on_postgresql() {
        let Ok(url) = std::env::var("REALMKEEP_TEST_POSTGRES") else {
            eprintln!("left out: REALMKEEP_TEST_POSTGRES names no database");
            return;
        };
        let schema = format!("prepare_{}", uuid::Uuid::new_v4().simple());
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client
            .batch_execute(&format!("CREATE SCHEMA {schema}"))
            .await
            .unwrap();
        let sign = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{sign}options=-c%20search_path%3D{schema}");
        let options = PostgresOptions::new(realmkeep_representations::SecretString::new(url));
        let db = Postgres::open(&options).await.unwrap();
        let mut wrong = Vec::new();
        for statement in statements() {
            match db.describe(statement).await {
                Ok(unknown) if unknown.is_empty() => {}
                Ok(unknown) => wrong.push(format!("{}: {unknown:?}", statement.name)),
                Err(e) => wrong.push(format!("{}: {e:?}", statement.name)),
            }
        }
        client
            .batch_execute(&format!("DROP SCHEMA {schema} CASCADE"))
            .await
            .unwrap();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
