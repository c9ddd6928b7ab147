//! `sub`: the user's id.

use serde_json::Value;

use super::{Claims, Facts, Mapper};

pub(super) fn apply(_: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    if let Some(id) = &facts.subject.user.id {
        claims
            .values
            .insert("sub".to_owned(), Value::from(id.as_str()));
    }
}
