//! Writing lanes: batches that wait share a transaction, each still committed or refused by itself.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::Object;
use tokio::sync::oneshot;

use super::error::Failure;
use super::rows::{self, Outcome};
use super::{Batch, Row, Shared, Value};
use crate::StoreError;
use crate::db::Touch;
use crate::fence;

/// Batches committed in one transaction at most.
const GROUP: usize = 64;
/// Batches that may wait; a further one is refused.
const QUEUE: usize = 4096;
/// Transactions that write at the same time: few, so that batches share them under load.
const LANES: usize = 4;
/// Tries of a transaction that another was in the way of.
const ATTEMPTS: u32 = 8;
/// First pause between two tries; it doubles, and half of it is random.
const PAUSE: Duration = Duration::from_millis(2);

type Answer = Result<Vec<Vec<Row>>, StoreError>;

/// The batches that wait, and how many lanes are at work.
pub(super) struct Writer {
    lanes: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    active: usize,
    closed: bool,
}

struct Job {
    batch: Batch,
    answer: oneshot::Sender<Answer>,
}

/// How one try of a group ended.
enum Tried {
    Done(Vec<Answer>),
    /// The same, and the connection is of no use any more.
    Broken(Vec<Answer>),
    /// Nothing happened; the same again may succeed.
    Again(String),
    /// The same, and the connection is of no use any more.
    Reconnect(String),
    /// Nothing happened; the batches have to be kept apart.
    Apart,
    /// The same for all.
    Failed(StoreError),
}

impl Writer {
    /// `connections` of the pool; reads keep at least half of them.
    pub(super) fn new(connections: usize) -> Self {
        Self {
            lanes: LANES.min(connections / 2).max(1),
            state: Mutex::default(),
        }
    }

