//! A claim whose value the authorization request asks for (OpenID Connect Core section 5.5.1), passed
//! on into the ID token as it was asked for: intents of a payment or a consent made elsewhere.

use super::mapper_type::{MapperType, Property};
use super::{Claims, Facts, Mapper, Target};

pub(super) const TYPE: MapperType = MapperType {
    own: &[Property::text(
        "claim.name",
        "Claim name",
        "Name of the claim whose requested value is passed on.",
    )],
    ..MapperType::new(
        "oidc-claims-param-value-idtoken-mapper",
        "Claims parameter with value ID Token",
        "Puts a claim into the ID token with the value that the request's 'claims' parameter gives for it.",
        &[Target::IdToken],
        apply,
    )
};

fn apply(mapper: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    let value = mapper
        .config("claim.name")
        .and_then(|name| facts.requested?.of(facts.target).get(name)?.get("value"));
    if let Some(value) = value {
        mapper.put_value(claims, value.clone(), &[]);
    }
}
