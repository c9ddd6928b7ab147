//! `secure-par-content`: authorization requests are pushed (RFC 9126), whole.

use super::{Check, Config, Do, Executor, Outcome, PolicyEvent, Violation};

const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

pub(super) const EXECUTOR: Executor = Executor::new(
    "secure-par-content",
    "Authorization requests have to be pushed, and may have no parameters that were not.",
    &[],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, _: Config<'_>) -> Outcome {
    if check.event != PolicyEvent::PreAuthorization {
        return Ok(());
    }
    let reference = check
        .parameter("request_uri")
        .ok_or_else(|| Violation::request("request_uri not included."))?;
    if !reference.starts_with(PREFIX) {
        return Err(Violation::request("PAR request_uri not included."));
    }
    let pushed = check
        .pushed
        .as_ref()
        .ok_or_else(|| Violation::request("PAR not found. not issued or used multiple times."))?;
    let sent = check.form.into_iter().flat_map(|form| form.pairs());
    let mut names = sent.map(|(name, _)| name);
    if names.any(|name| name != "request_uri" && !pushed.contains(name)) {
        return Err(Violation::request(
            "PAR request did not include necessary parameters",
        ));
    }
    Ok(())
}