    pub(super) fn close(&self) {
        self.state().closed = true;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Queues the batch and waits for its own commit. It is carried out even when the caller goes away
/// after it began, and not at all when the caller went away before.
pub(super) async fn commit(shared: &Arc<Shared>, batch: Batch) -> Answer {
    let (answer, result) = oneshot::channel();
    {
        let mut state = shared.writer.state();
        if state.closed {
            return Err(StoreError::Closed);
        }
        if state.jobs.len() >= QUEUE {
            return Err(StoreError::Unavailable("too many changes wait".into()));
        }
        state.jobs.push_back(Job { batch, answer });
        if state.active < shared.writer.lanes {
            state.active += 1;
            tokio::spawn(run_lane(Lane(shared.clone())));
        }
    }
    result.await.unwrap_or(Err(StoreError::Closed))
}

/// A lane at work; it counts as one until it is dropped.
struct Lane(Arc<Shared>);

impl Lane {
    /// The next group; None ends the lane, in one step with finding nothing to do.
    fn next(&self) -> Option<Vec<Job>> {
        let mut state = self.0.writer.state();
        let many = state.jobs.len().min(GROUP);
        (many > 0).then(|| state.jobs.drain(..many).collect())
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let mut state = self.0.writer.state();
        state.active = state.active.saturating_sub(1);
    }
}

async fn run_lane(lane: Lane) {
    loop {
        let Some(mut jobs) = lane.next() else {
            drop(lane);
            return;
        };
        jobs.retain(|job| !job.answer.is_closed());
        if jobs.is_empty() {
            continue;
        }
        // Rows that two groups share are locked in one order as far as a batch shows them.
        jobs.sort_by(|a, b| order(&a.batch).cmp(&order(&b.batch)));
        let batches: Vec<&Batch> = jobs.iter().map(|job| &job.batch).collect();
        let answers = run(&lane.0, &batches).await;
        for (job, answer) in jobs.into_iter().zip(answers) {
            let _ = job.answer.send(answer);
        }
    }
}

fn order(batch: &Batch) -> (&'static str, &str) {
    match batch.steps.first() {
        Some(step) => {
            let key = step.params.iter().find_map(|value| match value {
                Value::Text(text) => Some(text.as_str()),
                _ => None,
            });
            (step.statement.name, key.unwrap_or_default())
        }
        None => ("", ""),
    }
}

/// Commits the batches; an answer for each.
async fn run(shared: &Shared, batches: &[&Batch]) -> Vec<Answer> {
    let all = |error: &StoreError| batches.iter().map(|_| Err(error.again())).collect();
    let mut apart = false;
    let mut attempt = 0;
    let mut reason = String::new();
    while attempt < ATTEMPTS {
        let client = match shared.client().await {
            Ok(client) => client,
            Err(e) => return all(&e),
        };
        let tried = match (batches, apart) {
            ([batch], _) if is_single(batch) => single(shared, &client, batch).await,
            (_, false) => together(shared, &client, batches).await,
            (_, true) => one_by_one(shared, &client, batches).await,
        };
        match tried {
            Tried::Done(answers) => return answers,
            Tried::Broken(answers) => {
                drop(Object::take(client));
                return answers;
            }
            Tried::Apart => {
                apart = true;
                continue;
            }
            Tried::Failed(e) => {
                shared.settle(client, &e);
                // One batch keeps the error as it is.
                return match batches {
                    [_] => vec![Err(e)],
                    _ => all(&e),
                };
            }
            Tried::Again(text) => reason = text,
            Tried::Reconnect(text) => {
                drop(Object::take(client));
                reason = text;
            }
        }
        tracing::debug!(reason, attempt, "a transaction is tried again");
        tokio::time::sleep(pause(attempt)).await;
        attempt += 1;
    }
    all(&StoreError::Unavailable(format!(
        "other transactions were in the way {ATTEMPTS} times: {reason}"
    )))
}

/// Twice as long each time; the random half keeps two transactions from meeting again.
fn pause(attempt: u32) -> Duration {
    let full = PAUSE * 2_u32.saturating_pow(attempt.min(6));
    let (_, random, _, _) = uuid::Uuid::new_v4().as_fields();
    full / 2 + (full / 2) * u32::from(random) / u32::from(u16::MAX)
}

/// One statement is a transaction by itself: where its guard fails, it has changed nothing.
fn is_single(batch: &Batch) -> bool {
    batch.steps.len() == 1 && batch.touched.is_empty()
}

async fn single(shared: &Shared, client: &Object, batch: &Batch) -> Tried {
    let Some(step) = batch.steps.first() else {
        return Tried::Done(vec![Ok(Vec::new())]);
    };
    let prepared = match shared.prepare(client, step.statement).await {
        Ok(prepared) => prepared,
        Err(failed) => return unprepared(failed),
    };
    let sent = vec![rows::step(client, prepared, &step.params)];
    let outcomes = match shared.answered(sent).await {
        Ok(outcomes) => outcomes,
        Err(e) => return Tried::Failed(StoreError::Unknown(e.to_string())),
    };
    match judge(batch, outcomes.into_iter()) {
        Verdict::Good(rows) => Tried::Done(vec![Ok(rows)]),
        Verdict::Bad(e) => Tried::Done(vec![Err(e)]),
        Verdict::Again(text) => Tried::Again(text),
        Verdict::Lost(text) => Tried::Failed(StoreError::Unknown(text)),
    }
}

/// Nothing was sent that could have happened; the connection is given up, in whatever state it is.
fn unprepared(failed: rows::Failed) -> Tried {
    if failed.is_lost() {
        return Tried::Reconnect(failed.to_string());
    }
    match failed.seen() {
        e @ (StoreError::Unavailable(_) | StoreError::Unknown(_)) => Tried::Failed(e),
        e => Tried::Failed(StoreError::Unavailable(e.to_string())),
    }
}

/// What the outcomes of one batch's steps mean.
pub(super) enum Verdict {
    Good(Vec<Vec<Row>>),
    Bad(StoreError),
    Again(String),
    Lost(String),
}

/// The first step that went wrong counts; those after it ran in vain.
pub(super) fn judge(batch: &Batch, outcomes: impl Iterator<Item = Outcome>) -> Verdict {
    let mut all = Vec::with_capacity(batch.steps.len());
    for (step, outcome) in batch.steps.iter().zip(outcomes) {
        let (rows, changed) = match outcome {
            Ok(done) => done,
            Err(failed) => match failed.failure() {
                Failure::Again(text) => return Verdict::Again(text),
                Failure::Lost(text) => return Verdict::Lost(text),
                Failure::After => return Verdict::Again("a statement before it failed".into()),
                Failure::Conflict(constraint) => {
                    let text = step
                        .conflict
                        .clone()
                        .or(constraint)
                        .unwrap_or_else(|| step.statement.name.to_owned());
                    return Verdict::Bad(StoreError::Conflict(text));
                }
                Failure::Other(e) => {
                    tracing::warn!(statement = step.statement.name, error = %e, "a statement failed");
                    return Verdict::Bad(e);
                }
            },
        };
        if let Some(text) = step.guard
            && rows.is_empty()
            && changed == 0
        {
            return Verdict::Bad(StoreError::Guard(text));
        }
        all.push(rows);
    }
    Verdict::Good(all)
}

/// All batches in one pipeline, in the hope that none is refused.
async fn together(shared: &Shared, client: &Object, batches: &[&Batch]) -> Tried {
    let touched = fence::steps(batches.iter().flat_map(|batch| batch.touched.iter()));
    let mut prepared = Vec::new();
    for step in batches
        .iter()
        .flat_map(|batch| &batch.steps)
        .chain(&touched)
    {
        match shared.prepare(client, step.statement).await {
            Ok(statement) => prepared.push((statement, step.params.as_slice())),
            Err(failed) => return unprepared(failed),
        }
    }
    let mut sent = vec![rows::command(client, "BEGIN")];
    sent.extend(
        prepared
            .into_iter()
            .map(|(statement, params)| rows::step(client, statement, params)),
    );
    let mut outcomes = match shared.answered(sent).await {
        Ok(outcomes) => outcomes.into_iter(),
        Err(e) => return Tried::Failed(e),
    };
    if let Some(Err(failed)) = outcomes.next() {
        return match failed.failure() {
            Failure::Lost(text) => Tried::Reconnect(text),
            _ => Tried::Failed(StoreError::Unavailable("no transaction can begin".into())),
        };
    }
    let mut answers = Vec::with_capacity(batches.len());
    let mut good = true;
    for batch in batches {
        let mine: Vec<Outcome> = outcomes.by_ref().take(batch.steps.len()).collect();
        match judge(batch, mine.into_iter()) {
            Verdict::Good(rows) => answers.push(Ok(rows)),
            Verdict::Bad(e) => {
                let harmless = batch.steps.len() == 1 && matches!(e, StoreError::Guard(_));
                good &= harmless;
                answers.push(Err(e));
            }
            Verdict::Again(text) if good => {
                return undone(shared, client, Tried::Again(text)).await;
            }
            // It ran after one that failed.
            Verdict::Again(_) => answers.push(Err(StoreError::Closed)),
            Verdict::Lost(text) => return Tried::Reconnect(text),
        }
    }
    for outcome in outcomes {
        if let Err(failed) = outcome {
            match failed.failure() {
                Failure::Again(text) if good => {
                    return undone(shared, client, Tried::Again(text)).await;
                }
                Failure::Lost(text) => return Tried::Reconnect(text),
                Failure::Other(e) if good => {
                    return undone(shared, client, Tried::Failed(e)).await;
                }
                _ => good = false,
            }
        }
    }
    if good {
        return end(shared, client, answers).await;
    }
    let tried = match batches {
        [_] => Tried::Done(answers),
        _ => Tried::Apart,
    };
    undone(shared, client, tried).await
}

/// Each batch behind a savepoint of its own: one round trip each, and one commit.
async fn one_by_one(shared: &Shared, client: &Object, batches: &[&Batch]) -> Tried {
    let mut answers = Vec::with_capacity(batches.len());
    let mut touched: Vec<&Touch> = Vec::new();
    let mut before = "BEGIN; SAVEPOINT batch";
    // A transaction that failed prepares nothing, so all is prepared before it begins.
    let mut prepared = Vec::new();
    for step in batches.iter().flat_map(|batch| &batch.steps) {
        match shared.prepare(client, step.statement).await {
            Ok(statement) => prepared.push(statement),
            Err(failed) => return unprepared(failed),
        }
    }
    let mut prepared = prepared.into_iter();
    for batch in batches {
        let mut sent = vec![rows::command(client, before)];
        sent.extend(
            batch
                .steps
                .iter()
                .zip(prepared.by_ref())
                .map(|(step, statement)| rows::step(client, statement, &step.params)),
        );
        let mut outcomes = match shared.answered(sent).await {
            Ok(outcomes) => outcomes.into_iter(),
            Err(e) => return Tried::Failed(e),
        };
        if let Some(Err(failed)) = outcomes.next() {
            return Tried::Reconnect(failed.seen().to_string());
        }
        match judge(batch, outcomes) {
            Verdict::Good(rows) => {
                touched.extend(&batch.touched);
                answers.push(Ok(rows));
                before = "RELEASE SAVEPOINT batch; SAVEPOINT batch";
            }
            Verdict::Bad(e) => {
                answers.push(Err(e));
                before = "ROLLBACK TO SAVEPOINT batch; SAVEPOINT batch";
            }
            Verdict::Again(text) => return undone(shared, client, Tried::Again(text)).await,
            Verdict::Lost(text) => return Tried::Reconnect(text),
        }
    }
    // The last batch's end; what follows it is about all of them.
    let last = match before {
        "ROLLBACK TO SAVEPOINT batch; SAVEPOINT batch" => "ROLLBACK TO SAVEPOINT batch",
        _ => "RELEASE SAVEPOINT batch",
    };
    let steps = fence::steps(touched.into_iter());
    let mut sent = vec![rows::command(client, last)];
    if !steps.is_empty() {
        match shared.answered(std::mem::take(&mut sent)).await {
            Ok(outcomes) if outcomes.iter().all(Result::is_ok) => {}
            Ok(_) => return Tried::Reconnect("a savepoint failed".into()),
            Err(e) => return Tried::Failed(e),
        }
    }
    let mut prepared = Vec::new();
    for step in &steps {
        match shared.prepare(client, step.statement).await {
            Ok(statement) => prepared.push((statement, step.params.as_slice())),
            Err(failed) => return unprepared(failed),
        }
    }
    sent.extend(
        prepared
            .into_iter()
            .map(|(statement, params)| rows::step(client, statement, params)),
    );
    match shared.answered(sent).await {
        Ok(outcomes) => {
            for outcome in outcomes {
                if let Err(failed) = outcome {
                    let tried = match failed.failure() {
                        Failure::Other(e) => Tried::Failed(e),
                        Failure::Again(text) | Failure::Lost(text) => Tried::Again(text),
                        _ => Tried::Again("the changes could not be announced".into()),
                    };
                    return undone(shared, client, tried).await;
                }
            }
        }
        Err(e) => return Tried::Failed(e),
    }
    end(shared, client, answers).await
}

/// Commits; only here the outcome can be unknown.
async fn end(shared: &Shared, client: &Object, answers: Vec<Answer>) -> Tried {
    match shared.answered(vec![rows::command(client, "COMMIT")]).await {
        Ok(outcomes) => match outcomes.into_iter().next() {
            Some(Err(failed)) => match failed.failure() {
                Failure::Again(text) => Tried::Again(text),
                Failure::Lost(text) => Tried::Failed(StoreError::Unknown(text)),
                Failure::Other(e) => Tried::Failed(StoreError::NotStored(e.to_string())),
                _ => Tried::Failed(StoreError::NotStored("the commit failed".into())),
            },
            _ => Tried::Done(answers),
        },
        Err(e) => Tried::Failed(StoreError::Unknown(e.to_string())),
    }
}

/// Takes the transaction back, and says `tried`.
async fn undone(shared: &Shared, client: &Object, tried: Tried) -> Tried {
    match shared
        .answered(vec![rows::command(client, "ROLLBACK")])
        .await
    {
        Ok(outcomes) if outcomes.iter().all(Result::is_ok) => tried,
        // The connection is of no use; whatever happened, it was not committed.
        _ => match tried {
            Tried::Done(answers) => Tried::Broken(answers),
            _ => Tried::Reconnect("the connection ended".into()),
        },
    }
}
