//! `any-client` (002:8643): always.

use super::{Ask, Check, Condition, Config, NEGATIVE, Vote};

pub(super) const CONDITION: Condition = Condition {
    id: "any-client",
    help: "Holds for every client and every event.",
    properties: &[NEGATIVE],
    vote: Ask::Now(vote),
};

fn vote(_: &Check<'_>, _: Config<'_>) -> Vote {
    Vote::Yes
}
