//! `full-scope-disabled`: tokens hold the roles that the client was given, and not all of the user's.

use super::{AUTO_CONFIGURE_ON, Check, Config, Do, Executor, Outcome, Violation, sets_up};

pub(super) const EXECUTOR: Executor = Executor::new(
    "full-scope-disabled",
    "Clients may not have the full scope of roles.",
    &[AUTO_CONFIGURE_ON],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    let Some(client) = check
        .proposed
        .as_deref_mut()
        .filter(|_| sets_up(check.event))
    else {
        return Ok(());
    };
    if config.is_on("auto-configure") {
        client.full_scope_allowed = Some(false);
    }
    // Where nothing is said clients have it.
    match client.full_scope_allowed {
        Some(false) => Ok(()),
        _ => Err(Violation::new(
            "invalid_registration",
            "Not permitted to enable fullScopeAllowed",
        )),
    }
}
