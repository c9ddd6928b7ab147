//! `secure-client-authentication-assertion`: an assertion is for this issuer and nobody else (FAPI 2.0
//! section 5.3.2.1, RFC 10070).

use realmkeep_jose::UnverifiedJwt;

use super::{Check, Config, Do, Executor, Outcome, PolicyEvent, Violation};

pub(super) const EXECUTOR: Executor = Executor::new(
    "secure-client-authentication-assertion",
    "Client assertions have to name the issuer as their only audience.",
    &[],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, _: Config<'_>) -> Outcome {
    use PolicyEvent::{Introspection, PushedAuthorization, Revocation, TokenRefresh, TokenRequest};
    if !matches!(
        check.event,
        PushedAuthorization | TokenRequest | TokenRefresh | Introspection | Revocation
    ) {
        return Ok(());
    }
    let Some(text) = check
        .parameter("client_assertion")
        .filter(|_| check.is_confidential())
    else {
        return Ok(());
    };
    let assertion = UnverifiedJwt::parse(text)
        .map_err(|_| Violation::request("invalid client assertion format"))?;
    if assertion.unverified_aud() == [check.context.issuer.as_str()] {
        return Ok(());
    }
    Err(Violation::request("invalid audience in client assertion"))
}
