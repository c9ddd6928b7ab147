//! `saml-avoid-redirect`: answers to a SAML client do not travel in addresses.

use super::{Check, Config, Do, Executor, Outcome, Violation, attribute, is_complete};

pub(super) const EXECUTOR: Executor = Executor::new(
    "saml-avoid-redirect",
    "SAML clients have to use the POST binding.",
    &[],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, _: Config<'_>) -> Outcome {
    match check
        .proposed
        .as_deref()
        .filter(|_| is_complete(check.event))
    {
        Some(client)
            if client.protocol.as_deref() == Some("saml")
                && attribute(client, "saml.force.post.binding") != Some("true") =>
        {
            Err(Violation::metadata("Force POST binding is not enabled"))
        }
        _ => Ok(()),
    }
}
