//! `confidential-client`: clients that cannot prove themselves get nothing.

use super::{Check, Config, Do, Executor, Outcome, PolicyEvent, Violation};

pub(super) const EXECUTOR: Executor = Executor::new(
    "confidential-client",
    "Refuses requests of public and bearer-only clients.",
    &[],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, _: Config<'_>) -> Outcome {
    use PolicyEvent::{
        Authorization, BackchannelAuthentication, BackchannelToken, ServiceAccountToken,
        TokenRequest,
    };
    match check.event {
        Authorization
        | TokenRequest
        | ServiceAccountToken
        | BackchannelAuthentication
        | BackchannelToken
            if !check.is_confidential() =>
        {
            Err(Violation::new(
                "invalid_client",
                "invalid client access type",
            ))
        }
        _ => Ok(()),
    }
}
