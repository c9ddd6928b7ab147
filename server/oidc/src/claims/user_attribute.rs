//! Attributes of the user, with those of the groups where the mapper asks for them.

use std::collections::BTreeSet;

use realmkeep_representations::UserRepresentation;

use super::mapper_type::{MULTIVALUED, MapperType, Property};
use super::{Claims, EVERYWHERE, Facts, Mapper};

pub(super) const TYPE: MapperType = MapperType {
    named: true,
    own: &[Property::text(
        "user.attribute",
        "usermodel.attr.label",
        "Name of the user's attribute.",
    )
    .of_kind("UserProfileAttributeList")],
    after: &[
        MULTIVALUED,
        Property::text(
            "aggregate.attrs",
            "aggregate.attrs.label",
            "Whether values of the user's groups are added to the user's own.",
        )
        .of_kind("boolean"),
    ],
    ..MapperType::new(
        "oidc-usermodel-attribute-mapper",
        "User Attribute",
        "Puts an attribute of the user into a claim.",
        EVERYWHERE,
        apply,
    )
};

fn apply(mapper: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    let Some(attribute) = mapper.config("user.attribute") else {
        return;
    };
    let own = values(&facts.subject.user, attribute);
    let aggregate = mapper.is_on("aggregate.attrs");
    let mut all: BTreeSet<&str> = BTreeSet::new();
    if own.is_empty() || aggregate {
        for id in facts.realm.with_ancestors(&facts.subject.groups) {
            if let Some(group) = facts.realm.groups.get(&id)
                && let Some(attributes) = &group.attributes
            {
                all.extend(
                    attributes
                        .get(attribute)
                        .into_iter()
                        .flatten()
                        .map(String::as_str),
                );
            }
        }
    }
    let mut list = own;
    list.extend(all.into_iter().filter(|value| !value.is_empty()));
    if !list.is_empty() {
        mapper.put(claims, &list);
    }
}

/// The values of an attribute; the four basic ones have fields of their own.
pub(super) fn values<'a>(user: &'a UserRepresentation, attribute: &str) -> Vec<&'a str> {
    let field = match attribute {
        "username" => &user.username,
        "email" => &user.email,
        "firstName" => &user.first_name,
        "lastName" => &user.last_name,
        _ => {
            return user
                .attributes
                .as_ref()
                .and_then(|attributes| attributes.get(attribute))
                .into_iter()
                .flatten()
                .map(String::as_str)
                .filter(|value| !value.is_empty())
                .collect();
        }
    };
    field
        .as_deref()
        .into_iter()
        .filter(|value| !value.is_empty())
        .collect()
}
