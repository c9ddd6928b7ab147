//! `name`: first and last name.

use serde_json::Value;

use super::{Claims, Facts, Mapper};

pub(super) fn apply(_: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
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
