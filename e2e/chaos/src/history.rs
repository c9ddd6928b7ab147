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

/// What has to hold, by the numbers of docs/reliability.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// I1: what was acknowledged is not lost.
    NothingLost,
    /// I2: a code is redeemed at most once.
    CodeOnce,
    /// I3: other things that count once.
    ThingOnce,
    /// I4: a rotated refresh token has at most one successor, and the newest one works.
    OneSuccessor,
    /// I5: nothing that was taken back is accepted.
    TakenBack,
    /// I6: a locked account accepts no password.
    Locked,
    /// I9: a change and its event are there, or neither is.
    EventWithChange,
    /// I10: the key of a token is published before the token.
    KeyPublished,
}

impl Invariant {
    pub const ALL: [Self; 8] = [
        Self::NothingLost,
        Self::CodeOnce,
        Self::ThingOnce,
        Self::OneSuccessor,
        Self::TakenBack,
        Self::Locked,
        Self::EventWithChange,
        Self::KeyPublished,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::NothingLost => "I1 nothing acknowledged is lost",
            Self::CodeOnce => "I2 a code counts once",
            Self::ThingOnce => "I3 a pushed request counts once",
            Self::OneSuccessor => "I4 a refresh token has one successor",
            Self::TakenBack => "I5 what was taken back is refused",
            Self::Locked => "I6 a locked account stays locked",
            Self::EventWithChange => "I9 an event for each change",
            Self::KeyPublished => "I10 a token's key is published",
        }
    }
}

#[derive(Clone, Debug)]
enum Entry {
    /// One use of a thing that may be used once.
    Use {
        invariant: Invariant,
        thing: String,
        outcome: Outcome,
    },
    /// A write, by what can be read back.
    Write { name: String, outcome: Outcome },
    /// Something that has to be refused, since it began after its ground was acknowledged.
    Forbidden {
        invariant: Invariant,
        what: String,
        outcome: Outcome,
    },
    /// Something that has to work.
    Needed {
        invariant: Invariant,
        what: String,
        outcome: Outcome,
    },
    /// What was there in the end: names by id.
    Found(BTreeMap<String, String>),
    /// Ids of which an event says that they were made.
    Events(Vec<String>),
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
    /// How often each invariant was really put to the test.
    pub checked: BTreeMap<Invariant, usize>,
    pub violations: Vec<(Invariant, String)>,
}

impl History {
    pub fn used(&self, invariant: Invariant, thing: &str, outcome: Outcome) {
        let thing = thing.to_owned();
        self.push(Entry::Use {
            invariant,
            thing,
            outcome,
        });
    }

    pub fn wrote(&self, name: &str, outcome: Outcome) {
        let name = name.to_owned();
        self.push(Entry::Write { name, outcome });
    }

    pub fn forbidden(&self, invariant: Invariant, what: &str, outcome: Outcome) {
        let what = what.to_owned();
        self.push(Entry::Forbidden {
            invariant,
            what,
            outcome,
        });
    }

    pub fn needed(&self, invariant: Invariant, what: &str, outcome: Outcome) {
        let what = what.to_owned();
        self.push(Entry::Needed {
            invariant,
            what,
            outcome,
        });
    }

    pub fn found(&self, names: BTreeMap<String, String>) {
        self.push(Entry::Found(names));
    }

    pub fn events(&self, ids: Vec<String>) {
        self.push(Entry::Events(ids));
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
        let mut uses: BTreeMap<(Invariant, &str), usize> = BTreeMap::new();
        let mut writes = Vec::new();
        let mut found = BTreeMap::new();
        let mut events = None;
        for entry in entries.iter() {
            match entry {
                Entry::Use {
                    invariant,
                    thing,
                    outcome,
                } => {
                    *uses.entry((*invariant, thing)).or_default() +=
                        usize::from(*outcome == Outcome::Done);
                    verdict.count(*outcome);
                }
                Entry::Write { name, outcome } => {
                    if *outcome == Outcome::Done {
                        writes.push(name);
                    }
                    verdict.count(*outcome);
                }
                Entry::Forbidden {
                    invariant,
                    what,
                    outcome,
                } => {
                    if *outcome != Outcome::Unknown {
                        verdict.check(*invariant);
                    }
                    if *outcome == Outcome::Done {
                        verdict.violation(*invariant, format!("{what} was accepted"));
                    }
                    verdict.count(*outcome);
                }
                Entry::Needed {
                    invariant,
                    what,
                    outcome,
                } => {
                    if *outcome != Outcome::Unknown {
                        verdict.check(*invariant);
                    }
                    if *outcome == Outcome::Refused {
                        verdict.violation(*invariant, format!("{what} was refused"));
                    }
                    verdict.count(*outcome);
                }
                Entry::Found(names) => found.clone_from(names),
                Entry::Events(ids) => events = Some(ids),
            }
        }
        for ((invariant, thing), times) in uses {
            match times {
                0 => {}
                1 => verdict.check(invariant),
                _ => verdict.violation(invariant, format!("{thing} was used {times} times")),
            }
        }
        let names: BTreeSet<&String> = found.values().collect();
        for name in writes {
            verdict.check(Invariant::NothingLost);
            if !names.contains(name) {
                let lost = format!("{name} was acknowledged and is lost");
                verdict.violation(Invariant::NothingLost, lost);
            }
        }
        if let Some(events) = events {
            verdict.compare(&found, events);
        }
        verdict
    }
}

