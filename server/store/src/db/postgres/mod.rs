//! PostgreSQL: reads take a connection of a bounded pool; writes are grouped.
//!
//! A batch of one statement is its own transaction and costs one round trip. Others go as a whole in
//! one pipeline, and a second round trip commits. While all writing lanes are busy, batches queue up
//! and share the next commit, so that a busy server commits less often and an idle one never waits.

mod connect;
mod error;
mod group;
mod migrate;
mod rows;
mod transaction;
mod translate;

pub use connect::{PostgresOptions, masked};
pub(super) use transaction::PostgresTransaction;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime,
};

use super::{Batch, Row, Statement, Value};
use crate::StoreError;
use connect::Connector;
use group::Writer;
use rows::{Failed, Sent};
use translate::Translated;

/// Requests that may wait for a connection; a further one is told to come back.
const WAITING: usize = 1024;
/// Beyond the statement timeout, what an answer may take before the connection is given up.
const GRACE: Duration = Duration::from_secs(2);

/// The database; cheap to clone.
#[derive(Clone)]
pub struct Postgres {
    shared: Arc<Shared>,
}

struct Shared {
    pool: Pool,
    writer: Writer,
    /// One transaction at a time is open for several steps: they order each other by a lock anyway, and
    /// must not take the connections while they wait.
    open: Arc<tokio::sync::Semaphore>,
    acquire_timeout: Duration,
    patience: Duration,
    /// By the statement's own text, which lives as long as the program.
    translated: RwLock<HashMap<&'static str, Arc<Translated>>>,
}

impl Postgres {
    /// Connects, and brings the schema up to date or finds that it is.
    ///
    /// # Errors
    /// When the address is wrong, the database is away, or its schema is of another version.
    pub async fn open(options: &PostgresOptions) -> Result<Self, StoreError> {
        let connector = Connector::new(options)?;
        migrate::run(&connector, options.migrate).await?;
        let config = connector.config().clone();
        let manager = Manager::from_connect(
            config,
            connector,
            ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            },
        );
        let connections = options.connections.max(2);
        let pool = Pool::builder(manager)
            .max_size(connections)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|e| StoreError::Address(e.to_string()))?;
        Ok(Self {
            shared: Arc::new(Shared {
                pool,
                writer: Writer::new(connections),
                open: Arc::new(tokio::sync::Semaphore::new(1)),
                acquire_timeout: options.acquire_timeout,
                patience: options.statement_timeout + GRACE,
                translated: RwLock::default(),
            }),
        })
    }

    /// Runs one reading statement. A connection that turns out to be dead is replaced once: a read
    /// does no harm twice.
    pub async fn query(
        &self,
        statement: &Statement,
        params: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        let shared = &self.shared;
        for last in [false, true] {
            let client = shared.client().await?;
            match shared.read(&client, statement, params).await {
                Ok(rows) => return Ok(rows),
                Err(failed) if failed.is_lost() && !last => {
                    drop(Object::take(client));
                }
                Err(failed) => {
                    let e = failed.seen();
                    shared.settle(client, &e);
                    return Err(e);
                }
            }
        }
        Err(StoreError::Unavailable("the connection ended".into()))
    }

    pub async fn commit(&self, batch: Batch) -> Result<Vec<Vec<Row>>, StoreError> {
        group::commit(&self.shared, batch).await
    }

    /// Lets no more in; what is queued is finished.
    pub fn close(&self) {
        self.shared.writer.close();
        self.shared.pool.close();
    }

    /// Parameter and column types of the statement, for the test of the SQL subset.
    #[cfg(test)]
    pub(crate) async fn describe(&self, statement: &Statement) -> Result<Vec<String>, StoreError> {
        let client = self.shared.client().await?;
        let prepared = self
            .shared
            .prepare(&client, statement)
            .await
            .map_err(Failed::seen)?;
        Ok(prepared
            .statement
            .columns()
            .iter()
            .map(|column| column.type_())
            .chain(prepared.statement.params())
            .filter(|kind| !rows::is_known(kind))
            .map(ToString::to_string)
            .collect())
    }
}

/// A statement as one connection knows it.
struct Prepared {
    statement: tokio_postgres::Statement,
    translated: Arc<Translated>,
}

impl Shared {
    /// A connection of the pool, in time.
    async fn client(&self) -> Result<Object, StoreError> {
        let status = self.pool.status();
        if status.waiting >= WAITING {
            return Err(StoreError::Unavailable(
                "too many requests wait for a connection".into(),
            ));
        }
        match tokio::time::timeout(self.acquire_timeout, self.pool.get()).await {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(PoolError::Closed)) => Err(StoreError::Closed),
            Ok(Err(PoolError::Backend(e))) => Err(StoreError::Unavailable(error::text(&e))),
            Ok(Err(e)) => Err(StoreError::Unavailable(e.to_string())),
            Err(_) => Err(StoreError::Unavailable(format!(
                "no connection within {} ms ({} of {} are in use)",
                self.acquire_timeout.as_millis(),
                status.size.saturating_sub(status.available),
                status.max_size
            ))),
        }
    }

    async fn read(
        &self,
        client: &Object,
        statement: &Statement,
        params: &[Value],
    ) -> Result<Vec<Row>, Failed> {
        let work = async {
            let prepared = self.prepare(client, statement).await?;
            rows::run(client, prepared, params).await
        };
        match tokio::time::timeout(self.patience, work).await {
            Ok(done) => done.map(|(rows, _)| rows),
            Err(_) => Err(Failed::Ours(silent())),
        }
    }

    /// The statement, prepared at most once a connection.
    async fn prepare(&self, client: &Object, statement: &Statement) -> Result<Prepared, Failed> {
        let known = self
            .translated
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(statement.sql)
            .cloned();
        let translated = known.unwrap_or_else(|| {
            let new = Arc::new(translate::statement(statement.sql));
            self.translated
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(statement.sql, new.clone());
            new
        });
        let prepared = client.prepare_cached(&translated.sql);
        match tokio::time::timeout(self.patience, prepared).await {
            Ok(Ok(statement)) => Ok(Prepared {
                statement,
                translated,
            }),
            Ok(Err(e)) => {
                let failed = Failed::Database(e);
                if !failed.is_lost() {
                    tracing::error!(statement = statement.name, error = %failed, "a statement was refused");
                }
                Err(failed)
            }
            Err(_) => Err(Failed::Ours(silent())),
        }
    }

    /// Gives the connection back, or ends it where it may not be used again.
    fn settle(&self, client: Object, error: &StoreError) {
        if matches!(error, StoreError::Unavailable(_) | StoreError::Unknown(_)) {
            drop(Object::take(client));
        }
    }

    /// What was sent, answered within the patience.
    async fn answered(&self, sent: Vec<Sent<'_>>) -> Result<Vec<rows::Outcome>, StoreError> {
        tokio::time::timeout(self.patience, rows::in_order(sent))
            .await
            .map_err(|_| silent())
    }
}

fn silent() -> StoreError {
    StoreError::Unavailable("it does not answer".into())
}
