//! `address` (OpenID Connect Core section 5.1.1), from user attributes.

use serde_json::{Map, Value};

use super::user_attribute::values;
use super::{Claims, Facts, Mapper};

/// Members of the claim with the setting that names the attribute.
const MEMBERS: [(&str, &str, &str); 6] = [
    ("formatted", "user.attribute.formatted", "formatted"),
    ("street_address", "user.attribute.street", "street"),
    ("locality", "user.attribute.locality", "locality"),
    ("region", "user.attribute.region", "region"),
    ("postal_code", "user.attribute.postal_code", "postal_code"),
    ("country", "user.attribute.country", "country"),
];

pub(super) fn apply(mapper: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    let mut address = Map::new();
    for (member, setting, usual) in MEMBERS {
        let attribute = mapper.config(setting).unwrap_or(usual);
        if let Some(value) = values(&facts.subject.user, attribute).first() {
            address.insert(member.to_owned(), Value::from(*value));
        }
    }
    if !address.is_empty() {
        claims
            .values
            .insert("address".to_owned(), Value::Object(address));
    }
}
