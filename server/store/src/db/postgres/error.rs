//! What the database's errors mean here.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::StoreError;

/// What is to be done about a failed statement.
#[derive(Debug)]
pub(super) enum Failure {
    /// Another transaction was in the way; this one has not happened.
    Again(String),
    /// Uniqueness or a reference was violated; the name of the constraint.
    Conflict(Option<String>),
    /// The connection is gone: what was sent may have happened or not.
    Lost(String),
    /// A statement before it failed, which is the one that counts.
    After,
    Other(StoreError),
}

pub(super) fn failure(error: &Error) -> Failure {
    let Some(code) = error.code() else {
        return match error.is_closed() || is_io(error) {
            true => Failure::Lost(text(error)),
            false => Failure::Other(StoreError::Database(text(error).into())),
        };
    };
    match code {
        &SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED => {
            Failure::Again(text(error))
        }
        &SqlState::IN_FAILED_SQL_TRANSACTION => Failure::After,
        // A statement that was prepared before the schema changed under it.
        &SqlState::FEATURE_NOT_SUPPORTED if text(error).contains("cached plan") => {
            Failure::Lost(text(error))
        }
        &SqlState::ADMIN_SHUTDOWN | &SqlState::CRASH_SHUTDOWN | &SqlState::CANNOT_CONNECT_NOW => {
            Failure::Lost(text(error))
        }
        // A zero byte, which no text column can hold.
        &SqlState::CHARACTER_NOT_IN_REPERTOIRE => {
            Failure::Other(StoreError::Unstorable("a text holds a zero byte"))
        }
        code if code.code().starts_with("23") => Failure::Conflict(
            error
                .as_db_error()
                .and_then(|e| e.constraint())
                .map(str::to_owned),
        ),
        _ => Failure::Other(store_error(error)),
    }
}

/// The error as a caller sees it, outside of a transaction that could be tried again.
pub(super) fn store_error(error: &Error) -> StoreError {
    let Some(code) = error.code() else {
        return match error.is_closed() || is_io(error) {
            true => StoreError::Unavailable(text(error)),
            false => StoreError::Database(text(error).into()),
        };
    };
    match code {
        &SqlState::READ_ONLY_SQL_TRANSACTION => StoreError::Unavailable(
            "the database is read-only (a standby, or default_transaction_read_only is on); changes wait for the primary".into(),
        ),
        &SqlState::DISK_FULL => StoreError::NotStored("the database's disk is full".into()),
        &SqlState::QUERY_CANCELED => {
            StoreError::Unavailable("a statement took longer than the statement timeout".into())
        }
        &SqlState::CHARACTER_NOT_IN_REPERTOIRE => {
            StoreError::Unstorable("a text holds a zero byte")
        }
        &SqlState::UNDEFINED_TABLE | &SqlState::UNDEFINED_COLUMN => StoreError::Unavailable(format!(
            "the schema is not the one this program needs ({}); run `realmkeep migrate`",
            message(error)
        )),
        code => match &code.code().get(..2) {
            // Refused or unfit connections, exhausted resources, an operator's intervention, and
            // failures of the system around the database.
            Some("08" | "28" | "3D" | "53" | "57" | "58") => StoreError::Unavailable(text(error)),
            Some("40" | "55") => StoreError::Unavailable(text(error)),
            _ => StoreError::Database(text(error).into()),
        },
    }
}

fn is_io(error: &Error) -> bool {
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        if cause.is::<std::io::Error>() {
            return true;
        }
        next = cause.source();
    }
    // A timeout of the driver's has neither code nor cause.
    error.to_string().contains("timeout") || error.to_string().contains("connecting")
}

fn message(error: &Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| error.to_string(), |e| e.message().to_owned())
}

/// One line without values: the detail of a database error repeats what a row holds.
pub(super) fn text(error: &Error) -> String {
    if let Some(e) = error.as_db_error() {
        return format!("{} ({})", e.message(), e.code().code());
    }
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
