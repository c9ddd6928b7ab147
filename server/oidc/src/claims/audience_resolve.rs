//! The clients whose roles are in the token are its audience.

use std::collections::BTreeSet;

use super::mapper_type::MapperType;
use super::{ACCESS, Claims, Facts, Mapper};

pub(super) const TYPE: MapperType = MapperType {
    priority: 30,
    by_default: true,
    ..MapperType::new(
        "oidc-audience-resolve-mapper",
        "Audience Resolve",
        "Puts every client of which the token holds a role into the audience, the requesting client excepted.",
        ACCESS,
        apply,
    )
};

fn apply(_: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    let own = facts.client.client_id.as_deref();
    let names: BTreeSet<String> = claims
        .roles
        .iter()
        .filter_map(|role| role.client.clone())
        .filter(|name| Some(name.as_str()) != own)
        .collect();
    for name in &names {
        claims.add_audience(name);
    }
}
