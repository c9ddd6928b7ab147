//! A transaction of several steps on a connection of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::Object;
use tokio::sync::OwnedSemaphorePermit;

use super::group::{Verdict, judge};
use super::{Postgres, Shared, rows, silent};
use crate::db::{Batch, Row, Statement, Touch, Value};
use crate::{StoreError, fence};

/// Open until it is committed; taken back, with its connection, when it is dropped before.
pub(crate) struct PostgresTransaction {
    shared: Arc<Shared>,
    client: Option<Object>,
    end: Instant,
    /// Another transaction was in the way: nothing is stored, and the same again may succeed.
    interfered: bool,
    _alone: OwnedSemaphorePermit,
}

impl Postgres {
    /// Begins a transaction that no change of configuration comes between: it holds the lock that
    /// orders them. It lasts for at most `longest`.
    pub(crate) async fn begin(&self, longest: Duration) -> Result<PostgresTransaction, StoreError> {
        let shared = self.shared.clone();
        let alone = tokio::time::timeout(shared.patience, shared.open.clone().acquire_owned());
        let alone = alone
            .await
            .map_err(|_| StoreError::Unavailable("too many transactions wait".into()))?
            .map_err(|_| StoreError::Closed)?;
        let client = shared.client().await?;
        let mut transaction = PostgresTransaction {
            shared,
            client: Some(client),
            end: Instant::now() + longest,
            interfered: false,
            _alone: alone,
        };
        transaction.command("BEGIN").await?;
        let mut lock = Batch::new();
        lock.push(crate::Store::write_probe());
        transaction.apply(&lock).await?;
        Ok(transaction)
    }
}

impl PostgresTransaction {
    pub(crate) async fn query(
        &mut self,
        statement: &'static Statement,
        params: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        let client = self.client()?;
        match self.shared.read(client, statement, params).await {
            Ok(rows) => Ok(rows),
            Err(failed) => {
                let e = failed.seen();
                self.give_up();
                Err(e)
            }
        }
    }

    /// The batch's steps, all of them or none.
    pub(crate) async fn apply(&mut self, batch: &Batch) -> Result<Vec<Vec<Row>>, StoreError> {
        let client = self.client()?;
        let mut prepared = Vec::with_capacity(batch.steps.len());
        for step in &batch.steps {
            match self.shared.prepare(client, step.statement).await {
                Ok(statement) => prepared.push(statement),
                Err(failed) => {
                    let e = failed.seen();
                    self.give_up();
                    return Err(e);
                }
            }
        }
        let mut sent = vec![rows::command(client, "SAVEPOINT batch")];
        sent.extend(
            prepared
                .into_iter()
                .zip(&batch.steps)
                .map(|(statement, step)| rows::step(client, statement, &step.params)),
        );
        let verdict = match self.shared.answered(sent).await {
            Ok(outcomes) => judge(batch, outcomes.into_iter().skip(1)),
            Err(e) => {
                self.give_up();
                return Err(e);
            }
        };
        match verdict {
            Verdict::Good(rows) => {
                self.command("RELEASE SAVEPOINT batch").await?;
                Ok(rows)
            }
            Verdict::Bad(e) => {
                self.command("ROLLBACK TO SAVEPOINT batch; RELEASE SAVEPOINT batch")
                    .await?;
                Err(e)
            }
            Verdict::Again(text) => {
                self.interfered = true;
                self.give_up();
                Err(StoreError::Unavailable(format!(
                    "another transaction was in the way: {text}"
                )))
            }
            Verdict::Lost(text) => {
                self.give_up();
                Err(StoreError::Unavailable(text))
            }
        }
    }

    pub(crate) async fn commit(mut self, touched: Vec<Touch>) -> Result<(), StoreError> {
        let mut notes = Batch::new();
        for step in fence::steps(touched.iter()) {
            notes.push(step);
        }
        self.apply(&notes).await?;
        let client = self.client()?;
        let sent = vec![rows::command(client, "COMMIT")];
        let outcome = self.shared.answered(sent).await;
        match outcome.map(|outcomes| outcomes.into_iter().next()) {
            Ok(Some(Ok(_))) => {
                // Given back to the pool.
                self.client = None;
                Ok(())
            }
            Ok(Some(Err(failed))) => Err(match failed.is_lost() {
                true => StoreError::Unknown(failed.to_string()),
                false => StoreError::NotStored(failed.to_string()),
            }),
            Ok(None) => Err(StoreError::Unknown("no answer to the commit".into())),
            Err(e) => Err(StoreError::Unknown(e.to_string())),
        }
    }

    pub(crate) async fn rollback(mut self) {
        if self.command("ROLLBACK").await.is_ok() {
            self.client = None;
        }
    }

    pub(crate) fn interfered(&self) -> bool {
        self.interfered
    }

    fn client(&self) -> Result<&Object, StoreError> {
        match &self.client {
            Some(client) if Instant::now() < self.end => Ok(client),
            _ => Err(StoreError::Unavailable(
                "the transaction took too long or failed, and was taken back".into(),
            )),
        }
    }

    async fn command(&mut self, sql: &'static str) -> Result<(), StoreError> {
        let client = self.client()?;
        let outcomes = self.shared.answered(vec![rows::command(client, sql)]).await;
        match outcomes.map(|outcomes| outcomes.into_iter().next()) {
            Ok(Some(Ok(_))) => Ok(()),
            Ok(Some(Err(failed))) => {
                let e = failed.seen();
                self.give_up();
                Err(e)
            }
            Ok(None) => Err(silent()),
            Err(e) => {
                self.give_up();
                Err(e)
            }
        }
    }

    /// Ends the connection, and with it the transaction.
    fn give_up(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

impl Drop for PostgresTransaction {
    fn drop(&mut self) {
        self.give_up();
    }
}
