//! `secure-ciba-session`: the user can tell which request they answer.

use super::{Check, Config, Do, Executor, Outcome, PolicyEvent, Violation};

pub(super) const EXECUTOR: Executor = Executor::new(
    "secure-ciba-session",
    "CIBA requests have to have a binding message.",
    &[],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, _: Config<'_>) -> Outcome {
    if check.event != PolicyEvent::BackchannelAuthentication {
        return Ok(());
    }
    let signed = check
        .object
        .and_then(|object| object.claims.get("binding_message"));
    if signed.is_some() || check.parameter("binding_message").is_some() {
        return Ok(());
    }
    Err(Violation::request("Missing parameter: binding_message"))
}
