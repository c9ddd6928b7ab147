//! The schema, step by step. A step that was released is never edited; a change is a new step.

use rusqlite::Connection;

use crate::StoreError;

const STEPS: &[&str] = &[
    include_str!("../migrations/0001_initial.sql"),
    include_str!("../migrations/0002_refresh_families.sql"),
    include_str!("../migrations/0003_events.sql"),
    include_str!("../migrations/0004_login_failures.sql"),
    include_str!("../migrations/0005_logout_and_registration.sql"),
    include_str!("../migrations/0006_replicas.sql"),
    include_str!("../migrations/0007_user_consent.sql"),
    include_str!("../migrations/0008_federated_link.sql"),
    include_str!("../migrations/0009_unique_email.sql"),
    include_str!("../migrations/0010_object_owners.sql"),
    include_str!("../migrations/0011_event_outbox.sql"),
    include_str!("../migrations/0012_user_search.sql"),
    include_str!("../migrations/0013_emails_and_attributes.sql"),
    include_str!("../migrations/0014_workload_uses.sql"),
];

/// The schema version that a program must know at least to work on a database of this version: raised
/// to N only by a program whose predecessor already lived with N (docs/decisions/0009).
pub(crate) const OLDEST: i64 = known();

/// The version of the schema that this program is made for.
pub(crate) const fn known() -> i64 {
    // A few dozen.
    #[allow(clippy::cast_possible_wrap)]
    {
        STEPS.len() as i64
    }
}

/// Whether a database of `version` has steps to go; one that is newer is right when it says that
/// this program is not too old for it.
///
/// # Errors
/// When the database is too new.
pub(crate) fn needed(version: i64, oldest: i64) -> Result<bool, StoreError> {
    let known = known();
    if version > known && oldest > known {
        return Err(StoreError::NewerSchema {
            found: version,
            known,
        });
    }
    Ok(version < known)
}

/// The steps that a database of `version` lacks, with their numbers.
pub(crate) fn after(version: i64) -> impl Iterator<Item = (usize, &'static str)> {
    let done = usize::try_from(version).unwrap_or(0);
    (1..).zip(STEPS.iter().copied()).skip(done)
}

/// Begins a line of a step that is for one kind of database only; the other takes it as a comment.
const SQLITE_ONLY: &str = "--sqlite ";
pub(crate) const POSTGRESQL_ONLY: &str = "--postgresql ";

/// Brings the schema of a SQLite database up to date inside one transaction.
///
/// # Errors
/// When the database is newer than this program, or fails.
pub fn run(connection: &mut Connection) -> Result<(), StoreError> {
    let known = known();
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    let transaction = connection.transaction()?;
    for (_, step) in after(found) {
        transaction.execute_batch(&step.replace(SQLITE_ONLY, ""))?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Links that stood only in documents are found after the step that gives them a table.
    #[test]
    fn links_of_older_documents_are_kept() {
        let mut database = Connection::open_in_memory().unwrap();
        for step in STEPS.iter().take(7) {
            database.execute_batch(step).unwrap();
        }
        database.pragma_update(None, "user_version", 7).unwrap();
        let user = "INSERT INTO user_account (id, realm_id, username, enabled, created, doc) VALUES (?1, 'r', ?1, 1, 0, ?2)";
        database
            .execute(
                "INSERT INTO realm (id, name, epoch, doc) VALUES ('r', 'r', 0, '{}')",
                [],
            )
            .unwrap();
        for (id, doc) in [
            (
                "a",
                r#"{"federatedIdentities":[{"identityProvider":"i","userId":"s'1"},{"identityProvider":"j","userId":"2"}]}"#,
            ),
            ("b", r#"{"federatedIdentities":[{"identityProvider":"i"}]}"#),
            ("c", "{}"),
            ("d", r#"{"federatedIdentities":null}"#),
        ] {
            database.execute(user, [id, doc]).unwrap();
        }
        run(&mut database).unwrap();
        let sql = "SELECT alias || ' ' || subject || ' ' || user_id FROM federated_link ORDER BY 1";
        let mut rows = database.prepare(sql).unwrap();
        let found: Vec<String> = rows
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(found, ["i s'1 a", "j 2 a"]);
    }
}
