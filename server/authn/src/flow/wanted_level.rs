//! The level that a login has to reach: what the application asks for as `acr`, and what the action
//! that it asks for needs (002:2263).

use std::collections::BTreeMap;

use super::{Facts, Flow, Node, NodeKind, Requirement, level, registry};
use crate::required_actions;

/// None when there is no level that the login would have to reach.
pub fn wanted(facts: &Facts<'_>, flow: &Flow) -> Option<i64> {
    let asked = level::requested(facts.realm, &facts.client.representation, facts.request);
    asked.max(of_action(facts, flow))
}

/// The level that the flow proves the credential at which the requested action adds or removes, for
/// a user who has a credential of that level. Who has none cannot be asked for one.
pub fn of_action(facts: &Facts<'_>, flow: &Flow) -> Option<i64> {
    let (name, _) = required_actions::requested(facts)?;
    let action = registry::required_action(name)?;
    if !action.on_request() || !required_actions::is_enabled(facts.services, facts.realm, name) {
        return None;
    }
    let kind = action.credential(facts)?;
    let mut levels = BTreeMap::new();
    collect(&flow.nodes, None, &mut levels);
    let level = *levels.get(kind)?;
    let mut kinds = facts.credentials.iter().filter_map(|c| c.r#type.as_deref());
    kinds
        .any(|own| levels.get(own) == Some(&level))
        .then_some(level)
}

/// The lowest level at which each kind of credential is proven.
fn collect<'a>(nodes: &'a [Node], around: Option<i64>, levels: &mut BTreeMap<&'a str, i64>) {
    let is_on = |node: &&Node| node.requirement != Requirement::Disabled;
    let own = nodes
        .iter()
        .filter(is_on)
        .find_map(|node| match &node.kind {
            NodeKind::Condition(id) => registry::condition(id)?.level(node),
            _ => None,
        });
    let level = own.or(around);
    for node in nodes.iter().filter(is_on) {
        let kind = match &node.kind {
            NodeKind::Step(id) => registry::authenticator(id).and_then(|step| step.credential()),
            _ => None,
        };
        if let Some((kind, level)) = kind.zip(level) {
            let lowest = levels.entry(kind).or_insert(level);
            *lowest = level.min(*lowest);
        }
        collect(node.nodes(), level, levels);
    }
}
