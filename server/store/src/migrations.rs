//! The schema, step by step. A step that was released is never edited; a change is a new step.

use rusqlite::Connection;

use crate::StoreError;

const STEPS: &[&str] = &[include_str!("../migrations/0001_initial.sql")];

/// Brings the schema up to date inside one transaction.
///
/// # Errors
/// When the database is newer than this program, or fails.
pub fn run(connection: &mut Connection) -> Result<(), StoreError> {
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    let transaction = connection.transaction()?;
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}
