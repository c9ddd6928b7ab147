//! `downscope-assertion-grant-enforcer`: what comes of somebody else's token has no scope that it did
//! not have.

use std::collections::BTreeSet;

use realmkeep_jose::UnverifiedJwt;

use super::{Check, Config, Do, Executor, Outcome, PolicyEvent, Violation};

pub(super) const EXECUTOR: Executor = Executor::new(
    "downscope-assertion-grant-enforcer",
    "Tokens that come of a token exchange or an assertion have no scopes that it did not have.",
    &[],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, _: Config<'_>) -> Outcome {
    use PolicyEvent::{JwtAuthorizationGrant, TokenExchange};
    if !matches!(check.event, TokenExchange | JwtAuthorizationGrant) {
        return Ok(());
    }
    require_access_token(check)?;
    // Whoever vouches for it was checked before; only its claims count here.
    let token = check
        .assertion
        .and_then(|text| UnverifiedJwt::parse(text).ok());
    let token =
        token.ok_or_else(|| Violation::request("Assertion contains an invalid access token"))?;
    let granted = token.unverified_str("scope").unwrap_or_default();
    let mut allowed: BTreeSet<String> = words(granted).map(str::to_owned).collect();
    if let Some(asked) = check.parameter("scope") {
        let more: Vec<&str> = words(asked)
            .filter(|name| !allowed.contains(*name))
            .collect();
        if !more.is_empty() {
            let had: Vec<&str> = words(granted).collect();
            let text = format!(
                "Scopes [{}] not present in the initial access token [{}]",
                more.join(", "),
                had.join(", ")
            );
            return Err(Violation::new("invalid_scope", text));
        }
    }
    // Default scopes that no token shows cannot have stood in it.
    let realm = &check.context.realm;
    let client = check.client.and_then(|c| c.default_client_scopes.as_ref());
    for name in client.into_iter().flatten() {
        let hidden = realm.client_scope(name).is_some_and(|scope| {
            let attributes = scope.attributes.as_ref();
            attributes
                .and_then(|all| all.get("include.in.token.scope"))
                .is_some_and(|v| v == "false")
        });
        if hidden {
            allowed.insert(name.clone());
        }
    }
    check.effects.scopes = Some(allowed);
    Ok(())
}

/// An exchange has to be one of an access token: others have no scope.
pub(super) fn require_access_token(check: &Check<'_>) -> Outcome {
    const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
    if check.event == PolicyEvent::TokenExchange
        && check.parameter("subject_token_type") != Some(ACCESS_TOKEN)
    {
        return Err(Violation::request(
            "Parameter 'subject_token' should be access_token for the executor",
        ));
    }
    Ok(())
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty())
}
