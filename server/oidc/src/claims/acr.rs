//! `acr`: how surely the user was authenticated (OpenID Connect Core section 2).

use serde_json::Value;

use super::mapper_type::MapperType;
use super::{Claims, Facts, Mapper, TOKENS};

pub(super) const TYPE: MapperType = MapperType {
    by_default: true,
    ..MapperType::new(
        "oidc-acr-mapper",
        "Authentication Context Class Reference (ACR)",
        "Puts the level that the login reached into the claim 'acr', by the name that client or realm map it to.",
        TOKENS,
        apply,
    )
};

fn apply(_: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    claims
        .values
        .insert("acr".to_owned(), Value::from(facts.acr));
}
