//! `client-scopes` (002:8626): a client scope that the client has by default, or that is asked for.

use super::{Ask, Check, Condition, Config, Kind, NEGATIVE, Property, Vote};

pub(super) const CONDITION: Condition = Condition {
    id: "client-scopes",
    help: "Holds for requests of clients with one of these client scopes.",
    properties: &[
        NEGATIVE,
        Property::new(
            "scopes",
            "client-scopes-condition.label",
            "Names of client scopes; one is enough.",
            Kind::Texts(Some("offline_access")),
        ),
        Property::new(
            "type",
            "Scope Type",
            "Default: the client has the scope by default. Optional: it is one of the client's optional scopes, and asked for. Any: either.",
            Kind::One {
                of: &["Default", "Optional", "Any"],
                default: Some("Optional"),
            },
        ),
    ],
    vote: Ask::Now(vote),
};

fn vote(check: &Check<'_>, config: Config<'_>) -> Vote {
    let (Some(scope), Some(client)) = (check.scope, check.known_client()) else {
        return Vote::Abstain;
    };
    let holds =
        |list: &Option<Vec<String>>, name: &str| list.iter().flatten().any(|known| known == name);
    let by_default = |name: &str| holds(&client.default_client_scopes, name);
    let asked = |name: &str| {
        holds(&client.optional_client_scopes, name) && scope.split(' ').any(|part| part == name)
    };
    let mut wanted = config.list("scopes").into_iter();
    Vote::of(match config.text("type").unwrap_or("Optional") {
        "Default" => wanted.any(by_default),
        "Optional" => wanted.any(asked),
        "Any" => wanted.any(|name| by_default(name) || asked(name)),
        _ => false,
    })
}
