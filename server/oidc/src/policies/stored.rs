//! Policies and profiles as administrators write them: checked before they are kept, so that whatever is
//! kept can be asked.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::config::Config;
use super::executors::Executor;
use super::{conditions, executors, global};

/// Profiles, policies, and entries of one, at most.
const LIMIT: usize = 500;

/// Why a list cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPolicies(pub Cow<'static, str>);

fn invalid<T>(text: impl Into<Cow<'static, str>>) -> Result<T, InvalidPolicies> {
    Err(InvalidPolicies(text.into()))
}

/// The profiles of a realm as they are kept; the global ones, if they were sent along, are left out.
///
/// # Errors
/// For profiles without a name or with one that is taken, and for executors that this server does not
/// have or that are set up wrong.
pub fn validated_profiles(given: &Value) -> Result<Value, InvalidPolicies> {
    let profiles = list(given, "profiles")?;
    let mut seen = BTreeSet::new();
    for profile in profiles {
        let Some(name) = text(profile, "name") else {
            return invalid("client profile without its name not allowed.");
        };
        if !seen.insert(name) {
            return invalid("proposed client profile name duplicated.");
        }
        if global::profiles()
            .iter()
            .any(|known| text(known, "name") == Some(name))
        {
            return invalid("Proposed profile name duplicated as the name of some global profile");
        }
        for entry in list(profile, "executors")? {
            let kind = text(entry, "executor").and_then(executors::named);
            if !kind.is_some_and(|kind| is_set_up(kind, entry)) {
                return invalid(
                    "proposed client profile contains the executor, which does not have valid provider, or has invalid configuration.",
                );
            }
        }
    }
    Ok(json!({ "profiles": profiles }))
}

fn is_set_up(kind: &Executor, entry: &Value) -> bool {
    let config = entry.get("configuration");
    let is_object = config.is_none_or(|config| config.is_object() || config.is_null());
    is_object && (kind.is_valid)(Config(config))
}

/// The policies of a realm as they are kept. `profiles` are those of the realm.
///
/// # Errors
/// For policies without a name or with one that is taken, for conditions that this server does not
/// have, and for profiles that are not there.
pub fn validated_policies(
    given: &Value,
    profiles: Option<&Value>,
) -> Result<Value, InvalidPolicies> {
    let policies = list(given, "policies")?;
    let own = profiles.map(|all| list(all, "profiles")).transpose()?;
    let known: BTreeSet<&str> = own
        .into_iter()
        .flatten()
        .chain(global::profiles())
        .filter_map(|profile| text(profile, "name"))
        .collect();
    let mut seen = BTreeSet::new();
    let mut kept = Vec::new();
    for policy in policies {
        let Some(name) = text(policy, "name") else {
            return invalid("proposed client policy name missing.");
        };
        if !seen.insert(name) {
            return invalid("proposed client policy name duplicated.");
        }
        for entry in list(policy, "conditions")? {
            if text(entry, "condition")
                .and_then(conditions::named)
                .is_none()
            {
                return invalid(
                    "the proposed client policy contains the condition with its invalid configuration.",
                );
            }
        }
        let mut named: Vec<&str> = Vec::new();
        for profile in list(policy, "profiles")? {
            let Some(profile) = profile.as_str().filter(|profile| known.contains(profile)) else {
                return invalid("referring not existing client profile not allowed.");
            };
            if !named.contains(&profile) {
                named.push(profile);
            }
        }
        kept.push(complete(policy, &named));
    }
    Ok(json!({ "policies": kept }))
}

/// Whatever was left out: a policy is off, and has no conditions.
fn complete(policy: &Value, profiles: &[&str]) -> Value {
    let mut fields = policy.as_object().cloned().unwrap_or_else(Map::new);
    fields.insert("profiles".to_owned(), json!(profiles));
    let enabled = Config(Some(policy)).is_on("enabled");
    fields.insert("enabled".to_owned(), enabled.into());
    fields.entry("conditions").or_insert_with(|| json!([]));
    Value::Object(fields)
}

fn list<'a>(holder: &'a Value, name: &str) -> Result<&'a [Value], InvalidPolicies> {
    match holder.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(all)) if all.len() <= LIMIT => Ok(all),
        Some(Value::Array(_)) => invalid(format!("{name}: at most {LIMIT} entries")),
        Some(_) => invalid(format!("{name}: a list was expected")),
    }
}

fn text<'a>(holder: &'a Value, name: &str) -> Option<&'a str> {
    holder.get(name)?.as_str().filter(|text| !text.is_empty())
}
