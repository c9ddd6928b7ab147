//! Which objects a request is about, by one name each, however they are addressed.

use realmkeep_store::Realm;

use crate::authentication::numbered;

/// An object of a realm, and whether the request is about it as a whole or about a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its path below the realm, with ids; empty for the realm itself.
    pub path: String,
    pub whole: bool,
}

impl Object {
    fn whole(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            whole: true,
        }
    }

    fn at(path: impl Into<String>, rest: &[&str]) -> Self {
        Self {
            path: path.into(),
            whole: rest.is_empty(),
        }
    }
}

/// The objects that a change at this path below the realm is a change of: the one it names, and those
/// that this one is a part of. None for a collection.
pub fn objects(realm: &Realm, below: &[&str]) -> Vec<Object> {
    match below {
        // The console saves the realm there.
        [] | ["ui-ext"] => vec![Object::whole("")],
        ["clients", client, "roles", rest @ ..] => match rest {
            [name, rest @ ..] => {
                let role = realm.roles.client_role(client, name);
                role.and_then(|r| r.id.as_ref())
                    .map(|id| Object::at(format!("roles-by-id/{id}"), rest))
                    .into_iter()
                    .collect()
            }
            [] => Vec::new(),
        },
        ["roles", name, rest @ ..] => {
            let role = realm.roles.realm_role(name);
            role.and_then(|r| r.id.as_ref())
                .map(|id| Object::at(format!("roles-by-id/{id}"), rest))
                .into_iter()
                .collect()
        }
        ["roles-by-id", id, rest @ ..] => vec![Object::at(format!("roles-by-id/{id}"), rest)],
        [
            kind @ ("clients" | "client-scopes" | "client-templates"),
            id,
            rest @ ..,
        ] => {
            let kind = if *kind == "clients" {
                kind
            } else {
                "client-scopes"
            };
            let holder = format!("{kind}/{id}");
            let mut all = vec![Object::at(holder.clone(), rest)];
            if let ["protocol-mappers", "models", mapper] = rest {
                all.push(Object::whole(format!(
                    "{holder}/protocol-mappers/models/{mapper}"
                )));
            }
            all
        }
        // A new group below is an object of its own.
        ["groups", _, "children"] => Vec::new(),
        ["groups", _, "children", id] => vec![Object::whole(format!("groups/{id}"))],
        ["users", "profile" | "count", ..] => Vec::new(),
        [kind @ ("groups" | "users"), id, rest @ ..] => {
            vec![Object::at(format!("{kind}/{id}"), rest)]
        }
        ["identity-provider", "instances", name, rest @ ..] => {
            let mut providers = realm.identity_providers.iter();
            let by_id = providers.find(|p| p.internal_id.as_deref() == Some(*name));
            let alias = by_id.and_then(|p| p.alias.as_deref()).unwrap_or(name);
            let provider = format!("identity-provider/instances/{alias}");
            let mut all = vec![Object::at(provider.clone(), rest)];
            if let ["mappers", mapper] = rest {
                all.push(Object::whole(format!("{provider}/mappers/{mapper}")));
            }
            all
        }
        ["components", id, rest @ ..] => vec![Object::at(format!("components/{id}"), rest)],
        ["authentication", rest @ ..] => authentication(realm, rest),
        _ => Vec::new(),
    }
}

fn authentication(realm: &Realm, below: &[&str]) -> Vec<Object> {
    let part_of = |id: Option<String>| {
        id.map(|id| Object {
            path: format!("authentication/flows/{id}"),
            whole: false,
        })
        .into_iter()
        .collect()
    };
    match below {
        // What is made of a flow is another flow.
        ["flows", _, "copy"] => Vec::new(),
        ["flows", _, "copy", id] | ["flows", id] => {
            vec![Object::whole(format!("authentication/flows/{id}"))]
        }
        ["flows", alias, "executions", ..] => {
            let flows = realm.settings.authentication_flows.iter().flatten();
            let mut named = flows.filter(|f| f.alias.as_deref() == Some(alias));
            part_of(named.next().and_then(|f| f.id.clone()))
        }
        ["executions", _, "config", id] | ["config", id] => {
            vec![Object::whole(format!("authentication/config/{id}"))]
        }
        ["executions", id, ..] => {
            let holds = |execution: Option<&String>| execution.is_some_and(|e| e == id);
            let flow = numbered(&realm.settings).into_iter().find(|flow| {
                let mut executions = flow.authentication_executions.iter().flatten();
                executions.any(|e| holds(e.id.as_ref()))
            });
            part_of(flow.and_then(|f| f.id))
        }
        ["required-actions", alias, rest @ ..] => vec![Object::at(
            format!("authentication/required-actions/{alias}"),
            rest,
        )],
        _ => Vec::new(),
    }
}
