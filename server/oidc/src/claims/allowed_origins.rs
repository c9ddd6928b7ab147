//! `allowed-origins`: the web origins of the client.

use serde_json::Value;

use super::{Claims, Facts, Mapper};
use crate::cors::web_origins;

pub(super) fn apply(_: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    let origins = web_origins(facts.client);
    if !origins.is_empty() {
        claims
            .values
            .insert("allowed-origins".to_owned(), Value::from(origins));
    }
}
