//! The groups the user is a direct member of.

use realmkeep_store::Realm;
use serde_json::Value;

use super::{Claims, Facts, Mapper};

pub(super) fn apply(mapper: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    // Absent means on, as in older exports.
    let full = mapper.config("full.path") != Some("false");
    let mut names: Vec<String> = facts
        .subject
        .groups
        .iter()
        .filter_map(|id| {
            let name = facts.realm.groups.get(id)?.name.clone()?;
            Some(if full { path(facts.realm, id) } else { name })
        })
        .collect();
    names.sort_unstable();
    mapper.put_value(claims, Value::from(names), &[]);
}

/// `/parent/child`.
fn path(realm: &Realm, id: &str) -> String {
    let mut path = String::new();
    let mut here = Some(id);
    // Bounded by the number of groups, should parents ever form a circle.
    for _ in 0..=realm.groups.len() {
        let Some(group) = here.and_then(|id| realm.groups.get(id)) else {
            break;
        };
        path = format!("/{}{path}", group.name.as_deref().unwrap_or_default());
        here = group.parent_id.as_deref().filter(|id| !id.is_empty());
    }
    path
}
