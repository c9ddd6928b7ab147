//! `client-type`: the protocol that the client speaks.

use super::{Ask, Check, Condition, Config, Kind, Property, Vote};

pub(super) const CONDITION: Condition = Condition {
    id: "client-type",
    help: "Holds for clients of this protocol.",
    properties: &[Property::new(
        "protocol",
        "Client protocol",
        "The protocol that clients have to have.",
        Kind::One {
            of: &["openid-connect", "saml", "docker-v2"],
            default: Some("openid-connect"),
        },
    )],
    vote: Ask::Now(vote),
};

fn vote(check: &Check<'_>, config: Config<'_>) -> Vote {
    let client = check.known_client().or(check.proposed.as_deref());
    let protocol = client.map(|c| c.protocol.as_deref().unwrap_or("openid-connect"));
    Vote::of(protocol.is_some() && protocol == config.text("protocol"))
}
