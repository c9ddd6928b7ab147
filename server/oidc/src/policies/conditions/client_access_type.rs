//! `client-access-type` (002:8622): confidential, public or bearer-only.

use realmkeep_representations::ClientRepresentation;

use super::{Ask, Check, Condition, Config, Kind, NEGATIVE, Property, Vote};

pub(super) const CONDITION: Condition = Condition {
    id: "client-access-type",
    help: "Holds for clients of these access types, and for clients that are about to become so.",
    properties: &[
        NEGATIVE,
        Property::new(
            "type",
            "client-accesstype.label",
            "Access types of clients.",
            Kind::Several {
                of: &["confidential", "public", "bearer-only"],
                default: Some("confidential"),
            },
        ),
    ],
    vote: Ask::Now(vote),
};

fn vote(check: &Check<'_>, config: Config<'_>) -> Vote {
    let wanted = config.list("type");
    let matches = |client: &ClientRepresentation| wanted.contains(&access_type(client));
    let is = check.known_client().is_some_and(matches);
    let becomes = check.proposed.as_deref().is_some_and(matches);
    Vote::of(is || becomes)
}

fn access_type(client: &ClientRepresentation) -> &'static str {
    if client.public_client == Some(true) {
        "public"
    } else if client.bearer_only == Some(true) {
        "bearer-only"
    } else {
        "confidential"
    }
}
