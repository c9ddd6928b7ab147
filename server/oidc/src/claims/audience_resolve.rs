//! The clients whose roles are in the token are its audience.

use super::{Claims, Facts, Mapper};

pub(super) fn apply(_: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    let mut names: Vec<&str> = facts
        .roles
        .iter()
        .filter(|role| role.client_role == Some(true))
        .filter_map(|role| facts.client_names.get(role.container_id.as_deref()?))
        .map(String::as_str)
        .filter(|name| Some(*name) != facts.client.client_id.as_deref())
        .collect();
    names.sort_unstable();
    for name in names {
        claims.add_audience(name);
    }
}
