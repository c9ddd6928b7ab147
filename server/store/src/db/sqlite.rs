//! SQLite: reads run inline on a small pool of connections; one writer thread commits in groups.
//!
//! A read takes about ten microseconds, less than a hop to another thread; a durable commit takes a
//! disk flush, so batches that arrive while one is under way share the next one.

pub(super) mod transaction;

use std::path::Path;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql};
use tokio::sync::oneshot;

use super::{Batch, Row, Statement, Value};
use crate::{StoreError, fence, migrations};
use transaction::Asked;

/// Batches committed in one transaction at most.
const GROUP: usize = 256;
/// Batches that may wait; a further one waits for a place.
const QUEUE: usize = 4096;
/// Prepared statements kept per connection.
const STATEMENTS: usize = 256;

pub struct Sqlite {
    readers: Mutex<Vec<Connection>>,
    path: std::path::PathBuf,
    writer: Mutex<Option<Writer>>,
}

struct Writer {
    jobs: mpsc::SyncSender<Work>,
    thread: JoinHandle<()>,
}

struct Job {
    batch: Batch,
    answer: oneshot::Sender<Result<Vec<Vec<Row>>, StoreError>>,
}

/// What the writer does next.
enum Work {
    Batch(Job),
    Transaction(Asked),
}

impl Sqlite {
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = connect(path, OpenFlags::default())?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
        migrations::run(&mut connection)?;
        let (jobs, queue) = mpsc::sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || write_loop(&mut connection, &queue))
            .map_err(|e| StoreError::corrupt("the writer thread", e))?;
        Ok(Self {
            readers: Mutex::new(Vec::new()),
            path: path.to_owned(),
            writer: Mutex::new(Some(Writer { jobs, thread })),
        })
    }

    pub fn query(&self, statement: &Statement, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let pooled = self
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let connection = match pooled {
            Some(c) => c,
            None => {
                let c = connect(&self.path, OpenFlags::default())?;
                c.execute_batch("PRAGMA query_only = ON;")?;
                c
            }
        };
        let rows = run(&connection, statement, params).map(|(rows, _)| rows);
        self.readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
        Ok(rows?)
    }

    pub async fn commit(&self, batch: Batch) -> Result<Vec<Vec<Row>>, StoreError> {
        let (answer, result) = oneshot::channel();
        self.queue(Work::Batch(Job { batch, answer })).await?;
        result.await.map_err(|_| StoreError::Closed)?
    }

    async fn queue(&self, work: Work) -> Result<(), StoreError> {
        let jobs = match &*self.writer.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(writer) => writer.jobs.clone(),
            None => return Err(StoreError::Closed),
        };
        match jobs.try_send(work) {
            Ok(()) => Ok(()),
            Err(mpsc::TrySendError::Disconnected(_)) => Err(StoreError::Closed),
            Err(mpsc::TrySendError::Full(work)) => {
                // Rare: wait for a place off the runtime's threads.
                tokio::task::spawn_blocking(move || jobs.send(work))
                    .await
                    .map_err(|_| StoreError::Closed)?
                    .map_err(|_| StoreError::Closed)
            }
        }
    }

    pub fn close(&self) {
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(Writer { jobs, thread }) = writer {
            drop(jobs);
            let _ = thread.join();
        }
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.close();
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    // Temporary data (statement journals) in memory: a container's root file system is read-only.
    connection.execute_batch(
        "PRAGMA foreign_keys = ON; PRAGMA cache_size = -2048; PRAGMA temp_store = MEMORY;",
    )?;
    Ok(connection)
}

fn write_loop(connection: &mut Connection, queue: &mpsc::Receiver<Work>) {
    let mut next = queue.recv().ok();
    while let Some(work) = next.take() {
        let mut jobs = match work {
            Work::Batch(job) => vec![job],
            Work::Transaction(asked) => {
                transaction::run(connection, asked);
                next = queue.recv().ok();
                continue;
            }
        };
        while jobs.len() < GROUP {
            match queue.try_recv() {
                Ok(Work::Batch(job)) => jobs.push(job),
                Ok(transaction) => {
                    next = Some(transaction);
                    break;
                }
                Err(_) => break,
            }
        }
        let (results, commit) = run_group(connection, &jobs);
        for (job, result) in jobs.into_iter().zip(results) {
            let result = match &commit {
                Ok(()) => result,
                // One failed flush fails every batch of the group: none of them is durable.
                Err(cause) => Err(StoreError::NotStored(cause.clone())),
            };
            let _ = job.answer.send(result);
        }
        if next.is_none() {
            next = queue.recv().ok();
        }
    }
    let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);");
}

