//! What users allowed applications to have, remembered by user and client.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::db::{Row, Step, statements};
use crate::{Store, StoreError};

statements! {
    OF_CLIENT = "SELECT client_id, created, updated, doc FROM user_consent WHERE user_id = ?1 AND client_id = ?2";
    OF_USER = "SELECT client_id, created, updated, doc FROM user_consent WHERE user_id = ?1 ORDER BY created, client_id";
    PUT = "INSERT INTO user_consent (user_id, client_id, created, updated, doc) VALUES (?1, ?2, ?3, ?3, ?4) ON CONFLICT (user_id, client_id) DO UPDATE SET updated = ?3, doc = ?4";
    PUT_AS = "INSERT INTO user_consent (user_id, client_id, created, updated, doc) VALUES (?1, ?2, ?3, ?4, ?5)";
    DELETE = "DELETE FROM user_consent WHERE user_id = ?1 AND client_id = ?2 RETURNING client_id";
}

/// What one user allowed one client to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserConsent {
    /// The client's id, not its clientId.
    pub client_id: String,
    /// Ids of client scopes; the client's own id when the client itself was an item on the screen.
    pub scopes: BTreeSet<String>,
    /// Milliseconds since 1970.
    pub created: i64,
    pub updated: i64,
}

#[derive(Serialize, Deserialize)]
struct Document {
    scopes: BTreeSet<String>,
}

impl Store {
    /// What the user allowed the client (by id) to have.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn consent(
        &self,
        user_id: &str,
        client_id: &str,
    ) -> Result<Option<UserConsent>, StoreError> {
        let rows = self
            .query(&OF_CLIENT, &[user_id.into(), client_id.into()])
            .await?;
        rows.first().map(consent).transpose()
    }

    /// All that the user allowed, the oldest first.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn consents_of_user(&self, user_id: &str) -> Result<Vec<UserConsent>, StoreError> {
        let rows = self.query(&OF_USER, &[user_id.into()]).await?;
        rows.iter().map(consent).collect()
    }

    /// The step that makes `scopes` what the user allows the client, whatever it was before.
    /// `now` in milliseconds since 1970.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_consent(
        user_id: &str,
        client_id: &str,
        scopes: &BTreeSet<String>,
        now: i64,
    ) -> Result<Step, StoreError> {
        let doc = document(scopes)?;
        let step = Step::new(
            &PUT,
            vec![user_id.into(), client_id.into(), now.into(), doc.into()],
        );
        Ok(step.on_conflict("the user or the client is gone"))
    }

    /// The step that writes down a consent with its times, for imports; fails when there is one.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn insert_consent(user_id: &str, consent: &UserConsent) -> Result<Step, StoreError> {
        let doc = document(&consent.scopes)?;
        let step = Step::new(
            &PUT_AS,
            vec![
                user_id.into(),
                consent.client_id.as_str().into(),
                consent.created.into(),
                consent.updated.into(),
                doc.into(),
            ],
        );
        Ok(step.on_conflict("the user has consented already, or user or client is gone"))
    }

    /// The step that takes back what the user allowed; fails when there is nothing.
    pub fn revoke_consent(user_id: &str, client_id: &str) -> Step {
        Step::new(&DELETE, vec![user_id.into(), client_id.into()]).or_fail("there is no consent")
    }
}

fn document(scopes: &BTreeSet<String>) -> Result<String, StoreError> {
    let document = Document {
        scopes: scopes.clone(),
    };
    serde_json::to_string(&document).map_err(|e| StoreError::corrupt("a consent", e))
}

fn consent(row: &Row) -> Result<UserConsent, StoreError> {
    let document: Document = row.json(3)?;
    Ok(UserConsent {
        client_id: row.text(0)?.to_owned(),
        scopes: document.scopes,
        created: row.int(1)?,
        updated: row.int(2)?,
    })
}
