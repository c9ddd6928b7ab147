//! `name`: first and last name.

use serde_json::Value;

use super::mapper_type::MapperType;
use super::{Claims, EVERYWHERE, Facts, Mapper};

pub(super) const TYPE: MapperType = MapperType::new(
    "oidc-full-name-mapper",
    "User's full name",
    "Puts first and last name, with a space between them, into the claim 'name'.",
    EVERYWHERE,
    apply,
);

fn apply(_: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    let user = &facts.subject.user;
    let parts: Vec<&str> = [&user.first_name, &user.last_name]
        .into_iter()
        .filter_map(|part| part.as_deref())
        .filter(|part| !part.is_empty())
        .collect();
    if !parts.is_empty() {
        claims
            .values
            .insert("name".to_owned(), Value::from(parts.join(" ")));
    }
}
