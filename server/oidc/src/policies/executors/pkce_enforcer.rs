//! `pkce-enforcer`: codes are bound to a secret of the request (RFC 7636), hashed.

use super::{
    AUTO_CONFIGURE, Check, Config, Do, Executor, Outcome, PolicyEvent, Violation, attribute,
    set_attribute,
};

const METHOD: &str = "pkce.code.challenge.method";
const S256: &str = "S256";

pub(super) const EXECUTOR: Executor = Executor::new(
    "pkce-enforcer",
    "Clients have to use PKCE with the method S256.",
    &[AUTO_CONFIGURE],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    match check.event {
        PolicyEvent::Register | PolicyEvent::Update => set_up(check, config),
        PolicyEvent::Authorization => challenged(check),
        PolicyEvent::TokenRequest if check.parameter("code_verifier").is_none() => Err(
            Violation::new("code_verifier_missing", "PKCE code verifier not specified"),
        ),
        // Whether the verifier is the right one was checked with the code.
        _ => Ok(()),
    }
}

fn set_up(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    let Some(client) = check.proposed.as_deref_mut() else {
        return Ok(());
    };
    if config.is_on("auto-configure") {
        set_attribute(client, METHOD, S256);
    }
    match attribute(client, METHOD) {
        Some(S256) => Ok(()),
        _ => Err(Violation::metadata(
            "Invalid client metadata: code_challenge_method",
        )),
    }
}

fn challenged(check: &Check<'_>) -> Outcome {
    let Some(request) = check.request else {
        return Ok(());
    };
    match request.code_challenge_method.as_deref() {
        None => Err(Violation::request(
            "Missing parameter: code_challenge_method",
        )),
        Some(S256) if request.code_challenge.is_some() => Ok(()),
        Some(S256) => Err(Violation::request("Missing parameter: code_challenge")),
        Some(_) => Err(Violation::request(
            "Invalid parameter: invalid code_challenge_method",
        )),
    }
}
