//! What other servers on the same database changed, known before a request reads a cache.
//!
//! Every batch that touches configuration counts up one row and notes what it touched, in its own
//! transaction. A request first learns how far that row has come, and so never works with a client,
//! user or realm that was changed before the request began. Requests that arrive together share one
//! such question.

use std::sync::Weak;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::db::{Row, Step, Touch, Value, statements};
use crate::{Inner, Store, StoreError};

statements! {
    COUNT_UP = "UPDATE change_position SET seq = seq + ?1 WHERE id = 1";
    NOTE = "INSERT INTO change_log (seq, kind, realm_id, name) SELECT seq - ?1, ?2, ?3, ?4 FROM change_position WHERE id = 1";
    SINCE = "SELECT p.seq, l.seq, l.kind, l.realm_id, l.name FROM change_position p LEFT JOIN change_log l ON l.seq > ?1 AND l.seq <= p.seq WHERE p.id = 1 ORDER BY l.seq LIMIT ?2";
    TRIM = "DELETE FROM change_log WHERE seq <= (SELECT seq - ?1 FROM change_position WHERE id = 1)";
    WRITE = "UPDATE change_position SET seq = seq WHERE id = 1";
}

/// Requests that may wait for an answer; a further one is told to come back.
const WAITING: usize = 4096;
/// Changes read at once; a server that missed more forgets everything.
const MOST: i64 = 1_000;
/// Changes kept; a server that was away for longer forgets everything.
pub(crate) const KEPT: i64 = 10_000;
/// Without requests, time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// Objects noted by name in one transaction; beyond it, their realms.
pub(crate) const NAMED: usize = 64;

type Waiter = oneshot::Sender<Result<(), StoreError>>;

/// Asks for all requests of this server.
pub(crate) struct Fence {
    waiters: mpsc::Sender<Waiter>,
}

/// The steps that tell other servers what a transaction touches; none for no touch. They go last:
/// the row that they count up is locked until the commit.
pub(crate) fn steps<'a>(touched: impl Iterator<Item = &'a Touch>) -> Vec<Step> {
    let mut all: Vec<Touch> = Vec::new();
    for touch in touched {
        if !all.contains(touch) {
            all.push(touch.clone());
        }
    }
    if all.len() > NAMED {
        all = realms(&all);
    }
    let notes: Vec<[Value; 3]> = all.iter().map(note).collect();
    let Ok(count) = i64::try_from(notes.len()) else {
        return Vec::new();
    };
    if count == 0 {
        return Vec::new();
    }
    let mut steps = vec![Step::new(&COUNT_UP, vec![count.into()])];
    for (back, [kind, realm, name]) in (0..count).zip(notes) {
        steps.push(Step::new(&NOTE, vec![back.into(), kind, realm, name]));
    }
    steps
}

/// The realms of what was touched, each once.
pub(crate) fn realms(touched: &[Touch]) -> Vec<Touch> {
    let mut realms = Vec::new();
    for touch in touched {
        let realm = Touch::Realm(touch.realm().to_owned());
        if !realms.contains(&realm) {
            realms.push(realm);
        }
    }
    realms
}

fn note(touch: &Touch) -> [Value; 3] {
    match touch {
        Touch::Realm(id) => ["realm".into(), id.as_str().into(), "".into()],
        Touch::Client(realm, id) => ["client".into(), realm.as_str().into(), id.as_str().into()],
        Touch::User(realm, id) => ["user".into(), realm.as_str().into(), id.as_str().into()],
    }
}

impl Fence {
    /// Its task ends when the store is dropped.
    pub(crate) fn start(make: impl FnOnce(Self) -> std::sync::Arc<Inner>) -> std::sync::Arc<Inner> {
        let (waiters, queue) = mpsc::channel(WAITING);
        let inner = make(Self { waiters });
        tokio::spawn(run(std::sync::Arc::downgrade(&inner), queue));
        inner
    }

    /// Returns when the caches hold nothing older than this call.
    pub(crate) async fn pass(&self) -> Result<(), StoreError> {
        let (waiter, answer) = oneshot::channel();
        match self.waiters.try_send(waiter) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                return Err(StoreError::Unavailable("too many requests wait".into()));
            }
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(StoreError::Closed),
        }
        answer.await.unwrap_or(Err(StoreError::Closed))
    }
}

async fn run(inner: Weak<Inner>, mut queue: mpsc::Receiver<Waiter>) {
    let mut known = None;
    loop {
        let mut waiters = Vec::new();
        match tokio::time::timeout(INTERVAL, queue.recv()).await {
            Ok(Some(waiter)) => waiters.push(waiter),
            Ok(None) => return,
            Err(_) => {}
        }
        while let Ok(waiter) = queue.try_recv() {
            waiters.push(waiter);
        }
        let Some(inner) = inner.upgrade() else {
            return;
        };
        let looked = look(&Store { inner }, &mut known).await;
        for waiter in waiters {
            let _ = waiter.send(looked.as_ref().map(|_| ()).map_err(StoreError::again));
        }
    }
}

/// Forgets what was changed since `known`.
async fn look(store: &Store, known: &mut Option<i64>) -> Result<(), StoreError> {
    let from = known.unwrap_or(i64::MAX);
    let rows = store
        .query(&SINCE, &[from.into(), (MOST + 1).into()])
        .await?;
    let position = rows
        .first()
        .ok_or_else(|| StoreError::corrupt("change_position", "its row is missing"))?
        .int(0)?;
    let behind = match *known {
        Some(seen) if seen == position => return Ok(()),
        Some(seen) => position - seen,
        None => -1,
    };
    let touched: Vec<Touch> = rows.iter().filter_map(touch).collect();
    // The position goes back where a database lost its latest transactions.
    let complete = behind > 0 && i64::try_from(touched.len()) == Ok(behind);
    if complete {
        store.caches().forget(&touched);
    } else {
        store.caches().forget_all();
    }
    *known = Some(position);
    store.announce_change();
    Ok(())
}

fn touch(row: &Row) -> Option<Touch> {
    let realm = row.text(3).ok()?.to_owned();
    let name = row.text(4).ok()?.to_owned();
    match row.text(2).ok()? {
        "realm" => Some(Touch::Realm(realm)),
        "client" => Some(Touch::Client(realm, name)),
        "user" => Some(Touch::User(realm, name)),
        _ => None,
    }
}

impl Store {
    /// The step that drops what servers have long read.
    pub fn trim_changes() -> Step {
        Step::new(&TRIM, vec![KEPT.into()])
    }

    /// The step that proves that the database can be written to, and changes nothing.
    pub(crate) fn write_probe() -> Step {
        Step::new(&WRITE, Vec::new()).or_fail("the database has no change_position")
    }
}
