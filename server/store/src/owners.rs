//! Which tool manages which object of a realm.

use crate::db::{Step, statements};
use crate::documents::{Page, like_as_is};
use crate::{Store, StoreError};

statements! {
    PUT = "INSERT INTO object_owner (realm_id, object, doc) VALUES (?1, ?2, ?3) ON CONFLICT (realm_id, object) DO UPDATE SET doc = excluded.doc";
    DELETE = "DELETE FROM object_owner WHERE realm_id = ?1 AND (object = ?2 OR object LIKE ?3 ESCAPE '\\')";
    BY_OBJECT = "SELECT doc FROM object_owner WHERE realm_id = ?1 AND object = ?2";
    FREE_FOR = "SELECT 1 FROM change_position WHERE id = 1 AND NOT EXISTS (SELECT 1 FROM object_owner WHERE realm_id = ?1 AND object = ?2 AND doc <> ?3)";
    LIST = "SELECT object, doc FROM object_owner WHERE realm_id = ?1 ORDER BY object LIMIT ?2 OFFSET ?3";
}

/// Why a batch with [`Store::require_owner`] fails.
pub const OWNED: &str = "the object is managed by another tool";

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
    pub async fn owners(
        &self,
        realm_id: &str,
        page: Page,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let params = [realm_id.into(), page.max.into(), page.first.into()];
        let rows = self.query(&LIST, &params).await?;
        rows.iter()
            .map(|row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned())))
            .collect()
    }

    /// The step that makes `record` the object's owner.
    pub fn set_owner(realm_id: &str, object: &str, record: &str) -> Step {
        Step::new(&PUT, vec![realm_id.into(), object.into(), record.into()])
    }

    /// The step that leaves the object, and all below its path, without an owner.
    pub fn forget_owner(realm_id: &str, object: &str) -> Step {
        let below = format!("{}/%", like_as_is(object));
        Step::new(&DELETE, vec![realm_id.into(), object.into(), below.into()])
    }
}
