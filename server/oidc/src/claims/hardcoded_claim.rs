//! A claim that is always the same.

use super::{Claims, Facts, Mapper, typed};

pub(super) fn apply(mapper: &Mapper<'_>, _: &Facts<'_>, claims: &mut Claims) {
    let text = mapper.config("claim.value").unwrap_or_default();
    if let Some(value) = typed(text, mapper.config("jsonType.label")) {
        mapper.put_value(claims, value, &[]);
    }
}
