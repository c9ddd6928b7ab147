//! The request's `nonce` in access tokens, for adapters that look for it there.

use serde_json::Value;

use super::mapper_type::MapperType;
use super::{ACCESS, Claims, Facts, Mapper};

pub(super) const TYPE: MapperType = MapperType {
    by_default: true,
    always: true,
    ..MapperType::new(
        "oidc-nonce-backwards-compatible-mapper",
        "Nonce backwards compatible",
        "Puts the request's nonce into access tokens too, for older adapters that look for it there.",
        ACCESS,
        apply,
    )
};

fn apply(_: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    if let Some(nonce) = facts.nonce {
        claims.values.insert("nonce".to_owned(), Value::from(nonce));
    }
}
