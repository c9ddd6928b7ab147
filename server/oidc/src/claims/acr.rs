//! `acr`: how surely the user was authenticated (OpenID Connect Core section 2).

use serde_json::Value;

use super::{Claims, Facts, Mapper};

pub(super) fn apply(_: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    claims
        .values
        .insert("acr".to_owned(), Value::from(facts.acr));
}
