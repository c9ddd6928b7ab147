//! One more audience: a client, or any text.

use super::mapper_type::{MapperType, Property};
use super::{Claims, Facts, Mapper, TOKENS};

pub(super) const TYPE: MapperType = MapperType {
    own: &[
        Property::text(
            "included.client.audience",
            "included.client.audience.label",
            "The client that is added to the audience.",
        )
        .of_kind("ClientList"),
        Property::text(
            "included.custom.audience",
            "included.custom.audience.label",
            "What is added to the audience when no client is chosen, such as a URL.",
        ),
    ],
    ..MapperType::new(
        "oidc-audience-mapper",
        "Audience",
        "Adds a client, or any text, to the audience.",
        TOKENS,
        apply,
    )
};

fn apply(mapper: &Mapper<'_>, _: &Facts<'_>, claims: &mut Claims) {
    let audience = mapper
        .config("included.client.audience")
        .or_else(|| mapper.config("included.custom.audience"));
    if let Some(audience) = audience {
        claims.add_audience(audience);
    }
}