type Answer = Result<Vec<Vec<Row>>, StoreError>;

fn run_group(connection: &mut Connection, jobs: &[Job]) -> (Vec<Answer>, Result<(), String>) {
    let mut results = Vec::with_capacity(jobs.len());
    if let Err(e) = connection.execute_batch("BEGIN IMMEDIATE") {
        return (
            jobs.iter().map(|_| Err(StoreError::Closed)).collect(),
            Err(e.to_string()),
        );
    }
    for job in jobs {
        let result = run_batch(connection, &job.batch);
        // A full disk, or another failure of input or output, ends the whole transaction: what
        // came before it is gone, and a later batch would run outside of any.
        if connection.is_autocommit() {
            let cause = result.err().map_or_else(
                || "the transaction ended".to_owned(),
                |e| match e {
                    StoreError::Database(e) => e.to_string(),
                    other => other.to_string(),
                },
            );
            let lost = jobs.iter().map(|_| Err(StoreError::Closed)).collect();
            return (lost, Err(cause));
        }
        results.push(result);
    }
    let touched = jobs
        .iter()
        .zip(&results)
        .filter(|(_, result)| result.is_ok())
        .flat_map(|(job, _)| &job.batch.touched);
    let commit = note(connection, touched).and_then(|()| connection.execute_batch("COMMIT"));
    let commit = commit.map_err(|e| {
        let _ = connection.execute_batch("ROLLBACK");
        e.to_string()
    });
    (results, commit)
}

/// Writes down what the transaction touches, for change feeds.
fn note<'a>(
    connection: &Connection,
    touched: impl Iterator<Item = &'a super::Touch>,
) -> rusqlite::Result<()> {
    for step in fence::steps(touched) {
        run(connection, step.statement, &step.params)?;
    }
    Ok(())
}

fn run_batch(connection: &Connection, batch: &Batch) -> Answer {
    connection.execute_batch("SAVEPOINT batch")?;
    let result = run_steps(connection, batch);
    let end = if result.is_ok() {
        "RELEASE batch"
    } else {
        "ROLLBACK TO batch; RELEASE batch"
    };
    let ended = connection.execute_batch(end);
    let rows = result?;
    ended?;
    Ok(rows)
}

fn run_steps(connection: &Connection, batch: &Batch) -> Answer {
    let mut all = Vec::with_capacity(batch.steps.len());
    for step in &batch.steps {
        let (rows, changed) = match run(connection, step.statement, &step.params) {
            Ok(done) => done,
            Err(rusqlite::Error::SqliteFailure(e, detail))
                if e.code == ErrorCode::ConstraintViolation =>
            {
                let text = step
                    .conflict
                    .clone()
                    .or(detail)
                    .unwrap_or_else(|| step.statement.name.to_owned());
                return Err(StoreError::Conflict(text));
            }
            Err(e) => return Err(e.into()),
        };
        if let Some(text) = step.guard
            && rows.is_empty()
            && changed == 0
        {
            return Err(StoreError::Guard(text));
        }
        all.push(rows);
    }
    Ok(all)
}

/// Rows that the statement returned, and how many it changed when it returns none.
fn run(
    connection: &Connection,
    statement: &Statement,
    params: &[Value],
) -> rusqlite::Result<(Vec<Row>, usize)> {
    let mut prepared = connection.prepare_cached(statement.sql)?;
    let columns = prepared.column_count();
    let params = rusqlite::params_from_iter(params);
    if columns == 0 {
        return prepared
            .execute(params)
            .map(|changed| (Vec::new(), changed));
    }
    let mut rows = prepared.query(params)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let mut values = Vec::with_capacity(columns);
        for i in 0..columns {
            values.push(match row.get_ref(i)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(i) => Value::Int(i),
                ValueRef::Text(t) => Value::Text(String::from_utf8_lossy(t).into_owned()),
                other => {
                    return Err(rusqlite::Error::InvalidColumnType(
                        i,
                        statement.name.into(),
                        other.data_type(),
                    ));
                }
            });
        }
        all.push(Row(values));
    }
    Ok((all, 0))
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(i) => ValueRef::Integer(*i),
            Self::Text(t) => ValueRef::Text(t.as_bytes()),
        }))
    }
}
