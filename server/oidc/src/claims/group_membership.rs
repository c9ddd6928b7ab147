//! The groups the user is a direct member of.

use realmkeep_store::Realm;
use serde_json::Value;

use super::mapper_type::{CLAIM_NAME, MapperType, Property};
use super::{Claims, EVERYWHERE, Facts, Mapper};

pub(super) const TYPE: MapperType = MapperType {
    own: &[
        CLAIM_NAME,
        Property::text(
            "full.path",
            "Full group path",
            "Whether groups are named by their path from the top, as in '/top/inner'.",
        )
        .of_kind("boolean")
        .or("true"),
    ],
    ..MapperType::new(
        "oidc-group-membership-mapper",
        "Group Membership",
        "Puts the groups that the user is a member of into a claim.",
        EVERYWHERE,
        apply,
    )
};

fn apply(mapper: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
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
