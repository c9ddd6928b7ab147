//! One more audience: a client, or any text.

use super::{Claims, Facts, Mapper};

pub(super) fn apply(mapper: &Mapper<'_>, _: &Facts<'_>, claims: &mut Claims) {
    let audience = mapper
        .config("included.client.audience")
        .or_else(|| mapper.config("included.custom.audience"));
    if let Some(audience) = audience {
        claims.add_audience(audience);
    }
}
