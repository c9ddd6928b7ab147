//! `allowed-origins`: the web origins of the client.

use serde_json::Value;

use super::mapper_type::MapperType;
use super::{ACCESS, Claims, Facts, Mapper};
use crate::cors::web_origins;

pub(super) const TYPE: MapperType = MapperType {
    by_default: true,
    ..MapperType::new(
        "oidc-allowed-origins-mapper",
        "Allowed Web Origins",
        "Puts the client's web origins into the claim 'allowed-origins'.",
        ACCESS,
        apply,
    )
};

fn apply(_: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    let origins = web_origins(facts.client);
    if !origins.is_empty() {
        claims
            .values
            .insert("allowed-origins".to_owned(), Value::from(origins));
    }
}
