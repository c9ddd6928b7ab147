//! `secure-signature-algorithm-signed-jwt`: client assertions are signed with an algorithm that FAPI
//! allows.

use realmkeep_jose::UnverifiedJwt;

use super::{
    Check, Config, Do, Executor, Kind, Outcome, PolicyEvent, Property, SECURE_ALGORITHMS,
    Violation, insecure_algorithm,
};

const REQUIRED: &str = "require-client-assertion";

pub(super) const EXECUTOR: Executor = Executor::new(
    "secure-signature-algorithm-signed-jwt",
    "Client assertions have to be signed with algorithms that FAPI allows.",
    &[Property::new(
        REQUIRED,
        "Require Client Assertion",
        "Whether clients have to prove themselves by an assertion.",
        Kind::Switch(Some(false)),
    )],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    use PolicyEvent::{Introspection, Logout, Revocation, TokenRefresh, TokenRequest};
    if !matches!(
        check.event,
        TokenRequest | TokenRefresh | Revocation | Introspection | Logout
    ) {
        return Ok(());
    }
    let unreadable = || Violation::request("not allowed input format.");
    let Some(text) = check.parameter("client_assertion") else {
        return match config.is_on(REQUIRED) {
            true => Err(unreadable()),
            false => Ok(()),
        };
    };
    let assertion = UnverifiedJwt::parse(text).map_err(|_| unreadable())?;
    if SECURE_ALGORITHMS.contains(&assertion.unverified_algorithm().as_str()) {
        return Ok(());
    }
    Err(insecure_algorithm())
}
