//! `consent-required`: the client's users are asked for consent.

use super::{AUTO_CONFIGURE_ON, Check, Config, Do, Executor, Outcome, Violation, sets_up};

pub(super) const EXECUTOR: Executor = Executor::new(
    "consent-required",
    "Clients have to ask their users for consent.",
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
        client.consent_required = Some(true);
    }
    match client.consent_required {
        Some(true) => Ok(()),
        _ => Err(Violation::new(
            "invalid_registration",
            "Client is required to enable consentRequired",
        )),
    }
}
