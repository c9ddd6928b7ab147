//! `amr`: the methods of the login (OpenID Connect Core section 2, RFC 8176).

use serde_json::Value;

use super::mapper_type::MapperType;
use super::{Claims, Facts, Mapper, Target};

pub(super) const TYPE: MapperType = MapperType::new(
    "oidc-amr-mapper",
    "Authentication Method Reference (AMR)",
    "Puts the references that the flow's executions are given into the claim 'amr'.",
    &[
        Target::IdToken,
        Target::AccessToken,
        Target::LightweightAccessToken,
    ],
    apply,
);

fn apply(_: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    claims
        .values
        .insert("amr".to_owned(), Value::from(facts.amr));
}
