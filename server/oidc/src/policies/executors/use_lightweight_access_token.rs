//! `use-lightweight-access-token` (002:8391): access tokens hold next to nothing.

use super::{Check, Config, Do, Executor, Outcome, PolicyEvent};

pub(super) const EXECUTOR: Executor = Executor::new(
    "use-lightweight-access-token",
    "Access tokens hold next to nothing; introspection tells the rest.",
    &[],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, _: Config<'_>) -> Outcome {
    use PolicyEvent::{
        BackchannelToken, DeviceToken, PasswordGrant, ServiceAccountToken, TokenRefresh,
        TokenRequest,
    };
    if matches!(
        check.event,
        TokenRequest
            | TokenRefresh
            | PasswordGrant
            | ServiceAccountToken
            | BackchannelToken
            | DeviceToken
    ) {
        check.effects.lightweight = true;
    }
    Ok(())
}
