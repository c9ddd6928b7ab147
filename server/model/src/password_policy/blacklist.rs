use std::collections::HashMap;
use std::io::{self, BufRead};

use fastbloom::BloomFilter;

/// Longest line that is read, in bytes: a longer one is no password of anybody's.
const MAX_LINE: u64 = 4096;

/// Passwords that nobody may have, as a Bloom filter: at 0.01 % of false positives it needs 2.4
/// bytes for each (24 MB for ten million), and a look takes less than a microsecond.
pub struct Blacklist {
    filter: BloomFilter,
    /// Lines that it was made from.
    pub entries: usize,
}

/// A list could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BlacklistError {
    #[error("the password blacklist cannot be read")]
    Io(#[from] io::Error),
    #[error("the password blacklist has a line that is not UTF-8: line {0}")]
    NotUtf8(usize),
}

impl Blacklist {
    /// Share of passwords that a list refuses without holding them, where nothing else is set.
    pub const FALSE_POSITIVES: f64 = 0.0001;

    /// One password on each line, UTF-8; upper and lower case are the same. The list is read twice,
    /// so that the filter fits it.
    ///
    /// # Errors
    /// When reading fails, or a line is not UTF-8.
    pub fn read<R: BufRead>(
        open: impl Fn() -> io::Result<R>,
        false_positives: f64,
    ) -> Result<Self, BlacklistError> {
        let mut entries = 0;
        each_line(open()?, |_| entries += 1)?;
        let rate = false_positives.clamp(1e-9, 0.5);
        // A fixed seed: the same file refuses the same passwords on every replica.
        let mut filter = BloomFilter::with_false_pos(rate)
            .seed(&0)
            .expected_items(entries.max(1));
        each_line(open()?, |line| {
            filter.insert(line.to_lowercase().as_str());
        })?;
        Ok(Self { filter, entries })
    }

    pub fn contains(&self, password: &str) -> bool {
        self.filter.contains(password.to_lowercase().as_str())
    }
}

impl std::fmt::Debug for Blacklist {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blacklist")
            .field("entries", &self.entries)
            .finish_non_exhaustive()
    }
}

/// The blacklists of a server, by file name.
#[derive(Debug, Default)]
pub struct Blacklists(HashMap<String, Blacklist>);

impl Blacklists {
    pub fn insert(&mut self, name: impl Into<String>, list: Blacklist) {
        self.0.insert(name.into(), list);
    }

    /// Whether there is a list of this name.
    pub fn knows(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether the list refuses the password.
    pub fn contains(&self, name: &str, password: &str) -> bool {
        self.0.get(name).is_some_and(|list| list.contains(password))
    }
}

fn each_line(mut from: impl BufRead, mut with: impl FnMut(&str)) -> Result<(), BlacklistError> {
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        number += 1;
        let mut limited = io::Read::take(&mut from, MAX_LINE);
        if limited.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let text = std::str::from_utf8(&line).map_err(|_| BlacklistError::NotUtf8(number))?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if !text.is_empty() {
            with(text);
        }
    }
}
