//! `secure-response-type`: what comes through the browser is signed: an ID token beside the code, or the
//! whole answer (FAPI 1.0 Advanced section 5.2.2).

use super::{
    AUTO_CONFIGURE, Check, Config, Do, Executor, Kind, Outcome, PolicyEvent, Property, Violation,
    attribute, set_attribute,
};

const DETACHED: &str = "id.token.as.detached.signature";
const TOKEN: &str = "allow-token-response-type";

pub(super) const EXECUTOR: Executor = Executor::new(
    "secure-response-type",
    "Answers to authorization requests have to be signed, by an ID token or as a whole.",
    &[
        AUTO_CONFIGURE,
        Property::new(
            TOKEN,
            "Allow-token-response-type",
            "Whether an access token may be beside the ID token.",
            Kind::Switch(Some(false)),
        ),
    ],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    match check.event {
        PolicyEvent::Register | PolicyEvent::Update => set_up(check, config),
        PolicyEvent::Authorization => {
            let Some(request) = check.request else {
                return Ok(());
            };
            let kind = request.response_type;
            let signed = if kind.is_front_channel() {
                kind.code && kind.id_token && (!kind.token || config.is_on(TOKEN))
            } else {
                kind.code && request.response_mode.is_jwt()
            };
            if signed {
                return Ok(());
            }
            Err(Violation::request("invalid response_type"))
        }
        _ => Ok(()),
    }
}

fn set_up(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    let Some(client) = check.proposed.as_deref_mut() else {
        return Ok(());
    };
    if config.is_on("auto-configure") {
        set_attribute(client, DETACHED, "true");
    }
    match attribute(client, DETACHED) {
        Some("true") => Ok(()),
        _ => Err(Violation::metadata(
            "Invalid client metadata: ID Token as detached signature in disabled",
        )),
    }
}
