//! `client-updater-source-groups` (002:8618): groups of the user who makes or changes a client.

use super::{Ask, Check, Condition, Config, Kind, NEGATIVE, Property, Vote, writes};

pub(super) const CONDITION: Condition = Condition {
    id: "client-updater-source-groups",
    help: "Holds when a member of one of these groups makes or changes a client.",
    properties: &[
        NEGATIVE,
        Property::new(
            "groups",
            "client-updater-source-groups.label",
            "Names of groups; one is enough.",
            Kind::Texts(Some("topGroup")),
        ),
    ],
    vote: Ask::Now(vote),
};

fn vote(check: &Check<'_>, config: Config<'_>) -> Vote {
    if !writes(check.event) {
        return Vote::Abstain;
    }
    let subject = check.author.as_ref().and_then(|a| a.subject.as_ref());
    let Some(subject) = subject else {
        return Vote::No;
    };
    let wanted = config.list("groups");
    let groups = &check.context.realm.groups;
    let mut own = subject.groups.iter().filter_map(|id| groups.get(id));
    Vote::of(own.any(|group| {
        let names = [group.name.as_deref(), group.path.as_deref()];
        names
            .into_iter()
            .flatten()
            .any(|name| wanted.contains(&name))
    }))
}
