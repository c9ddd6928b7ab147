//! A role that every token of the client carries, whether or not the user has it.

use super::mapper_type::{MapperType, Property};
use super::{Claims, Facts, Mapper, Target};

pub(super) const TYPE: MapperType = MapperType {
    priority: 20,
    always: true,
    own: &[Property::text(
        "role",
        "Role",
        "The role that tokens get; 'client.role' for one of a client.",
    )
    .of_kind("Role")],
    ..MapperType::new(
        "oidc-hardcoded-role-mapper",
        "Hardcoded Role",
        "Puts a role into tokens, whether or not the user has it.",
        &[
            Target::AccessToken,
            Target::LightweightAccessToken,
            Target::Introspection,
            Target::IdToken,
            Target::UserInfo,
        ],
        apply,
    )
};

fn apply(mapper: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    let role = mapper
        .config("role")
        .and_then(|role| facts.named_roles.get(role));
    if let Some(role) = role {
        claims.add_role(role.clone());
    }
}
