//! `saml-signature-enforcer`: requests of a SAML client are signed, and so are documents or assertions.

use super::{Check, Config, Do, Executor, Outcome, Violation, attribute, is_complete};

pub(super) const EXECUTOR: Executor = Executor::new(
    "saml-signature-enforcer",
    "SAML clients have to sign, and get signed documents or assertions.",
    &[],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, _: Config<'_>) -> Outcome {
    let client = check
        .proposed
        .as_deref()
        .filter(|_| is_complete(check.event));
    let Some(client) = client.filter(|c| c.protocol.as_deref() == Some("saml")) else {
        return Ok(());
    };
    let is_on = |name: &str| attribute(client, name) == Some("true");
    let signs = is_on("saml.server.signature") || is_on("saml.assertion.signature");
    if is_on("saml.client.signature") && signs {
        return Ok(());
    }
    Err(Violation::metadata(
        "Signatures not ensured for the client. Ensure Client signature required and Sign documents or Sign assertions are ON",
    ))
}
