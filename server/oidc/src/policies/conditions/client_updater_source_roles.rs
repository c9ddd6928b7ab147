//! `client-updater-source-roles` (002:8618): roles of the user who makes or changes a client.

use super::{Ask, Check, Condition, Config, Kind, NEGATIVE, Property, Vote, Voting, writes};

pub(super) const CONDITION: Condition = Condition {
    id: "client-updater-source-roles",
    help: "Holds when somebody with one of these roles makes or changes a client.",
    properties: &[
        NEGATIVE,
        Property::new(
            "roles",
            "client-updater-source-roles.label",
            "Realm roles by name, client roles as clientId.name; one is enough.",
            Kind::Texts(Some("admin")),
        ),
    ],
    vote: Ask::Later(vote),
};

fn vote<'f>(check: &'f Check<'_>, config: Config<'f>) -> Voting<'f> {
    Box::pin(async move {
        if !writes(check.event) {
            return Vote::Abstain;
        }
        let subject = check.author.as_ref().and_then(|a| a.subject.as_ref());
        let Some(subject) = subject else {
            return Vote::No;
        };
        for name in config.list("roles") {
            let role = role_id(check, name).await;
            if role.is_some_and(|id| subject.roles.contains(&id)) {
                return Vote::Yes;
            }
        }
        Vote::No
    })
}

/// `role` of the realm, or `client.role`.
async fn role_id(check: &Check<'_>, name: &str) -> Option<String> {
    let context = check.context;
    if let Some(role) = context.realm.roles.realm_role(name) {
        return role.id.clone();
    }
    // clientIds may hold dots, and so may role names: the longest clientId that exists wins.
    for (at, _) in name.rmatch_indices('.') {
        let (client_id, role) = name.split_at(at);
        let owner = context
            .services
            .store
            .client(&context.realm, client_id)
            .await;
        if let Ok(Some(owner)) = owner {
            let id = owner.representation.id.as_deref().unwrap_or_default();
            let role = role.trim_start_matches('.');
            return context.realm.roles.client_role(id, role)?.id.clone();
        }
    }
    None
}
