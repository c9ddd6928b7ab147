//! Another name for a role: the client sees the new one only.

use super::mapper_type::{MapperType, Property};
use super::{Claims, Facts, Mapper, RoleName, Target};

pub(super) const TYPE: MapperType = MapperType {
    priority: 10,
    always: true,
    own: &[
        Property::text(
            "role",
            "Role",
            "The role that gets another name; 'client.role' for one of a client.",
        )
        .of_kind("Role"),
        Property::text(
            "new.role.name",
            "New Role Name",
            "Its name in tokens; 'client.role' puts it among that client's roles.",
        ),
    ],
    ..MapperType::new(
        "oidc-role-name-mapper",
        "Role Name Mapper",
        "Gives a role another name, or another place, in tokens.",
        TARGETS,
        apply,
    )
};

/// Wherever roles may be written.
const TARGETS: &[Target] = &[
    Target::AccessToken,
    Target::LightweightAccessToken,
    Target::Introspection,
    Target::IdToken,
    Target::UserInfo,
];

fn apply(mapper: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    let renamed = mapper
        .config("role")
        .and_then(|role| facts.named_roles.get(role));
    let (Some(old), Some(new)) = (renamed, mapper.config("new.role.name")) else {
        return;
    };
    let before = claims.roles.len();
    claims.roles.retain(|role| role != old);
    if claims.roles.len() < before {
        claims.add_role(match new.rsplit_once('.') {
            Some((client, name)) => RoleName {
                client: Some(client.to_owned()),
                name: name.to_owned(),
            },
            None => RoleName {
                client: None,
                name: new.to_owned(),
            },
        });
    }
}
