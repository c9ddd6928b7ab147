//! The request's `nonce` in access tokens, for adapters that look for it there.

use serde_json::Value;

use super::{Claims, Facts, Mapper};

pub(super) fn apply(_: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    if let Some(nonce) = facts.nonce {
        claims.values.insert("nonce".to_owned(), Value::from(nonce));
    }
}
