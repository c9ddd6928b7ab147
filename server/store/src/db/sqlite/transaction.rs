//! A transaction of several steps: the writer thread carries it out and nothing else meanwhile.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{Answer, Sqlite, Work, note, run_batch};
use crate::StoreError;
use crate::db::{Batch, Row, Statement, Touch, Value};

/// Longest pause between two steps: other writers wait.
const IDLE: Duration = Duration::from_secs(10);

/// A transaction that waits for the writer.
pub(super) struct Asked {
    begun: oneshot::Sender<Result<(), StoreError>>,
    steps: mpsc::Receiver<Step>,
    longest: Duration,
}

enum Step {
    Query(
        &'static Statement,
        Vec<Value>,
        oneshot::Sender<Result<Vec<Row>, StoreError>>,
    ),
    Apply(Batch, oneshot::Sender<Answer>),
    /// Commits, and notes what was touched.
    Commit(Vec<Touch>, oneshot::Sender<Result<(), StoreError>>),
}

/// The other end of a transaction that the writer is in; rolled back when it is dropped.
pub(crate) struct SqliteTransaction {
    steps: mpsc::Sender<Step>,
}

impl Sqlite {
    /// Waits for the writer, and has it to itself for at most `longest`.
    pub(crate) async fn begin(&self, longest: Duration) -> Result<SqliteTransaction, StoreError> {
        let (begun, answer) = oneshot::channel();
        let (sender, steps) = mpsc::channel();
        let asked = Asked {
            begun,
            steps,
            longest,
        };
        self.queue(Work::Transaction(asked)).await?;
        answer.await.map_err(|_| StoreError::Closed)??;
        Ok(SqliteTransaction { steps: sender })
    }
}

impl SqliteTransaction {
    pub(crate) async fn query(
        &self,
        statement: &'static Statement,
        params: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        let (answer, result) = oneshot::channel();
        self.send(Step::Query(statement, params.to_vec(), answer))?;
        result.await.map_err(|_| over())?
    }

    pub(crate) async fn apply(&self, batch: Batch) -> Answer {
        let (answer, result) = oneshot::channel();
        self.send(Step::Apply(batch, answer))?;
        result.await.map_err(|_| over())?
    }

    pub(crate) async fn commit(self, touched: Vec<Touch>) -> Result<(), StoreError> {
        let (answer, result) = oneshot::channel();
        self.send(Step::Commit(touched, answer))?;
        result.await.map_err(|_| over())?
    }

    fn send(&self, step: Step) -> Result<(), StoreError> {
        self.steps.send(step).map_err(|_| over())
    }
}

fn over() -> StoreError {
    StoreError::Unavailable("the transaction took too long and was taken back".into())
}

/// Carries the transaction out, to its commit or until nobody wants it any more.
pub(super) fn run(connection: &Connection, asked: Asked) {
    if asked.begun.is_closed() {
        return;
    }
    let begun = connection.execute_batch("BEGIN IMMEDIATE");
    let failed = begun.is_err();
    // Nobody listening shows at the first step.
    let _ = asked.begun.send(begun.map_err(StoreError::from));
    if failed {
        return;
    }
    let end = Instant::now() + asked.longest;
    loop {
        let patience = end.saturating_duration_since(Instant::now()).min(IDLE);
        match asked.steps.recv_timeout(patience) {
            Ok(Step::Query(statement, params, answer)) => {
                let rows = super::run(connection, statement, &params);
                let _ = answer.send(rows.map(|(rows, _)| rows).map_err(StoreError::from));
            }
            Ok(Step::Apply(batch, answer)) => {
                let done = run_batch(connection, &batch);
                // A full disk ends the whole transaction.
                if connection.is_autocommit() {
                    let cause = done.err().map_or_else(String::new, |e| e.to_string());
                    let _ = answer.send(Err(StoreError::NotStored(cause)));
                    return;
                }
                let _ = answer.send(done);
            }
            Ok(Step::Commit(touched, answer)) => {
                let done = note(connection, touched.iter())
                    .and_then(|()| connection.execute_batch("COMMIT"))
                    .map_err(|e| StoreError::NotStored(e.to_string()));
                if done.is_err() {
                    let _ = connection.execute_batch("ROLLBACK");
                }
                let _ = answer.send(done);
                return;
            }
            Err(_) => break,
        }
    }
    let _ = connection.execute_batch("ROLLBACK");
}
