//! Which of a user's roles a client may see.

use std::collections::BTreeSet;

use realmkeep_representations::{
    ClientRepresentation, ClientScopeRepresentation, RoleRepresentation,
};
use realmkeep_store::{Realm, Subject};

/// The client scopes that apply to the user: one with role mappings is for holders of one of them.
pub(crate) fn applicable_scopes<'a>(
    realm: &Realm,
    scopes: Vec<&'a ClientScopeRepresentation>,
    subject: &Subject,
) -> Vec<&'a ClientScopeRepresentation> {
    scopes
        .into_iter()
        .filter(|scope| {
            let mapped = scope
                .id
                .as_ref()
                .and_then(|id| realm.scope_roles.get(id))
                .filter(|roles| !roles.is_empty());
            mapped.is_none_or(|roles| {
                let all = realm.roles.expand(roles.iter().cloned());
                !all.is_disjoint(&subject.roles)
            })
        })
        .collect()
}

/// The user's roles that the client may see, by name; with `added` ones that every token carries.
pub(crate) fn visible<'a>(
    realm: &'a Realm,
    client: &ClientRepresentation,
    scopes: &[&ClientScopeRepresentation],
    subject: &Subject,
    added: &[&'a RoleRepresentation],
) -> Vec<&'a RoleRepresentation> {
    let allowed =
        (client.full_scope_allowed == Some(false)).then(|| allowed(realm, client, scopes));
    let mut roles: Vec<&RoleRepresentation> = subject
        .roles
        .iter()
        .filter(|id| allowed.as_ref().is_none_or(|allowed| allowed.contains(*id)))
        .filter_map(|id| realm.roles.all.get(id))
        .collect();
    for role in added {
        if !roles.iter().any(|known| known.id == role.id) {
            roles.push(role);
        }
    }
    roles.sort_by(|a, b| a.name.cmp(&b.name));
    roles
}

/// What a client without full scope may see: its own roles, and those mapped to it or its scopes.
fn allowed(
    realm: &Realm,
    client: &ClientRepresentation,
    scopes: &[&ClientScopeRepresentation],
) -> BTreeSet<String> {
    let holders = scopes
        .iter()
        .filter_map(|scope| scope.id.as_ref())
        .chain(client.id.as_ref());
    let mapped = holders
        .filter_map(|id| realm.scope_roles.get(id))
        .flatten()
        .cloned();
    let own = realm
        .roles
        .all
        .iter()
        .filter(|(_, role)| role.client_role == Some(true) && role.container_id == client.id)
        .map(|(id, _)| id.clone());
    realm.roles.expand(mapped.chain(own))
}
