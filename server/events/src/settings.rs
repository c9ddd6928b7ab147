//! What the server's configuration says about events, for all realms.

use std::fmt;
use std::str::FromStr;

/// Levels, mails and lengths.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Level of the log lines of events that succeeded.
    pub success_level: Level,
    pub error_level: Level,
    /// Types that the e-mail listener sends mails for; empty means all that it knows.
    pub email_include: Vec<String>,
    /// Types that it sends none for.
    pub email_exclude: Vec<String>,
    /// Characters of a representation that an admin event keeps; None keeps all.
    pub max_representation: Option<usize>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            success_level: Level::Debug,
            error_level: Level::Warn,
            email_include: Vec::new(),
            email_exclude: Vec::new(),
            max_representation: None,
        }
    }
}

/// A level of log lines, by the names that the listener's options have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
    /// Nothing is worse than an error here; it is logged as one.
    Fatal,
}

impl Level {
    pub const NAMES: &'static [&'static str] = &["debug", "info", "warn", "error", "fatal"];
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(name: &str) -> Result<Self, UnknownLevel> {
        Ok(match name {
            "debug" => Self::Debug,
            "info" => Self::Info,
            "warn" => Self::Warn,
            "error" => Self::Error,
            "fatal" => Self::Fatal,
            _ => return Err(UnknownLevel),
        })
    }
}

/// There is no such level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownLevel;

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {} is needed", Level::NAMES.join(", "))
    }
}

impl std::error::Error for UnknownLevel {}
