//! The database seen as statements, batches and rows, independent of the engine.

mod batch;
pub mod postgres;
pub mod sqlite;
mod transaction;

pub use batch::{Batch, Step, Touch};
pub(crate) use transaction::OpenTransaction;

use serde::de::DeserializeOwned;

use crate::StoreError;
use postgres::Postgres;
use sqlite::Sqlite;

/// One of the engines.
pub(crate) enum Db {
    Sqlite(Sqlite),
    Postgres(Postgres),
    /// An open transaction of one of them.
    Transaction(OpenTransaction),
}

impl Db {
    pub(crate) async fn query(
        &self,
        statement: &'static Statement,
        params: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(db) => db.query(statement, params),
            Self::Postgres(db) => db.query(statement, params).await,
            Self::Transaction(db) => db.query(statement, params).await,
        }
    }

    pub(crate) async fn commit(&self, batch: Batch) -> Result<Vec<Vec<Row>>, StoreError> {
        match self {
            Self::Sqlite(db) => db.commit(batch).await,
            Self::Postgres(db) => db.commit(batch).await,
            Self::Transaction(db) => db.apply(batch).await,
        }
    }

    pub(crate) fn close(&self) {
        match self {
            Self::Sqlite(db) => db.close(),
            Self::Postgres(db) => db.close(),
            // It ends with its owner.
            Self::Transaction(_) => {}
        }
    }
}

/// A named SQL statement; parameters are `?1`, `?2`, …. PostgreSQL takes a parameter's type from where
/// it stands first, so `(name = ?1 OR ?1 IS NULL)`, not the other way round; and a sum of numbers has
/// to be `CAST(… AS BIGINT)`.
#[derive(Debug)]
pub struct Statement {
    pub name: &'static str,
    pub sql: &'static str,
}

/// A parameter or a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Int(i64),
    Text(String),
}

impl From<&str> for Value {
    fn from(v: &str) -> Self {
        Self::Text(v.to_owned())
    }
}

impl From<String> for Value {
    fn from(v: String) -> Self {
        Self::Text(v)
    }
}

impl From<i64> for Value {
    fn from(v: i64) -> Self {
        Self::Int(v)
    }
}

impl From<bool> for Value {
    fn from(v: bool) -> Self {
        Self::Int(v.into())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Self {
        v.map_or(Self::Null, Into::into)
    }
}

/// One row of an answer; columns are read by position.
#[derive(Clone, Debug)]
pub struct Row(pub(crate) Vec<Value>);

impl Row {
    /// # Errors
    /// When the column is not text.
    pub fn text(&self, column: usize) -> Result<&str, StoreError> {
        match self.0.get(column) {
            Some(Value::Text(s)) => Ok(s),
            other => Err(StoreError::corrupt(
                "a text column",
                format!("{column}: {}", kind(other)),
            )),
        }
    }

    /// # Errors
    /// When the column is neither text nor null.
    pub fn optional_text(&self, column: usize) -> Result<Option<&str>, StoreError> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.text(column).map(Some),
        }
    }

    /// # Errors
    /// When the column is not a whole number.
    pub fn int(&self, column: usize) -> Result<i64, StoreError> {
        match self.0.get(column) {
            Some(Value::Int(i)) => Ok(*i),
            other => Err(StoreError::corrupt(
                "a number column",
                format!("{column}: {}", kind(other)),
            )),
        }
    }

    /// # Errors
    /// When the column is neither a whole number nor null.
    pub fn optional_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.int(column).map(Some),
        }
    }

    /// # Errors
    /// When the column is not JSON of the wanted shape.
    pub fn json<T: DeserializeOwned>(&self, column: usize) -> Result<T, StoreError> {
        serde_json::from_str(self.text(column)?).map_err(|e| StoreError::corrupt("a document", e))
    }
}

fn kind(value: Option<&Value>) -> &'static str {
    match value {
        None => "absent",
        Some(Value::Null) => "null",
        Some(Value::Int(_)) => "number",
        Some(Value::Text(_)) => "text",
    }
}

/// Declares named statements of a module, and `ALL`, the list that the prepare test walks.
macro_rules! statements {
    ($($name:ident = $sql:expr;)+) => {
        $(pub(crate) const $name: $crate::db::Statement =
            $crate::db::Statement { name: stringify!($name), sql: $sql };)+
        #[cfg(test)]
        pub(crate) const ALL: &[&$crate::db::Statement] = &[$(&$name),+];
    };
}
pub(crate) use statements;

pub(crate) const PING: Statement = Statement {
    name: "PING",
    sql: "SELECT 1",
};
/// Only PostgreSQL has it.
pub(crate) const IS_READ_ONLY: Statement = Statement {
    name: "IS_READ_ONLY",
    sql: "SHOW transaction_read_only",
};
