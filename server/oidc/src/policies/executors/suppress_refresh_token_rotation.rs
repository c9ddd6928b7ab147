//! `suppress-refresh-token-rotation` (002:5994): a refresh hands out no other refresh token (RFC 9700
//! section 4.14.2, for clients whose refresh tokens are bound otherwise).

use super::{Check, Config, Do, Executor, Outcome, PolicyEvent};

pub(super) const EXECUTOR: Executor = Executor::new(
    "suppress-refresh-token-rotation",
    "A refresh token stays as it is when it is used.",
    &[],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, _: Config<'_>) -> Outcome {
    if check.event == PolicyEvent::TokenRefresh {
        check.effects.keep_refresh_token = true;
    }
    Ok(())
}