impl Verdict {
    fn count(&mut self, outcome: Outcome) {
        self.operations += 1;
        self.done += usize::from(outcome == Outcome::Done);
        self.unknown += usize::from(outcome == Outcome::Unknown);
    }

    fn check(&mut self, invariant: Invariant) {
        *self.checked.entry(invariant).or_default() += 1;
    }

    fn violation(&mut self, invariant: Invariant, what: String) {
        self.violations.push((invariant, what));
    }

    /// Each thing that is there has its one event, and each event its thing.
    fn compare(&mut self, found: &BTreeMap<String, String>, events: &[String]) {
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for id in events {
            *times.entry(id).or_default() += 1;
        }
        for (id, name) in found {
            self.check(Invariant::EventWithChange);
            let seen = times.remove(id.as_str()).unwrap_or_default();
            if seen != 1 {
                let what = format!("{name} was made and has {seen} events of it");
                self.violation(Invariant::EventWithChange, what);
            }
        }
        for id in times.keys() {
            let what = format!("an event says that {id} was made, which is not there");
            self.violation(Invariant::EventWithChange, what);
        }
    }

    /// What was hardly put to the test: the absence of violations means nothing for it.
    pub fn untold(&self) -> Vec<Invariant> {
        let few = |one: &Invariant| self.checked.get(one).copied().unwrap_or_default() < 5;
        Invariant::ALL.into_iter().filter(few).collect()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} operations, {} done, {} of unknown outcome",
            self.operations, self.done, self.unknown
        )?;
        for invariant in Invariant::ALL {
            let checked = self.checked.get(&invariant).copied().unwrap_or_default();
            let broken = self
                .violations
                .iter()
                .filter(|(one, _)| *one == invariant)
                .count();
            writeln!(
                f,
                "  {checked:6} times, {broken} violations: {}",
                invariant.name()
            )?;
        }
        Ok(())
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
        let code = Invariant::CodeOnce;
        assert_eq!(
            violations(|h| {
                h.used(code, "code", Outcome::Unknown);
                h.used(code, "code", Outcome::Done);
                h.used(code, "code", Outcome::Refused);
            }),
            0
        );
        assert_eq!(
            violations(|h| {
                h.used(code, "code", Outcome::Done);
                h.used(code, "code", Outcome::Done);
                h.used(code, "other", Outcome::Done);
            }),
            1
        );
    }

    #[test]
    fn only_acknowledged_writes_must_be_there() {
        let fill = |found: &[&str]| {
            let found = found
                .iter()
                .map(|name| (format!("id of {name}"), (*name).to_owned()));
            violations(|h| {
                h.wrote("acknowledged", Outcome::Done);
                h.wrote("unclear", Outcome::Unknown);
                h.found(found.collect());
            })
        };
        assert_eq!(fill(&["acknowledged"]), 0);
        assert_eq!(fill(&["acknowledged", "unclear"]), 0);
        assert_eq!(fill(&["unclear"]), 1);
    }

    #[test]
    fn what_was_taken_back_is_never_accepted() {
        let taken = Invariant::TakenBack;
        assert_eq!(
            violations(|h| {
                h.forbidden(taken, "token", Outcome::Refused);
                h.forbidden(taken, "token", Outcome::Unknown);
            }),
            0
        );
        assert_eq!(
            violations(|h| h.forbidden(taken, "token", Outcome::Done)),
            1
        );
    }

    #[test]
    fn what_has_to_work_may_fail_but_not_be_refused() {
        let key = Invariant::KeyPublished;
        assert_eq!(violations(|h| h.needed(key, "key", Outcome::Unknown)), 0);
        assert_eq!(violations(|h| h.needed(key, "key", Outcome::Refused)), 1);
    }

    #[test]
    fn a_change_and_its_event_belong_together() {
        let fill = |events: &[&str]| {
            let found = BTreeMap::from([("1".to_owned(), "alice".to_owned())]);
            let events: Vec<String> = events.iter().map(|id| (*id).to_owned()).collect();
            violations(|h| {
                h.found(found);
                h.events(events);
            })
        };
        assert_eq!(fill(&["1"]), 0);
        assert_eq!(fill(&[]), 1);
        assert_eq!(fill(&["1", "1"]), 1);
        assert_eq!(fill(&["1", "2"]), 1);
    }
}
