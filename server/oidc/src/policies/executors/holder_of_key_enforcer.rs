//! `holder-of-key-enforcer`: tokens are bound to the client's certificate (RFC 8705 section 3).

use http::StatusCode;

use super::{
    AUTO_CONFIGURE, Check, Config, Do, Executor, Outcome, PolicyEvent, Violation, attribute,
    set_attribute,
};
use crate::binding::Binding;

const BOUND: &str = "tls.client.certificate.bound.access.tokens";
const UNPROVEN: &str =
    "Client certificate missing, or its thumbprint and one in the refresh token did NOT match";

pub(super) const EXECUTOR: Executor = Executor::new(
    "holder-of-key-enforcer",
    "Tokens of clients have to be bound to their certificate.",
    &[AUTO_CONFIGURE],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    match check.event {
        PolicyEvent::Register | PolicyEvent::Update => set_up(check, config),
        PolicyEvent::TokenRequest
        | PolicyEvent::ServiceAccountToken
        | PolicyEvent::BackchannelToken => match check.context.certificate {
            Some(_) => Ok(()),
            None => Err(Violation::request(
                "Client Certification missing for MTLS HoK Token Binding",
            )),
        },
        PolicyEvent::TokenRefresh => proven(check, "invalid_grant", StatusCode::BAD_REQUEST),
        PolicyEvent::Revocation | PolicyEvent::UserInfo | PolicyEvent::Logout => {
            proven(check, "not_allowed", StatusCode::UNAUTHORIZED)
        }
        _ => Ok(()),
    }
}

fn set_up(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    let Some(client) = check.proposed.as_deref_mut() else {
        return Ok(());
    };
    if config.is_on("auto-configure") {
        set_attribute(client, BOUND, "true");
    }
    match attribute(client, BOUND) {
        Some("true") => Ok(()),
        _ => Err(Violation::metadata(
            "Invalid client metadata: MTLS token in disabled",
        )),
    }
}

/// The token has to be bound, and to the certificate of this connection. What is no token of ours is
/// refused elsewhere.
fn proven(check: &Check<'_>, error: &'static str, status: StatusCode) -> Outcome {
    let Some(token) = check.token else {
        return Ok(());
    };
    let bound = Binding::of_token(token);
    let proven = Binding {
        // A key is not the matter here.
        jkt: bound.jkt.clone(),
        x5t: check.context.certificate.as_ref().map(|c| c.thumbprint()),
    };
    if bound.x5t.is_some() && proven.satisfies(&bound) {
        return Ok(());
    }
    Err(Violation::new(error, UNPROVEN).status(status))
}
