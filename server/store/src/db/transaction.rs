//! An open transaction as a database: what is written in it is seen in it, and nowhere else.

use std::time::Duration;

use tokio::sync::Mutex;

use super::postgres::PostgresTransaction;
use super::sqlite::transaction::SqliteTransaction;
use super::{Batch, Db, Row, Statement, Touch, Value};
use crate::{Begin, Store, StoreError, fence};

pub(crate) struct OpenTransaction {
    /// Reads go there until the transaction begins.
    parent: Store,
    longest: Duration,
    state: Mutex<State>,
}

struct State {
    engine: Engine,
    touched: Vec<Touch>,
    interfered: bool,
}

enum Engine {
    Waits,
    Sqlite(SqliteTransaction),
    Postgres(Box<PostgresTransaction>),
    Over,
}

impl OpenTransaction {
    pub(crate) async fn new(
        parent: Store,
        begin: Begin,
        longest: Duration,
    ) -> Result<Self, StoreError> {
        let mut state = State {
            engine: Engine::Waits,
            touched: Vec::new(),
            interfered: false,
        };
        if matches!(begin, Begin::Now) {
            state.begin(&parent, longest).await?;
        }
        Ok(Self {
            parent,
            longest,
            state: Mutex::new(state),
        })
    }

    pub(crate) async fn query(
        &self,
        statement: &'static Statement,
        params: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        let mut state = self.state.lock().await;
        match &mut state.engine {
            Engine::Waits => {
                drop(state);
                Box::pin(self.parent.query(statement, params)).await
            }
            Engine::Sqlite(transaction) => transaction.query(statement, params).await,
            Engine::Postgres(transaction) => transaction.query(statement, params).await,
            Engine::Over => Err(StoreError::Closed),
        }
    }

    /// The batch becomes part of the transaction, as a whole or not at all.
    pub(crate) async fn apply(&self, batch: Batch) -> Result<Vec<Vec<Row>>, StoreError> {
        let mut state = self.state.lock().await;
        if matches!(state.engine, Engine::Waits) {
            state.begin(&self.parent, self.longest).await?;
        }
        let touched = batch.touched.clone();
        let applied = match &mut state.engine {
            Engine::Sqlite(transaction) => transaction.apply(batch).await,
            Engine::Postgres(transaction) => {
                let applied = transaction.apply(&batch).await;
                state.interfered = transaction.interfered();
                applied
            }
            Engine::Waits | Engine::Over => Err(StoreError::Closed),
        };
        if applied.is_ok() {
            state.touch(touched);
        }
        applied
    }

    /// Commits; returns what was touched.
    pub(crate) async fn commit(&self) -> (Vec<Touch>, Result<(), StoreError>) {
        let mut state = self.state.lock().await;
        let touched = std::mem::take(&mut state.touched);
        let done = match std::mem::replace(&mut state.engine, Engine::Over) {
            Engine::Waits => Ok(()),
            Engine::Sqlite(transaction) => transaction.commit(touched.clone()).await,
            Engine::Postgres(transaction) => transaction.commit(touched.clone()).await,
            Engine::Over => Err(StoreError::Closed),
        };
        (touched, done)
    }

    pub(crate) async fn rollback(&self) {
        let mut state = self.state.lock().await;
        match std::mem::replace(&mut state.engine, Engine::Over) {
            Engine::Postgres(transaction) => transaction.rollback().await,
            // The writer takes it back when its other end is gone.
            Engine::Sqlite(_) | Engine::Waits | Engine::Over => {}
        }
    }

    pub(crate) async fn interfered(&self) -> bool {
        self.state.lock().await.interfered
    }
}

impl State {
    fn touch(&mut self, touched: Vec<Touch>) {
        for touch in touched {
            let covered = Touch::Realm(touch.realm().to_owned());
            if !self.touched.contains(&covered) && !self.touched.contains(&touch) {
                self.touched.push(touch);
            }
        }
        if self.touched.len() > fence::NAMED {
            self.touched = fence::realms(&self.touched);
        }
    }

    async fn begin(&mut self, parent: &Store, longest: Duration) -> Result<(), StoreError> {
        self.engine = match parent.db() {
            Db::Sqlite(db) => Engine::Sqlite(db.begin(longest).await?),
            Db::Postgres(db) => Engine::Postgres(Box::new(db.begin(longest).await?)),
            Db::Transaction(_) => return Err(StoreError::Nested),
        };
        Ok(())
    }
}
