//! A claim that is always the same.

use super::mapper_type::{CLAIM_NAME, JSON_TYPE, MapperType, Property};
use super::{Claims, EVERYWHERE_AND_RESPONSE, Facts, Mapper, typed};

pub(super) const TYPE: MapperType = MapperType {
    own: &[
        CLAIM_NAME,
        Property::text("claim.value", "Claim value", "Value of the claim."),
        JSON_TYPE,
    ],
    ..MapperType::new(
        "oidc-hardcoded-claim-mapper",
        "Hardcoded claim",
        "Puts a claim that is always the same.",
        EVERYWHERE_AND_RESPONSE,
        apply,
    )
};

fn apply(mapper: &Mapper<'_>, _: &Facts<'_>, claims: &mut Claims) {
    let text = mapper.config("claim.value").unwrap_or_default();
    if let Some(value) = typed(text, mapper.config("jsonType.label")) {
        mapper.put_value(claims, value, &[]);
    }
}
