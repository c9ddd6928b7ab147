//! `registration-access-token-rotation-disabled`: a client keeps the token that it manages itself with.

use super::{Check, Config, Do, Executor, Outcome};

pub(super) const EXECUTOR: Executor = Executor::new(
    "registration-access-token-rotation-disabled",
    "A registration access token stays good after the client was changed with it.",
    &[],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, _: Config<'_>) -> Outcome {
    check.effects.keep_registration_token = true;
    Ok(())
}
