//! `secure-ciba-req-sig-algorithm`: CIBA requests are signed with an algorithm that FAPI allows.

use super::{
    Check, Config, DEFAULT_ALGORITHM, Do, Executor, Outcome, SECURE_ALGORITHMS, attribute,
    default_algorithm, insecure_algorithm, set_attribute, sets_up,
};

const TARGET: &str = "ciba.backchannel.auth.request.signing.alg";

pub(super) const EXECUTOR: Executor = Executor::new(
    "secure-ciba-req-sig-algorithm",
    "CIBA requests of clients have to be signed with an algorithm that FAPI allows.",
    &[DEFAULT_ALGORITHM],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    let Some(client) = check
        .proposed
        .as_deref_mut()
        .filter(|_| sets_up(check.event))
    else {
        return Ok(());
    };
    match attribute(client, TARGET) {
        None => set_attribute(client, TARGET, default_algorithm(config)),
        Some(algorithm) if SECURE_ALGORITHMS.contains(&algorithm) => {}
        Some(_) => return Err(insecure_algorithm()),
    }
    Ok(())
}
