//! `address` (OpenID Connect Core section 5.1.1), from user attributes.

use serde_json::{Map, Value};

use super::mapper_type::{MapperType, Property};
use super::user_attribute::values;
use super::{Claims, EVERYWHERE, Facts, Mapper};

/// Members of the claim with the setting that names the attribute.
const MEMBERS: [(&str, &str, &str); 6] = [
    ("formatted", "user.attribute.formatted", "formatted"),
    ("street_address", "user.attribute.street", "street"),
    ("locality", "user.attribute.locality", "locality"),
    ("region", "user.attribute.region", "region"),
    ("postal_code", "user.attribute.postal_code", "postal_code"),
    ("country", "user.attribute.country", "country"),
];

pub(super) const TYPE: MapperType = MapperType {
    after: &[
        member(
            "user.attribute.street",
            "addressClaim.street.label",
            "street",
        ),
        member(
            "user.attribute.locality",
            "addressClaim.locality.label",
            "locality",
        ),
        member(
            "user.attribute.region",
            "addressClaim.region.label",
            "region",
        ),
        member(
            "user.attribute.postal_code",
            "addressClaim.postal_code.label",
            "postal_code",
        ),
        member(
            "user.attribute.country",
            "addressClaim.country.label",
            "country",
        ),
        member(
            "user.attribute.formatted",
            "addressClaim.formatted.label",
            "formatted",
        ),
    ],
    ..MapperType::new(
        "oidc-address-mapper",
        "User Address",
        "Puts the user's address into the claim 'address', from the attributes named here.",
        EVERYWHERE,
        apply,
    )
};

const fn member(name: &'static str, label: &'static str, usual: &'static str) -> Property {
    Property::text(
        name,
        label,
        "Name of the user attribute that holds this part of the address.",
    )
    .or(usual)
}

fn apply(mapper: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
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
