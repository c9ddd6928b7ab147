//! `secure-session`: the answer belongs to the browser that began the request (FAPI 1.0 Baseline section
//! 5.2.2).

use super::{Check, Config, Do, Executor, Outcome, PolicyEvent, Violation};
use crate::scopes::OPENID;

pub(super) const EXECUTOR: Executor = Executor::new(
    "secure-session",
    "Authorization requests have to have a nonce with OpenID Connect, and a state without.",
    &[],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, _: Config<'_>) -> Outcome {
    let Some(request) = check
        .request
        .filter(|_| check.event == PolicyEvent::Authorization)
    else {
        return Ok(());
    };
    let openid = request.scope.split(' ').any(|name| name == OPENID);
    let missing = match (openid, &request.nonce, &request.state) {
        (true, None, _) => "Missing parameter: nonce",
        (false, _, None) => "Missing parameter: state",
        _ => return Ok(()),
    };
    Err(Violation::request(missing))
}
