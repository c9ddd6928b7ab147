//! Which policies apply to an event, and what they then do.

use std::borrow::Cow;

use realmkeep_store::Realm;
use serde_json::Value;

use super::check::{Check, Effects, Violation};
use super::conditions::{self, Ask, Vote};
use super::config::Config;
use super::executors::{self, Do};
use super::global;
use crate::error::OAuthError;

/// Whether the realm has a policy that is switched on: otherwise there is nothing to ask.
pub fn is_in_use(realm: &Realm) -> bool {
    enabled(realm).next().is_some()
}

/// Asks every policy of the realm about the event; what the answer is to be like.
///
/// # Errors
/// The first refusal of an executor. A condition or executor that this server does not have refuses as
/// well: nobody can tell what it would have asked for.
pub async fn enforce(mut check: Check<'_>) -> Result<Effects, Violation> {
    let realm = &check.context.realm;
    for policy in enabled(realm) {
        if !applies(policy, &check).await? {
            continue;
        }
        for profile in texts(policy, "profiles") {
            for (id, config) in entries(profile_named(realm, profile), "executors", "executor") {
                let kind = executors::named(id).ok_or_else(|| missing(policy, "executor", id))?;
                let done = match kind.run {
                    Do::Now(run) => run(&mut check, config),
                    Do::Later(run) => run(&mut check, config).await,
                };
                done.map_err(|violation| attributed(violation, policy, id))?;
            }
        }
    }
    Ok(check.effects)
}

fn enabled(realm: &Realm) -> impl Iterator<Item = &Value> {
    let all = realm.settings.client_policies.as_ref();
    let all = all.and_then(|all| all.get("policies")?.as_array());
    all.into_iter()
        .flatten()
        .filter(|policy| Config(Some(policy)).is_on("enabled") && policy.get("name").is_some())
}

/// At least one condition holds, and none does not. In the mode `STRICT` all have to hold, those too
/// that have nothing to say about the event.
async fn applies(policy: &Value, check: &Check<'_>) -> Result<bool, Violation> {
    let mode = Config(Some(policy)).text("mode").unwrap_or_default();
    let strict = mode.eq_ignore_ascii_case("STRICT");
    let mut holds = false;
    for (id, config) in entries(Some(policy), "conditions", "condition") {
        let kind = conditions::named(id).ok_or_else(|| missing(policy, "condition", id))?;
        let vote = match kind.vote {
            Ask::Now(vote) => vote(check, config),
            Ask::Later(vote) => vote(check, config).await,
        };
        match vote.turned(config.is_on("is-negative-logic")) {
            Vote::Yes => holds = true,
            Vote::No => return Ok(false),
            Vote::Abstain if strict => return Ok(false),
            Vote::Abstain => {}
        }
    }
    Ok(holds)
}

/// The realm's own profile of this name, or else the one that every realm has.
fn profile_named<'a>(realm: &'a Realm, name: &str) -> Option<&'a Value> {
    let own = realm.settings.client_profiles.as_ref();
    let own = own.and_then(|all| all.get("profiles")?.as_array());
    let mut all = own.into_iter().flatten().chain(global::profiles());
    all.find(|profile| profile.get("name").and_then(Value::as_str) == Some(name))
}

/// The id and the settings of each entry of a list.
fn entries<'a>(
    holder: Option<&'a Value>,
    list: &str,
    id: &'static str,
) -> impl Iterator<Item = (&'a str, Config<'a>)> {
    let list = holder.and_then(|holder| holder.get(list)?.as_array());
    list.into_iter().flatten().map(move |entry| {
        let named = entry.get(id).and_then(Value::as_str).unwrap_or_default();
        (named, Config(entry.get("configuration")))
    })
}

fn texts<'a>(holder: &'a Value, list: &str) -> impl Iterator<Item = &'a str> {
    let list = holder.get(list).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

fn name(policy: &Value) -> Cow<'_, str> {
    Config(Some(policy)).text("name").unwrap_or_default().into()
}

fn missing(policy: &Value, what: &str, id: &str) -> Violation {
    let cause = format!(
        "client policy {}: this server has no {what} {id}; take it out of the policy",
        name(policy)
    );
    OAuthError::internal(&cause).into()
}

/// With the policy and the executor in the reason, for who reads the event.
fn attributed(violation: Violation, policy: &Value, executor: &str) -> Violation {
    let why = violation
        .reason
        .as_deref()
        .unwrap_or(&violation.description);
    let reason = format!("client policy {}, {executor}: {why}", name(policy));
    violation.because(reason)
}
