//! `client-updater-context` (002:8611): by what a client is made or changed.

use super::{Ask, Check, Condition, Config, Kind, NEGATIVE, PolicyEvent, Property, Vote};

pub(super) const CONDITION: Condition = Condition {
    id: "client-updater-context",
    help: "Holds when a client is made or changed in one of these ways.",
    properties: &[
        NEGATIVE,
        Property::new(
            "update-client-source",
            "Update Client Context",
            "By a user or service account (the Admin API among them), by nobody known, or with a token for registration.",
            Kind::Several {
                of: &[
                    "ByAuthenticatedUser",
                    "ByAnonymous",
                    "ByInitialAccessToken",
                    "ByRegistrationAccessToken",
                ],
                default: Some("ByAuthenticatedUser"),
            },
        ),
    ],
    vote: Ask::Now(vote),
};

fn vote(check: &Check<'_>, config: Config<'_>) -> Vote {
    use PolicyEvent::{Register, Registered, Update, Updated};
    if !matches!(check.event, Register | Registered | Update | Updated) {
        return Vote::Abstain;
    }
    let Some(author) = &check.author else {
        return Vote::No;
    };
    let wanted = config.list("update-client-source");
    Vote::of(wanted.contains(&author.writer.name()))
}
