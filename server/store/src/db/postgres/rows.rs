//! Values to and from the wire, and statements in a pipeline.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use futures::{TryStreamExt, pin_mut};
use tokio_postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};

use super::Prepared;
use super::error::{Failure, failure, store_error};
use crate::StoreError;
use crate::db::{Row, Value};

/// Rows that the statement returned, and how many it changed.
pub(super) type Outcome = Result<(Vec<Row>, u64), Failed>;
/// A statement on its way.
pub(super) type Sent<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

#[derive(Debug)]
pub(super) enum Failed {
    Database(tokio_postgres::Error),
    /// A column of a type that the store does not know, or no answer in time.
    Ours(StoreError),
}

impl Failed {
    pub(super) fn failure(self) -> Failure {
        match self {
            Self::Database(e) => failure(&e),
            Self::Ours(e) => Failure::Other(e),
        }
    }

    /// The connection is of no use any more.
    pub(super) fn is_lost(&self) -> bool {
        match self {
            Self::Database(e) => matches!(failure(e), Failure::Lost(_)),
            Self::Ours(_) => false,
        }
    }

    pub(super) fn seen(self) -> StoreError {
        match self {
            Self::Database(e) => store_error(&e),
            Self::Ours(e) => e,
        }
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Database(e) => f.write_str(&super::error::text(e)),
            Self::Ours(e) => e.fmt(f),
        }
    }
}

/// The types that both engines' values have.
#[cfg(test)]
pub(super) fn is_known(kind: &Type) -> bool {
    is_text(kind) || is_number(kind)
}

fn is_text(kind: &Type) -> bool {
    matches!(
        *kind,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN
    )
}

fn is_number(kind: &Type) -> bool {
    matches!(*kind, Type::INT8 | Type::INT4 | Type::BOOL)
}

/// Runs the statement to its end.
pub(super) async fn run(
    client: &tokio_postgres::Client,
    prepared: Prepared,
    params: &[Value],
) -> Outcome {
    let params = limited(&prepared, params);
    let stream = client
        .query_raw(&prepared.statement, params.iter())
        .await
        .map_err(Failed::Database)?;
    pin_mut!(stream);
    let mut rows = Vec::new();
    while let Some(found) = stream.try_next().await.map_err(Failed::Database)? {
        rows.push(row(&found).map_err(Failed::Ours)?);
    }
    Ok((rows, stream.rows_affected().unwrap_or(0)))
}

/// The same in a pipeline.
pub(super) fn step<'a>(
    client: &'a tokio_postgres::Client,
    prepared: Prepared,
    params: &'a [Value],
) -> Sent<'a> {
    Box::pin(run(client, prepared, params))
}

/// A command without parameters, such as BEGIN, in a pipeline.
pub(super) fn command<'a>(client: &'a tokio_postgres::Client, sql: &'static str) -> Sent<'a> {
    Box::pin(async move {
        client.batch_execute(sql).await.map_err(Failed::Database)?;
        Ok((Vec::new(), 0))
    })
}

/// Sends everything in order before the first answer is waited for.
pub(super) async fn in_order(sent: Vec<Sent<'_>>) -> Vec<Outcome> {
    let mut waiting = Vec::with_capacity(sent.len());
    for mut future in sent {
        // The driver sends at the first poll.
        let first = futures::poll!(future.as_mut());
        waiting.push((future, first));
    }
    let mut outcomes = Vec::with_capacity(waiting.len());
    for (future, first) in waiting {
        outcomes.push(match first {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => future.await,
        });
    }
    outcomes
}

/// The parameters, with "no limit" as PostgreSQL says it.
fn limited<'a>(prepared: &Prepared, params: &'a [Value]) -> Cow<'a, [Value]> {
    let mut params = Cow::Borrowed(params);
    for &index in &prepared.translated.limits {
        if matches!(params.get(index), Some(Value::Int(limit)) if *limit < 0)
            && let Some(limit) = params.to_mut().get_mut(index)
        {
            *limit = Value::Null;
        }
    }
    params
}

fn row(row: &tokio_postgres::Row) -> Result<Row, StoreError> {
    let mut values = Vec::with_capacity(row.len());
    for (i, column) in row.columns().iter().enumerate() {
        let kind = column.type_();
        let value = match *kind {
            Type::INT8 => row.try_get::<_, Option<i64>>(i).map(Value::from),
            Type::INT4 => row
                .try_get::<_, Option<i32>>(i)
                .map(|n| n.map(i64::from).into()),
            Type::BOOL => row.try_get::<_, Option<bool>>(i).map(Value::from),
            _ if is_text(kind) => row.try_get::<_, Option<String>>(i).map(Value::from),
            _ => {
                return Err(StoreError::corrupt(
                    "a column",
                    format!("{} has the type {kind}", column.name()),
                ));
            }
        };
        values.push(value.map_err(|e| StoreError::corrupt("a column", e))?);
    }
    Ok(Row(values))
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(n) if *kind == Type::INT4 => i32::try_from(*n)?.to_sql(kind, out),
            Self::Int(n) if *kind == Type::BOOL => (*n != 0).to_sql(kind, out),
            Self::Int(n) if *kind == Type::INT8 => n.to_sql(kind, out),
            // A text column makes text of a number in SQLite, too.
            Self::Int(n) => n.to_string().to_sql(kind, out),
            Self::Text(text) if is_text(kind) => text.to_sql(kind, out),
            Self::Text(_) => Err(format!("text for a parameter of type {kind}").into()),
        }
    }

    fn accepts(kind: &Type) -> bool {
        is_text(kind) || is_number(kind)
    }

    to_sql_checked!();
}
