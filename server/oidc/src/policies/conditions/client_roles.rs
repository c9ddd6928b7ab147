//! `client-roles` (002:8630): a role of the client, often there for nothing but this.

use super::{Ask, Check, Condition, Config, Kind, NEGATIVE, Property, Vote};

pub(super) const CONDITION: Condition = Condition {
    id: "client-roles",
    help: "Holds for clients that own one of these client roles.",
    properties: &[
        NEGATIVE,
        Property::new(
            "roles",
            "client-roles.label",
            "Names of client roles; one is enough.",
            Kind::Texts(None),
        ),
    ],
    vote: Ask::Now(vote),
};

fn vote(check: &Check<'_>, config: Config<'_>) -> Vote {
    let Some(client) = check.known_client() else {
        return Vote::Abstain;
    };
    let roles = &check.context.realm.roles;
    let id = client.id.as_deref().unwrap_or_default();
    let mut wanted = config.list("roles").into_iter();
    Vote::of(wanted.any(|name| roles.client_role(id, name).is_some()))
}
