//! `jwt-claim-enforcer`: a token that is exchanged, or an assertion, says what it has to say.

use realmkeep_jose::UnverifiedJwt;
use serde_json::Value;

use super::downscope_assertion_grant_enforcer::require_access_token;
use super::{Check, Config, Do, Executor, Kind, Outcome, PolicyEvent, Property, Violation};

/// Longest regular expression, in bytes, and most memory that one may take, compiled.
const MAX_PATTERN: usize = 4096;
const MAX_COMPILED: usize = 1024 * 1024;

pub(super) const EXECUTOR: Executor = Executor::new(
    "jwt-claim-enforcer",
    "Tokens that are exchanged, and assertions, have to have a claim.",
    &[
        Property::new(
            "claim-name",
            "Claim Name",
            "Name of the claim.",
            Kind::Text(None),
        ),
        Property::new(
            "allowed-value",
            "Allowed Value",
            "A regular expression that the whole value has to match; without one any value will do.",
            Kind::Text(None),
        ),
    ],
    Do::Now(run),
)
.valid_if(|config| config.text("allowed-value").is_none_or(|text| whole(text).is_some()));

fn run(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    use PolicyEvent::{JwtAuthorizationGrant, TokenExchange};
    if !matches!(check.event, TokenExchange | JwtAuthorizationGrant) {
        return Ok(());
    }
    require_access_token(check)?;
    let token = check
        .assertion
        .and_then(|text| UnverifiedJwt::parse(text).ok());
    let token = token.ok_or_else(|| Violation::request("JWT is not valid"))?;
    let name = config
        .text("claim-name")
        .ok_or_else(|| Violation::request("Invalid configuration"))?;
    let value = token
        .unverified_claims()
        .get(name)
        .filter(|value| !value.is_null());
    let value = value.ok_or_else(|| {
        Violation::request(format!("Required claim '{name}' is missing from the token"))
    })?;
    let Some(pattern) = config.text("allowed-value") else {
        return Ok(());
    };
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => {
            let text = format!("Value type for claim '{name}' not allowed");
            return Err(Violation::request(text));
        }
    };
    if whole(pattern).is_some_and(|pattern| pattern.is_match(&text)) {
        return Ok(());
    }
    let text = format!("Value for claim '{name}' not allowed");
    Err(Violation::request(text))
}

/// A pattern for all of a text; None when it is none.
pub(super) fn whole(pattern: &str) -> Option<regex::Regex> {
    if pattern.len() > MAX_PATTERN {
        return None;
    }
    // The library's time is linear in the text, whatever the pattern.
    let built = regex::RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(MAX_COMPILED)
        .build();
    built.ok()
}
