//! `reject-implicit-grant`: no tokens through the browser.

use super::{AUTO_CONFIGURE, Check, Config, Do, Executor, Outcome, PolicyEvent, Violation};

const PROHIBITED: &str = "Implicit/Hybrid flow is prohibited.";

pub(super) const EXECUTOR: Executor = Executor::new(
    "reject-implicit-grant",
    "Clients may use neither the implicit nor the hybrid flow.",
    &[AUTO_CONFIGURE],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    match check.event {
        PolicyEvent::Register | PolicyEvent::Update => set_up(check, config),
        PolicyEvent::Authorization | PolicyEvent::PushedAuthorization => match check.request {
            Some(request) if request.response_type.is_front_channel() => {
                Err(Violation::request(PROHIBITED))
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

fn set_up(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    let Some(client) = check.proposed.as_deref_mut() else {
        return Ok(());
    };
    if config.is_on("auto-configure") {
        client.implicit_flow_enabled = Some(false);
    }
    if client.implicit_flow_enabled == Some(true) {
        return Err(Violation::metadata(
            "Invalid client metadata: implicit flow enabled",
        ));
    }
    Ok(())
}
