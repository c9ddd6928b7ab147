//! What changed in a realm since when, for those who follow it.

use tokio::sync::watch;

use crate::db::{Row, Touch, statements};
use crate::{Store, StoreError};

statements! {
    POSITION = "SELECT p.seq, (SELECT min(l.seq) FROM change_log l) FROM change_position p WHERE p.id = 1";
    SINCE = "SELECT seq, kind, realm_id, name FROM change_log WHERE realm_id = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4";
}

/// How far the changes of the whole database have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Number of the latest change.
    pub latest: i64,
    /// Number of the oldest one that is still known; one more than `latest` when none is.
    pub oldest: i64,
}

/// One change of a realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub number: i64,
    pub touched: Touch,
}

impl Position {
    /// Whether every change after `cursor` is still known.
    pub fn continues(&self, cursor: i64) -> bool {
        cursor <= self.latest && cursor + 1 >= self.oldest
    }
}

impl Store {
    /// # Errors
    /// When the database fails.
    pub async fn change_position(&self) -> Result<Position, StoreError> {
        let rows = self.query(&POSITION, &[]).await?;
        let row = rows
            .first()
            .ok_or_else(|| StoreError::corrupt("change_position", "its row is missing"))?;
        let latest = row.int(0)?;
        Ok(Position {
            latest,
            oldest: row.optional_int(1)?.unwrap_or(latest + 1),
        })
    }

    /// The realm's changes after `cursor` and up to `latest`, the first `most` of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn changes_of(
        &self,
        realm_id: &str,
        cursor: i64,
        latest: i64,
        most: i64,
    ) -> Result<Vec<Change>, StoreError> {
        let params = [realm_id.into(), cursor.into(), latest.into(), most.into()];
        let rows = self.query(&SINCE, &params).await?;
        rows.iter().map(change).collect()
    }

    /// Wakes whenever configuration changed, here at once, at another server within seconds.
    pub fn follow_changes(&self) -> watch::Receiver<u64> {
        self.inner.changed.subscribe()
    }
}

fn change(row: &Row) -> Result<Change, StoreError> {
    let (realm, name) = (row.text(2)?.to_owned(), row.text(3)?.to_owned());
    let touched = match row.text(1)? {
        "client" => Touch::Client(realm, name),
        "user" => Touch::User(realm, name),
        _ => Touch::Realm(realm),
    };
    Ok(Change {
        number: row.int(0)?,
        touched,
    })
}
