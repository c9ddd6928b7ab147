//! The groups the user is a direct member of.

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
            Some(if full {
                facts.realm.group_path(id)
            } else {
                name
            })
        })
        .collect();
    names.sort_unstable();
    mapper.put_value(claims, Value::from(names), &[]);
}
