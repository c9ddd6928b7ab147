/// Why the store did not do what was asked; nothing is half-written in any case.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique name is taken, or a reference does not exist; the text names what.
    #[error("{0}")]
    Conflict(String),
    /// A guarded statement found no row; the text names what was expected.
    #[error("{0}")]
    Guard(&'static str),
    #[error("stored data of {what} cannot be read: {reason}")]
    Corrupt { what: &'static str, reason: String },
    #[error(
        "the database was written by a newer version (schema {found}, this program knows {known})"
    )]
    NewerSchema { found: i64, known: i64 },
    /// The commit itself failed: a full disk, a file that cannot be written.
    #[error("the change was not stored: {0}")]
    NotStored(String),
    #[error("the database is closing")]
    Closed,
    #[error("database failure")]
    Database(#[from] rusqlite::Error),
}

impl StoreError {
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }

    pub(crate) fn corrupt(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Corrupt {
            what,
            reason: reason.to_string(),
        }
    }
}
