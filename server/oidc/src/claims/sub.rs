//! `sub`: the user's id.

use serde_json::Value;

use super::mapper_type::MapperType;
use super::{ACCESS, Claims, Facts, Mapper};

pub(super) const TYPE: MapperType = MapperType {
    priority: -10,
    by_default: true,
    ..MapperType::new(
        "oidc-sub-mapper",
        "Subject (sub)",
        "Puts the user's id into the claim 'sub'.",
        ACCESS,
        apply,
    )
};

fn apply(_: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    if let Some(id) = &facts.subject.user.id {
        claims
            .values
            .insert("sub".to_owned(), Value::from(id.as_str()));
    }
}
