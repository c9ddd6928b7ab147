//! `secure-signature-algorithm`: what is signed by a client or for it is signed with an algorithm that
//! FAPI allows.

use super::{
    Check, Config, DEFAULT_ALGORITHM, Do, Executor, Outcome, SECURE_ALGORITHMS, attribute,
    default_algorithm, insecure_algorithm, set_attribute, sets_up,
};
use crate::policies::check::Writer;

const TARGETS: [&str; 4] = [
    "user.info.response.signature.alg",
    "request.object.signature.alg",
    "id.token.signed.response.alg",
    "token.endpoint.auth.signing.alg",
];
/// No metadata of dynamic registration stands for it.
const ADMIN_TARGET: &str = "access.token.signed.response.alg";

pub(super) const EXECUTOR: Executor = Executor::new(
    "secure-signature-algorithm",
    "Clients have to be set to signature algorithms that FAPI allows.",
    &[DEFAULT_ALGORITHM],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    let by_admin = check
        .author
        .as_ref()
        .is_some_and(|author| author.writer == Writer::AuthenticatedUser);
    let Some(client) = check
        .proposed
        .as_deref_mut()
        .filter(|_| sets_up(check.event))
    else {
        return Ok(());
    };
    for target in TARGETS.into_iter().chain(by_admin.then_some(ADMIN_TARGET)) {
        match attribute(client, target) {
            None => set_attribute(client, target, default_algorithm(config)),
            Some(algorithm) if SECURE_ALGORITHMS.contains(&algorithm) => {}
            Some(_) => return Err(insecure_algorithm()),
        }
    }
    Ok(())
}
