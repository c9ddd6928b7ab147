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
    /// Only where the schema is not brought up to date on opening.
    #[error(
        "the database has schema {found}, this program needs {known}: run `realmkeep migrate` first"
    )]
    OlderSchema { found: i64, known: i64 },
    #[error(
        "the master key is not the one this database was made with; put back that key (master-key-file), all servers on one database need the same"
    )]
    WrongKey,
    /// The commit itself failed: a full disk, a file that cannot be written.
    #[error("the change was not stored: {0}")]
    NotStored(String),
    /// The connection ended while the commit was under way.
    #[error("whether the change was stored is not known: {0}")]
    Unknown(String),
    /// It cannot be reached, does not answer in time, or has no connection left.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The address of the database, or what belongs to it, is not right.
    #[error("the database's address: {0}")]
    Address(String),
    /// The request holds what no database can.
    #[error("{0}")]
    Unstorable(&'static str),
    #[error("the database is closing")]
    Closed,
    /// A transaction was to begin in another one.
    #[error("a transaction cannot begin inside of another one")]
    Nested,
    #[error("database failure")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }

    /// Whether the same request may succeed in a moment, with nothing wrong in it: 503 over HTTP.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_) | Self::Unknown(_) | Self::NotStored(_) | Self::Closed
        )
    }

    pub(crate) fn corrupt(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Corrupt {
            what,
            reason: reason.to_string(),
        }
    }

    /// The same for another caller; for failures that several of them share.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::NotStored(text) => Self::NotStored(text.clone()),
            Self::Unknown(text) => Self::Unknown(text.clone()),
            Self::Unavailable(text) => Self::Unavailable(text.clone()),
            Self::Closed => Self::Closed,
            Self::Database(cause) => Self::Database(cause.to_string().into()),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}
