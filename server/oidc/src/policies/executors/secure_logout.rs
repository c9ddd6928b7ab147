//! `secure-logout`: applications are not told of a logout through the browser.

use super::{
    Check, Config, Do, Executor, Kind, Outcome, PolicyEvent, Property, Violation, attribute,
};

const ALLOW: &str = "allow-front-channel-logout";

pub(super) const EXECUTOR: Executor = Executor::new(
    "secure-logout",
    "Clients may not use front-channel logout.",
    &[Property::new(
        ALLOW,
        "Allow Front-Channel Logout",
        "Whether they may after all.",
        Kind::Switch(Some(false)),
    )],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    if config.is_on(ALLOW) {
        return Ok(());
    }
    let uses = match check.event {
        PolicyEvent::Register | PolicyEvent::Update => {
            check.proposed.as_deref().is_some_and(|client| {
                client.frontchannel_logout == Some(true)
                    || attribute(client, "frontchannel.logout.url").is_some()
            })
        }
        PolicyEvent::Logout => check.by_get,
        _ => false,
    };
    if uses {
        return Err(Violation::new(
            "invalid_registration",
            "Front-channel logout is not allowed for this client",
        ));
    }
    Ok(())
}
