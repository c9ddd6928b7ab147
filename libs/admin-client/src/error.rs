//! What can go wrong at an Admin API, in words that name the object and the remedy.

use std::time::Duration;

/// A failed call. `object` is what the call was about (`client "shop" of realm "customers"`).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{object}: not found on the server")]
    NotFound { object: String },
    #[error("{object}: the server already has one that conflicts: {message}")]
    Conflict { object: String, message: String },
    /// Somebody else was faster; what was to be written was made for an older state.
    #[error("{object}: it was changed on the server at the same moment; plan again")]
    Changed { object: String },
    /// The server did not accept our credentials (HTTP 401, or the token endpoint refused).
    #[error("the server does not accept our credentials: {message}")]
    Unauthorized { message: String },
    #[error(
        "{object}: our credentials may not do this; give their service account the realm-management roles it needs"
    )]
    Forbidden { object: String },
    #[error("{object}: the server asks for fewer requests; trying again later")]
    RateLimited {
        object: String,
        retry_after: Option<Duration>,
    },
    #[error("{object}: the server refused (HTTP {status}): {message}")]
    Rejected {
        object: String,
        status: u16,
        message: String,
    },
    #[error("{object}: the server failed (HTTP {status}): {message}")]
    ServerFailed {
        object: String,
        status: u16,
        message: String,
    },
    #[error("the server at {url} cannot be reached: {cause}")]
    Unreachable { url: String, cause: String },
    /// The answer is not what the Admin API answers; usually the URL is another server's.
    #[error("{object}: the answer is not the Admin API's ({reason}); check the server URL")]
    Unintelligible { object: String, reason: String },
}

impl Error {
    /// True when the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Changed { .. }
                | Self::RateLimited { .. }
                | Self::ServerFailed { .. }
                | Self::Unreachable { .. }
        )
    }
}

/// Turns "not found" into `None`.
pub trait FoundExt<T> {
    /// # Errors
    /// Every error but [`Error::NotFound`].
    fn found(self) -> Result<Option<T>, Error>;
}

impl<T> FoundExt<T> for Result<T, Error> {
    fn found(self) -> Result<Option<T>, Error> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }
}
