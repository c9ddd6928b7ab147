//! Attributes of users as rows, to search by.

use realmkeep_representations::UserRepresentation;

use crate::db::{Step, statements};
use crate::{Batch, Store, StoreError};

statements! {
    INSERT = "INSERT INTO user_attribute (user_id, realm_id, name, value) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    DELETE = "DELETE FROM user_attribute WHERE user_id = ?1";
    UNREAD = "SELECT realm_id, id, doc FROM user_account WHERE id > ?1 ORDER BY id LIMIT ?2";
}

/// Name of the setting that says that every user's attributes are rows.
const COMPLETE: &str = "user-attributes";
/// Longest value that is kept as it is, in bytes: an index has a limit.
const LONGEST: usize = 255;
/// Users read at a time.
const CHUNK: i64 = 1_000;

/// The step with those that write the new user's attributes.
pub(crate) fn inserted(step: Step, realm_id: &str, user: &UserRepresentation) -> Step {
    let id = user.id.as_deref().unwrap_or_default();
    let mut step = step;
    for (name, values) in user.attributes.iter().flatten() {
        for value in values {
            let params = vec![
                id.into(),
                realm_id.into(),
                name.as_str().into(),
                key(value).into(),
            ];
            step = step.and(Step::new(&INSERT, params));
        }
    }
    step
}

/// The step with those that write the changed user's attributes.
pub(crate) fn replaced(step: Step, realm_id: &str, user: &UserRepresentation) -> Step {
    let id = user.id.as_deref().unwrap_or_default();
    inserted(
        step.and(Step::new(&DELETE, vec![id.into()])),
        realm_id,
        user,
    )
}

/// The value as it is compared: the beginning of a long one.
pub(crate) fn key(value: &str) -> &str {
    let mut end = value.len().min(LONGEST);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    value.get(..end).unwrap_or_default()
}

impl Store {
    /// Writes down the attributes of users who were there before attributes were rows.
    pub(crate) async fn complete_attributes(&self) -> Result<(), StoreError> {
        if self.inner.attributes_complete.get().is_some() {
            return Ok(());
        }
        if self.setting(COMPLETE).await?.is_none() {
            let mut after = String::new();
            loop {
                let params = [after.as_str().into(), CHUNK.into()];
                let rows = self.query(&UNREAD, &params).await?;
                let Some(last) = rows.last() else { break };
                after = last.text(1)?.to_owned();
                let mut batch = Batch::new();
                for row in &rows {
                    let user: UserRepresentation = row.json(2)?;
                    let realm_id = row.text(0)?;
                    batch.push(replaced(
                        Step::new(&DELETE, vec![row.text(1)?.into()]),
                        realm_id,
                        &user,
                    ));
                }
                self.commit(batch).await?;
            }
            let mut batch = Batch::new();
            batch.push(Self::put_setting(COMPLETE, "complete"));
            self.commit(batch).await?;
        }
        let _ = self.inner.attributes_complete.set(());
        Ok(())
    }
}
