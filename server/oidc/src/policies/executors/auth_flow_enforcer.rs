//! `auth-flow-enforcer`: the login runs another flow than the realm's or the client's own.

use super::{Check, Config, Do, Executor, Kind, Outcome, PolicyEvent, Property};

pub(super) const EXECUTOR: Executor = Executor::new(
    "auth-flow-enforcer",
    "Runs this flow for logins.",
    &[
        Property::new(
            "auth-flow-alias",
            "Auth Flow Alias",
            "Alias of the flow.",
            Kind::Text(None),
        ),
        Property::new(
            "auth-flow-loa",
            "Auth Flow Loa",
            "The level of authentication that the flow reaches.",
            Kind::Number(1),
        ),
    ],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    if check.event == PolicyEvent::Authorization
        && let Some(alias) = config.text("auth-flow-alias")
    {
        check.effects.flow = Some((alias.to_owned(), config.number("auth-flow-loa")));
    }
    Ok(())
}
