//! Logout notices on their way to applications (OpenID Connect Back-Channel Logout 1.0): written with
//! the end of the session, so that none is lost, and tried until they arrive or expire.

use serde::{Deserialize, Serialize};

use crate::db::{Step, statements};
use crate::{Store, StoreError};

statements! {
    INSERT = "INSERT INTO logout_notice (id, realm_id, due, attempts, expires, doc) VALUES (?1, ?2, ?3, 0, ?4, ?5)";
    DUE = "SELECT id, due, attempts, expires, doc FROM logout_notice WHERE due <= ?1 ORDER BY due LIMIT ?2";
    CLAIM = "UPDATE logout_notice SET due = ?3, attempts = attempts + 1 WHERE id = ?1 AND due = ?2 RETURNING attempts";
    DELETE = "DELETE FROM logout_notice WHERE id = ?1";
    EXPIRE = "DELETE FROM logout_notice WHERE expires < ?1";
}

/// Who is to learn of the end of which session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogoutNotice {
    /// The realm's name.
    pub realm: String,
    /// The client's id, not its clientId.
    pub client: String,
    pub session_id: String,
    pub user_id: String,
}

/// A notice that may be tried now.
#[derive(Clone, Debug)]
pub struct DueNotice {
    pub id: String,
    /// Times in seconds since 1970.
    pub due: i64,
    pub expires: i64,
    /// How often it was tried before.
    pub attempts: i64,
    pub notice: LogoutNotice,
}

impl Store {
    /// The step that puts a notice down, to be tried from `due` to `expires`.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn insert_logout_notice(
        id: &str,
        realm_id: &str,
        notice: &LogoutNotice,
        due: i64,
        expires: i64,
    ) -> Result<Step, StoreError> {
        let doc =
            serde_json::to_string(notice).map_err(|e| StoreError::corrupt("a logout notice", e))?;
        let params = vec![
            id.into(),
            realm_id.into(),
            due.into(),
            expires.into(),
            doc.into(),
        ];
        Ok(Step::new(&INSERT, params))
    }

    /// At most `most` notices that are due at `now`, the oldest first.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn due_logout_notices(
        &self,
        now: i64,
        most: i64,
    ) -> Result<Vec<DueNotice>, StoreError> {
        let rows = self.query(&DUE, &[now.into(), most.into()]).await?;
        rows.iter()
            .map(|row| {
                Ok(DueNotice {
                    id: row.text(0)?.to_owned(),
                    due: row.int(1)?,
                    attempts: row.int(2)?,
                    expires: row.int(3)?,
                    notice: row.json(4)?,
                })
            })
            .collect()
    }

    /// The step that takes the notice for one attempt; fails when another replica took it. It is due
    /// again at `next`, should the attempt never end.
    pub fn claim_logout_notice(notice: &DueNotice, next: i64) -> Step {
        let params = vec![notice.id.as_str().into(), notice.due.into(), next.into()];
        Step::new(&CLAIM, params).or_fail("another replica sends it")
    }

    pub fn delete_logout_notice(id: &str) -> Step {
        Step::new(&DELETE, vec![id.into()])
    }

    /// The step that drops what could not be delivered by `now`.
    pub fn expire_logout_notices(now: i64) -> Step {
        Step::new(&EXPIRE, vec![now.into()])
    }
}
