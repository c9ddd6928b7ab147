//! `secure-request-object`: authorization requests are signed, for this server, and not good for long
//! (FAPI 1.0 Advanced section 5.2.2, FAPI 2.0 Message Signing section 5.3).

use serde_json::Value;

use super::{Check, Config, Do, Executor, Kind, Outcome, PolicyEvent, Property, Violation};

/// In seconds.
const PERIOD: i64 = 3_600;
const SKEW: i64 = 15;
const OBJECT: &str = "invalid_request_object";

pub(super) const EXECUTOR: Executor = Executor::new(
    "secure-request-object",
    "Authorization requests have to be signed, for this server, and may not be good for long.",
    &[
        Property::new(
            "verify-nbf",
            "Verify Not-Before",
            "Whether nbf has to be there, and to be past.",
            Kind::Switch(Some(true)),
        ),
        Property::new(
            "available-period",
            "Available Period",
            "Longest time between nbf and exp, in seconds.",
            Kind::Text(Some("3600")),
        ),
        Property::new(
            "encryption-required",
            "Encryption Required",
            "Whether the object has to be encrypted.",
            Kind::Switch(Some(false)),
        ),
        Property::new(
            "allowed-clock-skew",
            "Allowed Clock Skew",
            "How far ahead of this server's clock nbf and iat may be, in seconds.",
            Kind::Text(Some("15")),
        ),
    ],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    if check.event != PolicyEvent::Authorization {
        return Ok(());
    }
    judge(check, config).map_err(|violation| {
        // What was pushed is known by its reference alone.
        if check.pushed.is_some() && violation.error == OBJECT {
            return Violation {
                error: "invalid_request_uri",
                ..violation
            };
        }
        violation
    })
}

fn judge(check: &Check<'_>, config: Config<'_>) -> Outcome {
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
    if check.parameter("scope").is_none() && claims.get("scope").is_none() {
        return Err(Violation::request(
            "Parameter 'scope' missing in the request parameters or in 'request' object",
        ));
    }
    times(check, config)?;
    audience(check)?;
    // What is outside of the object counts for nothing; where it says something else, somebody tried.
    let form = check.form.into_iter().flat_map(|form| form.pairs());
    for (name, value) in form.filter(|(name, _)| is_known(name)) {
        let inside = claims.get(name).map(text);
        if inside.as_deref() != Some(value) {
            return Err(Violation::request(
                "Invalid parameter. Parameters in 'request' object not matching with request parameters",
            ));
        }
    }
    if config.is_on("encryption-required") && !object.encrypted {
        return Err(Violation::new(OBJECT, "Request object not encrypted"));
    }
    Ok(())
}

fn times(check: &Check<'_>, config: Config<'_>) -> Outcome {
    let bad = |text: &'static str| Err(Violation::new(OBJECT, text));
    let time = |name: &str| {
        let claims = check.object.map(|object| &object.claims);
        claims.and_then(|claims| claims.get(name)?.as_i64())
    };
    let now = check.context.now;
    let skew = config.number("allowed-clock-skew").unwrap_or(SKEW);
    let Some(exp) = time("exp") else {
        return bad("Missing parameter in the 'request' object: exp");
    };
    if now > exp {
        return bad("Request Expired");
    }
    if config.switch("verify-nbf") != Some(false) {
        let Some(nbf) = time("nbf") else {
            return bad("Missing parameter in the 'request' object: nbf");
        };
        if now < nbf.saturating_sub(skew) {
            return bad("Request not yet being processed");
        }
        if exp.saturating_sub(nbf) > config.number("available-period").unwrap_or(PERIOD) {
            return bad("Request's available period is long");
        }
    }
    if time("iat").is_some_and(|iat| now < iat.saturating_sub(skew)) {
        return bad("Request issued in the future");
    }
    Ok(())
}

fn audience(check: &Check<'_>) -> Outcome {
    let claims = check.object.map(|object| &object.claims);
    let named = match claims.and_then(|claims| claims.get("aud")) {
        None => {
            let text = "Missing parameter in the 'request' object: aud";
            return Err(Violation::new(OBJECT, text));
        }
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        Some(one) => one.as_str().into_iter().collect::<Vec<_>>(),
    };
    let description = if named.is_empty() {
        "Missing parameter value in the 'request' object: aud"
    } else if !named.contains(&check.context.issuer.as_str()) {
        "Invalid parameter in the 'request' object: aud"
    } else {
        return Ok(());
    };
    Err(Violation::new(OBJECT, description))
}

/// Parameters of an authorization request, but for those that bring the object.
fn is_known(name: &str) -> bool {
    const KNOWN: [&str; 18] = [
        "client_id",
        "redirect_uri",
        "response_type",
        "response_mode",
        "scope",
        "state",
        "nonce",
        "prompt",
        "max_age",
        "login_hint",
        "id_token_hint",
        "ui_locales",
        "acr_values",
        "claims",
        "code_challenge",
        "code_challenge_method",
        "dpop_jkt",
        "kc_idp_hint",
    ];
    KNOWN.contains(&name)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
