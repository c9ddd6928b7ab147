//! Facts about the database itself.

use crate::db::{Step, statements};
use crate::{Batch, Store, StoreError};

statements! {
    PUT = "INSERT INTO server_setting (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    BY_NAME = "SELECT value FROM server_setting WHERE name = ?1";
}

/// A text that was sealed when the database was made, and what it says.
const SEALED: &str = "sealed";
const TEXT: &str = "this database's secrets are sealed with this key";

impl Store {
    /// Whether the master key is the one this database's secrets are sealed with; a new database takes
    /// the key that is given first.
    ///
    /// # Errors
    /// When it is another key, or the database fails.
    pub async fn check_seal(&self) -> Result<(), StoreError> {
        if self.opens().await?.is_none() {
            let sealed = self.seal().seal(TEXT, SEALED)?;
            let mut batch = Batch::new();
            batch.push(Step::new(&PUT, vec![SEALED.into(), sealed.into()]));
            self.commit(batch).await?;
            // Another server may have been faster, with another key.
            self.opens().await?;
        }
        Ok(())
    }

    /// None when nothing was sealed yet.
    async fn opens(&self) -> Result<Option<()>, StoreError> {
        let rows = self.query(&BY_NAME, &[SEALED.into()]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        match self.seal().open(row.text(0)?, SEALED) {
            Ok(text) if text == TEXT => Ok(Some(())),
            _ => Err(StoreError::WrongKey),
        }
    }
}
