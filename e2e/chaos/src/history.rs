//! What the clients saw, and whether it may have been.
//!
//! An operation is acknowledged, refused, or its outcome is not known: then it may count either way,
//! but never twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// How one request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Refused for its content.
    Refused,
    /// No answer, or one that says nothing about what happened.
    Unknown,
}

#[derive(Clone, Debug)]
enum Entry {
    /// One use of a thing that may be used once.
    Use { thing: String, outcome: Outcome },
    /// A write, by what can be read back.
    Write { name: String, outcome: Outcome },
    /// Something that began after a revocation was acknowledged.
    AfterRevocation { what: String, outcome: Outcome },
    /// What was there in the end.
    Found(BTreeSet<String>),
}

#[derive(Debug, Default)]
pub struct History {
    entries: Mutex<Vec<Entry>>,
}

/// The checker's judgement.
#[derive(Debug, Default)]
pub struct Verdict {
    pub operations: usize,
    pub done: usize,
    pub unknown: usize,
    /// Things that were used by exactly one of those who tried.
    pub used_once: usize,
    /// Uses of what was revoked, all refused when there is no violation.
    pub after_revocation: usize,
    pub violations: Vec<String>,
}

impl History {
    pub fn used(&self, thing: &str, outcome: Outcome) {
        let thing = thing.to_owned();
        self.push(Entry::Use { thing, outcome });
    }

    pub fn wrote(&self, name: &str, outcome: Outcome) {
        let name = name.to_owned();
        self.push(Entry::Write { name, outcome });
    }

    pub fn after_revocation(&self, what: &str, outcome: Outcome) {
        let what = what.to_owned();
        self.push(Entry::AfterRevocation { what, outcome });
    }

    pub fn found(&self, names: BTreeSet<String>) {
        self.push(Entry::Found(names));
    }

    fn push(&self, entry: Entry) {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(entry);
    }

    pub fn judge(&self) -> Verdict {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut verdict = Verdict::default();
        let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
        let mut writes = Vec::new();
        let mut found = None;
        for entry in entries.iter() {
            let outcome = match entry {
                Entry::Use { thing, outcome } => {
                    *uses.entry(thing).or_default() += usize::from(*outcome == Outcome::Done);
                    outcome
                }
                Entry::Write { name, outcome } => {
                    if *outcome == Outcome::Done {
                        writes.push(name);
                    }
                    outcome
                }
                Entry::AfterRevocation { what, outcome } => {
                    verdict.after_revocation += 1;
                    if *outcome == Outcome::Done {
                        verdict
                            .violations
                            .push(format!("{what} was accepted after it was revoked"));
                    }
                    outcome
                }
                Entry::Found(names) => {
                    found = Some(names);
                    continue;
                }
            };
            verdict.operations += 1;
            verdict.done += usize::from(*outcome == Outcome::Done);
            verdict.unknown += usize::from(*outcome == Outcome::Unknown);
        }
        for (thing, times) in uses {
            match times {
                0 => {}
                1 => verdict.used_once += 1,
                _ => verdict
                    .violations
                    .push(format!("{thing} was used {times} times")),
            }
        }
        for name in writes {
            if !found.is_some_and(|found| found.contains(name)) {
                verdict
                    .violations
                    .push(format!("{name} was acknowledged and is lost"));
            }
        }
        verdict
    }
}

impl Verdict {
    /// Whether enough happened for the absence of violations to mean something.
    pub fn is_telling(&self) -> bool {
        self.used_once > 10 && self.after_revocation > 0 && self.done > 50
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} operations, {} done, {} of unknown outcome; {} things used once, {} uses of what was revoked; {} violations",
            self.operations,
            self.done,
            self.unknown,
            self.used_once,
            self.after_revocation,
            self.violations.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(fill: impl FnOnce(&History)) -> usize {
        let history = History::default();
        fill(&history);
        history.judge().violations.len()
    }

    #[test]
    fn a_thing_counts_once_however_unclear_the_rest_is() {
        assert_eq!(
            violations(|h| {
                h.used("code", Outcome::Unknown);
                h.used("code", Outcome::Done);
                h.used("code", Outcome::Refused);
            }),
            0
        );
        assert_eq!(
            violations(|h| {
                h.used("code", Outcome::Done);
                h.used("code", Outcome::Done);
                h.used("other", Outcome::Done);
            }),
            1
        );
    }

    #[test]
    fn only_acknowledged_writes_must_be_there() {
        let fill = |found: &[&str]| {
            let found: BTreeSet<String> = found.iter().map(|name| (*name).to_owned()).collect();
            violations(|h| {
                h.wrote("acknowledged", Outcome::Done);
                h.wrote("unclear", Outcome::Unknown);
                h.found(found);
            })
        };
        assert_eq!(fill(&["acknowledged"]), 0);
        assert_eq!(fill(&["acknowledged", "unclear"]), 0);
        assert_eq!(fill(&["unclear"]), 1);
    }

    #[test]
    fn what_was_revoked_is_never_accepted() {
        assert_eq!(
            violations(|h| {
                h.after_revocation("token", Outcome::Refused);
                h.after_revocation("token", Outcome::Unknown);
            }),
            0
        );
        assert_eq!(
            violations(|h| h.after_revocation("token", Outcome::Done)),
            1
        );
    }
}
