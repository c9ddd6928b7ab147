//! Which tool manages which object of a realm.

use crate::db::{Step, statements};
use crate::documents::{Page, like_as_is};
use crate::{Store, StoreError};

statements! {
    PUT = "INSERT INTO object_owner (realm_id, object, doc, applied) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (realm_id, object) DO UPDATE SET doc = excluded.doc, applied = excluded.applied, changed = 0, changed_by = ''";
    APPLIED = "UPDATE object_owner SET applied = ?4 WHERE realm_id = ?1 AND object = ?2 AND doc = ?3";
    CHANGED = "UPDATE object_owner SET changed = ?4, changed_by = ?5 WHERE realm_id = ?1 AND object = ?2 AND doc <> ?3";
    DELETE = "DELETE FROM object_owner WHERE realm_id = ?1 AND (object = ?2 OR object LIKE ?3 ESCAPE '\\')";
    BY_OBJECT = "SELECT doc FROM object_owner WHERE realm_id = ?1 AND object = ?2";
    FREE_FOR = "SELECT 1 FROM change_position WHERE id = 1 AND NOT EXISTS (SELECT 1 FROM object_owner WHERE realm_id = ?1 AND object = ?2 AND doc <> ?3)";
    LIST = "SELECT object, doc, applied, changed, changed_by FROM object_owner WHERE realm_id = ?1 ORDER BY object LIMIT ?2 OFFSET ?3";
}

/// Why a batch with [`Store::require_owner`] fails.
pub const OWNED: &str = "the object is managed by another tool";

/// An object that has an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedObject {
    /// Its path below the realm; empty for the realm itself.
    pub object: String,
    /// The owner's record.
    pub record: String,
    /// When its owner last wrote it, in milliseconds since 1970; 0 when that is not known.
    pub applied: i64,
    /// When somebody else changed it since, in milliseconds since 1970; 0 when nobody did.
    pub changed: i64,
    /// Who that was.
    pub changed_by: String,
}

impl Store {
    /// The step that fails with [`OWNED`] when the object has another owner than the one of `record`
    /// (empty: any owner at all).
    pub fn require_owner(realm_id: &str, object: &str, record: &str) -> Step {
        let params = vec![realm_id.into(), object.into(), record.into()];
        Step::new(&FREE_FOR, params).or_fail(OWNED)
    }

    /// The owner's record of the object at this path below the realm (empty: the realm itself).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn owner(&self, realm_id: &str, object: &str) -> Result<Option<String>, StoreError> {
        let rows = self
            .query(&BY_OBJECT, &[realm_id.into(), object.into()])
            .await?;
        rows.first()
            .map(|row| row.text(0).map(str::to_owned))
            .transpose()
    }

    /// Objects that have an owner, with its record, by path.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn owners(&self, realm_id: &str, page: Page) -> Result<Vec<OwnedObject>, StoreError> {
        let params = [realm_id.into(), page.max.into(), page.first.into()];
        let rows = self.query(&LIST, &params).await?;
        rows.iter()
            .map(|row| {
                Ok(OwnedObject {
                    object: row.text(0)?.to_owned(),
                    record: row.text(1)?.to_owned(),
                    applied: row.int(2)?,
                    changed: row.int(3)?,
                    changed_by: row.text(4)?.to_owned(),
                })
            })
            .collect()
    }

    /// The step that makes `record` the object's owner, who wrote it at `now` (milliseconds).
    pub fn set_owner(realm_id: &str, object: &str, record: &str, now: i64) -> Step {
        let params = vec![realm_id.into(), object.into(), record.into(), now.into()];
        Step::new(&PUT, params)
    }

    /// The step that remembers that the object's owner wrote a part of it at `now` (milliseconds).
    pub fn owner_applied(realm_id: &str, object: &str, record: &str, now: i64) -> Step {
        let params = vec![realm_id.into(), object.into(), record.into(), now.into()];
        Step::new(&APPLIED, params)
    }

    /// The step that remembers that `who`, another than its owner, changed the object at `now`
    /// (milliseconds). `record` is that of the caller, if any.
    pub fn changed_past_owner(
        realm_id: &str,
        object: &str,
        record: &str,
        now: i64,
        who: &str,
    ) -> Step {
        let params = vec![
            realm_id.into(),
            object.into(),
            record.into(),
            now.into(),
            who.into(),
        ];
        Step::new(&CHANGED, params)
    }

    /// The step that leaves the object, and all below its path, without an owner.
    pub fn forget_owner(realm_id: &str, object: &str) -> Step {
        let below = format!("{}/%", like_as_is(object));
        Step::new(&DELETE, vec![realm_id.into(), object.into(), below.into()])
    }
}
