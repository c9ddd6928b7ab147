//! Realms: their settings, as one representation without the objects that have tables of their own.

use realmkeep_representations::RealmRepresentation;
use serde_json::Value as Json;

use crate::db::{Step, Value, statements};
use crate::documents::at;
use crate::{Store, StoreError};

statements! {
    INSERT = "INSERT INTO realm (id, name, epoch, doc, duplicate_emails) VALUES (?1, ?2, 1, ?3, ?4)";
    UPDATE = "UPDATE realm SET name = ?2, doc = ?3, duplicate_emails = ?4, epoch = epoch + 1 WHERE id = ?1";
    UPDATE_AT = "UPDATE realm SET name = ?2, doc = ?3, duplicate_emails = ?4, epoch = epoch + 1 WHERE id = ?1 AND epoch = ?5";
    DELETE = "DELETE FROM realm WHERE id = ?1";
    BY_ID_WITH_EPOCH = "SELECT doc, epoch FROM realm WHERE id = ?1";
    BY_NAME = "SELECT doc FROM realm WHERE name = ?1";
    LIST = "SELECT doc FROM realm ORDER BY name";
    NAMES = "SELECT name FROM realm ORDER BY name";
}

/// Why [`Store::update_realm_at`] fails when another change came first.
pub const REALM_CHANGED: &str = "the realm was changed at the same moment; try again";

impl Store {
    /// The settings of the realm with this name; `clients`, `users` and so on are absent in it.
    ///
    /// # Errors
    /// When the database fails or the document cannot be read.
    pub async fn find_realm(&self, name: &str) -> Result<Option<RealmRepresentation>, StoreError> {
        let rows = self.query(&BY_NAME, &[name.into()]).await?;
        rows.first()
            .map(|row| self.unsealed_json(row, 0, "Realm", "realm", secrets))
            .transpose()
    }

    /// # Errors
    /// As [`Store::find_realm`].
    pub async fn list_realms(&self) -> Result<Vec<RealmRepresentation>, StoreError> {
        let rows = self.query(&LIST, &[]).await?;
        rows.iter()
            .map(|row| self.unsealed_json(row, 0, "Realm", "realm", secrets))
            .collect()
    }

    /// # Errors
    /// When the database fails.
    pub async fn realm_names(&self) -> Result<Vec<String>, StoreError> {
        let rows = self.query(&NAMES, &[]).await?;
        rows.iter()
            .map(|row| row.text(0).map(str::to_owned))
            .collect()
    }

    /// The step that creates the realm; `id` and `realm` must be set.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn insert_realm(&self, realm: &RealmRepresentation) -> Result<Step, StoreError> {
        let (id, name) = names(realm);
        let doc = self.sealed_json(realm, "Realm", "realm", secrets)?;
        let params = vec![id.into(), name.into(), doc.into(), shares_emails(realm)];
        let step = Step::new(&INSERT, params);
        Ok(step.on_conflict("Conflict detected. See logs for details"))
    }

    /// The step that replaces the realm's settings; touch the realm in the same batch.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn update_realm(&self, realm: &RealmRepresentation) -> Result<Step, StoreError> {
        let (id, name) = names(realm);
        let doc = self.sealed_json(realm, "Realm", "realm", secrets)?;
        let params = vec![id.into(), name.into(), doc.into(), shares_emails(realm)];
        let step = Step::new(&UPDATE, params);
        Ok(step
            .or_fail("the realm is gone")
            .on_conflict(format!("Realm with same name exists: {name}")))
    }

    /// The settings of the realm with this id, and their epoch for [`Store::update_realm_at`].
    ///
    /// # Errors
    /// As [`Store::find_realm`].
    pub async fn realm_at_epoch(
        &self,
        id: &str,
    ) -> Result<Option<(RealmRepresentation, i64)>, StoreError> {
        let rows = self.query(&BY_ID_WITH_EPOCH, &[id.into()]).await?;
        rows.first()
            .map(|row| {
                let settings = self.unsealed_json(row, 0, "Realm", "realm", secrets)?;
                Ok((settings, row.int(1)?))
            })
            .transpose()
    }

    /// As [`Store::update_realm`]; fails with [`REALM_CHANGED`] when the settings are no longer those of
    /// this epoch.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn update_realm_at(
        &self,
        realm: &RealmRepresentation,
        epoch: i64,
    ) -> Result<Step, StoreError> {
        let (id, name) = names(realm);
        let doc = self.sealed_json(realm, "Realm", "realm", secrets)?;
        let params = vec![
            id.into(),
            name.into(),
            doc.into(),
            shares_emails(realm),
            epoch.into(),
        ];
        Ok(Step::new(&UPDATE_AT, params)
            .or_fail(REALM_CHANGED)
            .on_conflict(format!("Realm with same name exists: {name}")))
    }

    /// The step that deletes the realm with everything in it.
    pub fn delete_realm(id: &str) -> Step {
        Step::new(&DELETE, vec![id.into()]).or_fail("the realm is gone")
    }
}

fn names(realm: &RealmRepresentation) -> (&str, &str) {
    (
        realm.id.as_deref().unwrap_or_default(),
        realm.realm.as_deref().unwrap_or_default(),
    )
}

/// Whether users of the realm may share an e-mail address.
fn shares_emails(realm: &RealmRepresentation) -> Value {
    i64::from(realm.duplicate_emails_allowed == Some(true)).into()
}

fn secrets(document: &mut Json, each: &mut dyn FnMut(&mut String)) {
    at(document, &["smtpServer", "password"], each);
    at(document, &["smtpServer", "authTokenClientSecret"], each);
    at(document, &["privateKey"], each);
    at(document, &["codeSecret"], each);
}
