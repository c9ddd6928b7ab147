//! Standard output for commands; a reader that has gone away is no error.

use std::fmt::Display;
use std::io::Write;

pub fn say(text: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Without a line end.
pub fn print(text: impl Display) {
    let mut out = std::io::stdout().lock();
    let _ = write!(out, "{text}");
    let _ = out.flush();
}

pub fn complain(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "realmkeep: {text}");
}
