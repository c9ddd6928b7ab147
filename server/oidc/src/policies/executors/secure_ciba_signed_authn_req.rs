//! `secure-ciba-signed-authn-req`: CIBA requests are signed, and not good for long (FAPI-CIBA section
//! 5.2.2).

use serde_json::Value;

use super::{Check, Config, Do, Executor, Kind, Outcome, PolicyEvent, Property, Violation};

/// In seconds.
const PERIOD: i64 = 3_600;

pub(super) const EXECUTOR: Executor = Executor::new(
    "secure-ciba-signed-authn-req",
    "CIBA requests have to be signed and may not be good for long.",
    &[Property::new(
        "available-period",
        "Available Period",
        "Longest time between nbf and exp of a request, in seconds.",
        Kind::Text(Some("3600")),
    )],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    if check.event != PolicyEvent::BackchannelAuthentication {
        return Ok(());
    }
    let sent = |name: &str| check.parameter(name).is_some();
    if !sent("request") && !sent("request_uri") {
        return Err(Violation::request(
            "Missing parameter: 'request' or 'request_uri'",
        ));
    }
    let object = check
        .object
        .ok_or_else(|| Violation::request("Invalid parameter: : 'request' or 'request_uri'"))?;
    let claims = &object.claims;
    let missing = |name: &str| {
        Violation::request(format!(
            "Missing parameter in the signed authentication request: {name}"
        ))
    };
    let time = |name: &str| {
        claims
            .get(name)
            .and_then(Value::as_i64)
            .ok_or_else(|| missing(name))
    };
    let (exp, nbf, now) = (time("exp")?, time("nbf")?, check.context.now);
    if now > exp {
        return Err(Violation::request("Request Expired"));
    }
    if now < nbf {
        return Err(Violation::request("Request not yet being processed"));
    }
    if exp.saturating_sub(nbf) > config.number("available-period").unwrap_or(PERIOD) {
        return Err(Violation::request(
            "signed authentication request's available period is long",
        ));
    }
    // For whom and by whom it is was checked with its signature.
    for name in ["aud", "iss"] {
        if claims.get(name).is_none() {
            let text = format!("Missing parameter in the 'request' object: {name}");
            return Err(Violation::request(text));
        }
    }
    for name in ["iat", "jti"] {
        claims.get(name).ok_or_else(|| missing(name))?;
    }
    Ok(())
}
