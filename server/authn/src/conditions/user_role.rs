use realmkeep_store::{Realm, Subject};

use super::is_on;
use crate::flow::{About, Condition, Facts, Flow, Node, Progress, Property};

/// True when the user has a role: `role` of the realm, or `client.role`.
#[derive(Debug)]
pub struct UserRole;

impl Condition for UserRole {
    fn about(&self) -> About {
        About {
            id: "conditional-user-role",
            name: "Condition - user role",
            help: "True if the user has the role",
            properties: &[
                Property {
                    name: "condUserRole",
                    label: "User role",
                    help: "The role, or client.role for a role of a client",
                    kind: "Role",
                    default: None,
                    options: &[],
                },
                Property {
                    name: "negate",
                    label: "Negate output",
                    help: "True if the user does not have the role",
                    kind: "boolean",
                    default: None,
                    options: &[],
                },
            ],
        }
    }

    fn requires_user(&self) -> bool {
        true
    }

    fn holds(
        &self,
        condition: &Node,
        _: &[Node],
        _: &Flow,
        facts: &Facts<'_>,
        _: &mut Progress,
    ) -> bool {
        let role = condition.setting("condUserRole").unwrap_or_default();
        let has = facts
            .subject
            .as_ref()
            .is_some_and(|subject| has_role(facts.realm, subject, role, &facts.role_clients));
        has != is_on(condition, "negate")
    }
}

/// `clients`: ids of the clients whose names a role may begin with.
pub(crate) fn has_role(
    realm: &Realm,
    subject: &Subject,
    role: &str,
    clients: &std::collections::BTreeMap<String, String>,
) -> bool {
    let held = |id: Option<&String>| id.is_some_and(|id| subject.roles.contains(id));
    if let Some(found) = realm.roles.realm_role(role) {
        return held(found.id.as_ref());
    }
    // clientIds may hold dots, and so may role names.
    role.rmatch_indices('.').any(|(at, _)| {
        let (client, name) = role.split_at(at);
        let name = name.trim_start_matches('.');
        clients
            .get(client)
            .and_then(|id| realm.roles.client_role(id, name))
            .is_some_and(|found| held(found.id.as_ref()))
    })
}
