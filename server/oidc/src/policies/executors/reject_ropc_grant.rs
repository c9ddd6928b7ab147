//! `reject-ropc-grant`: no passwords through the application (RFC 9700 section 2.4).

use super::{AUTO_CONFIGURE, Check, Config, Do, Executor, Outcome, PolicyEvent, Violation};

pub(super) const EXECUTOR: Executor = Executor::new(
    "reject-ropc-grant",
    "Clients may not use the password grant.",
    &[AUTO_CONFIGURE],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    match check.event {
        PolicyEvent::Register | PolicyEvent::Update => set_up(check, config),
        PolicyEvent::PasswordGrant => Err(Violation::new(
            "invalid_grant",
            "resource owner password credentials grant is prohibited.",
        )),
        _ => Ok(()),
    }
}

fn set_up(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    let Some(client) = check.proposed.as_deref_mut() else {
        return Ok(());
    };
    if config.is_on("auto-configure") {
        client.direct_access_grants_enabled = Some(false);
    }
    if client.direct_access_grants_enabled == Some(true) {
        return Err(Violation::metadata(
            "Invalid client metadata: resource owner password credentials grant enabled",
        ));
    }
    Ok(())
}
