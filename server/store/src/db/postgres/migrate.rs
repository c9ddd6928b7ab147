//! The schema of a PostgreSQL database, brought up to date by one program at a time.

use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::connect::Connector;
use super::error::{store_error, text};
use super::translate::schema;
use crate::{StoreError, migrations};

/// Tries of the first statement, which several programs may run at the same time.
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);

/// One row; its lock is what makes one program at a time migrate. `oldest` is the schema version
/// that a program must know at least.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS realmkeep_schema (id BIGINT PRIMARY KEY, version BIGINT NOT NULL, oldest BIGINT NOT NULL); \
     INSERT INTO realmkeep_schema (id, version, oldest) VALUES (1, 0, 0) ON CONFLICT DO NOTHING";

/// Rows of these change often: room in their pages lets a change stay in its page.
const ROOM: &str = "ALTER TABLE user_session SET (fillfactor = 70); ALTER TABLE client_session SET (fillfactor = 70)";

/// Brings the schema up to date where `migrate`, else says whether it is.
pub(super) async fn run(connector: &Connector, migrate: bool) -> Result<(), StoreError> {
    let (client, connection) = connector.open().await.map_err(|e| refused(&e))?;
    let done = match migrate {
        true => bring_up(&client).await,
        false => check(&client).await,
    };
    drop(client);
    let _ = connection.await;
    done
}

/// A wrong user, password or database does not get better by waiting.
fn refused(error: &tokio_postgres::Error) -> StoreError {
    match error.code().and_then(|code| code.code().get(..2)) {
        Some("28" | "3D") => StoreError::Address(text(error)),
        _ => StoreError::Unavailable(text(error)),
    }
}

async fn check(client: &Client) -> Result<(), StoreError> {
    let found = client
        .query_opt(
            "SELECT version, oldest FROM realmkeep_schema WHERE id = 1",
            &[],
        )
        .await;
    let (version, oldest) = match found {
        Ok(Some(row)) => (column(&row, 0)?, column(&row, 1)?),
        Ok(None) => (0, 0),
        Err(e) if e.code() == Some(&SqlState::UNDEFINED_TABLE) => (0, 0),
        Err(e) => return Err(store_error(&e)),
    };
    let known = migrations::known();
    match migrations::needed(version, oldest)? {
        true => Err(StoreError::OlderSchema {
            found: version,
            known,
        }),
        false => Ok(()),
    }
}

async fn bring_up(client: &Client) -> Result<(), StoreError> {
    // Another program may be at it for long, and a step may take long itself.
    let patience = "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0";
    client.batch_execute(patience).await.map_err(fail)?;
    create_table(client).await?;
    client.batch_execute("BEGIN").await.map_err(fail)?;
    let row = client
        .query_one(
            "SELECT version, oldest, version() FROM realmkeep_schema WHERE id = 1 FOR UPDATE",
            &[],
        )
        .await
        .map_err(fail)?;
    let (version, oldest) = (column(&row, 0)?, column(&row, 1)?);
    if !migrations::needed(version, oldest)? {
        return client.batch_execute("ROLLBACK").await.map_err(fail);
    }
    let engine: String = row.try_get(2).map_err(fail)?;
    let cockroach = engine.contains("CockroachDB");
    for (number, step) in migrations::after(version) {
        client
            .batch_execute(&schema(step, !cockroach))
            .await
            .map_err(|e| {
                tracing::error!(step = number, error = %text(&e), "a step of the schema failed");
                store_error(&e)
            })?;
    }
    if !cockroach {
        client.batch_execute(ROOM).await.map_err(fail)?;
    }
    client
        .execute(
            "UPDATE realmkeep_schema SET version = $1, oldest = $2 WHERE id = 1",
            &[&migrations::known(), &migrations::OLDEST],
        )
        .await
        .map_err(fail)?;
    client.batch_execute("COMMIT").await.map_err(fail)?;
    tracing::info!(
        from = version,
        to = migrations::known(),
        "the database's schema was brought up to date"
    );
    Ok(())
}

/// Two programs that create the same table at the same time get in each other's way.
async fn create_table(client: &Client) -> Result<(), StoreError> {
    for _ in 1..ATTEMPTS {
        match client.batch_execute(TABLE).await {
            Ok(()) => return Ok(()),
            Err(e)
                if matches!(
                    e.code(),
                    Some(
                        &SqlState::UNIQUE_VIOLATION
                            | &SqlState::DUPLICATE_TABLE
                            | &SqlState::DUPLICATE_OBJECT
                            | &SqlState::T_R_SERIALIZATION_FAILURE
                    )
                ) =>
            {
                tokio::time::sleep(PAUSE).await;
            }
            Err(e) => return Err(fail(e)),
        }
    }
    client.batch_execute(TABLE).await.map_err(fail)
}

fn column(row: &tokio_postgres::Row, at: usize) -> Result<i64, StoreError> {
    row.try_get(at)
        .map_err(|e| StoreError::corrupt("realmkeep_schema", e))
}

#[allow(clippy::needless_pass_by_value)]
fn fail(error: tokio_postgres::Error) -> StoreError {
    match error.code() {
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => StoreError::Unavailable(format!(
            "the database user may not create the schema: {}; grant it CREATE on the schema, or run `realmkeep migrate` with a user that may",
            text(&error)
        )),
        _ => store_error(&error),
    }
}
