//! `client-attributes` (002:8639): attributes of the client, all of them.

use serde_json::Value;

use super::{Ask, Check, Condition, Config, Kind, NEGATIVE, Property, Vote};

pub(super) const CONDITION: Condition = Condition {
    id: "client-attributes",
    help: "Holds for clients that have all of these attributes with these values.",
    properties: &[
        NEGATIVE,
        Property::new(
            "attributes",
            "client-attributes.label",
            "Names and values of attributes; a client has to have each of them.",
            Kind::Map,
        ),
    ],
    vote: Ask::Now(vote),
};

fn vote(check: &Check<'_>, config: Config<'_>) -> Vote {
    let Some(client) = check.known_client() else {
        return Vote::Abstain;
    };
    let Some(wanted) = config.text("attributes").and_then(pairs) else {
        return Vote::No;
    };
    let has = |(name, value): &(String, String)| {
        let attributes = client.attributes.as_ref();
        attributes.and_then(|all| all.get(name)) == Some(value)
    };
    Vote::of(wanted.iter().all(has))
}

/// A list of objects with `key` and `value`, as consoles write maps. None when it is something else, or
/// names one key twice: no client could have both values.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let list: Vec<Value> = serde_json::from_str(text).ok()?;
    let mut pairs: Vec<(String, String)> = Vec::new();
    for entry in list {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
        let pair = (text("key")?, text("value")?);
        if pairs.iter().any(|(known, _)| *known == pair.0) {
            return None;
        }
        pairs.push(pair);
    }
    Some(pairs)
}
