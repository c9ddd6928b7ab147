//! `reject-request`: nothing at all.

use super::{Check, Config, Do, Executor, Outcome, Violation};

pub(super) const EXECUTOR: Executor = Executor::new(
    "reject-request",
    "Refuses every request.",
    &[],
    Do::Now(run),
);

fn run(_: &mut Check<'_>, _: Config<'_>) -> Outcome {
    Err(Violation::request("request not allowed"))
}
