use crate::flow::{About, Condition, Facts, Flow, Node, NodeKind, Progress, Requirement, registry};

/// True when what stands beside it is configured for the user: everything that is REQUIRED, or one
/// of the alternatives.
#[derive(Debug)]
pub struct UserConfigured;

impl Condition for UserConfigured {
    fn about(&self) -> About {
        About {
            id: "conditional-user-configured",
            name: "Condition - user configured",
            help: "True if the user has what the other executions of the flow ask for",
            properties: &[],
        }
    }

    fn holds(
        &self,
        _: &Node,
        beside: &[Node],
        _: &Flow,
        facts: &Facts<'_>,
        _: &mut Progress,
    ) -> bool {
        level_is_configured(beside, facts)
    }
}

fn level_is_configured(nodes: &[Node], facts: &Facts<'_>) -> bool {
    let counts = |wanted: &'static [Requirement]| {
        nodes.iter().filter(move |node| {
            !matches!(node.kind, NodeKind::Condition(_)) && wanted.contains(&node.requirement)
        })
    };
    let mut required = counts(&[Requirement::Required, Requirement::Conditional]).peekable();
    if required.peek().is_some() {
        return required.all(|node| is_configured(node, facts));
    }
    counts(&[Requirement::Alternative]).any(|node| is_configured(node, facts))
}

fn is_configured(node: &Node, facts: &Facts<'_>) -> bool {
    match &node.kind {
        NodeKind::Flow { nodes, .. } => level_is_configured(nodes, facts),
        NodeKind::Condition(_) => true,
        NodeKind::Step(id) => registry::authenticator(id).is_some_and(|step| {
            (!step.requires_user() || facts.subject.is_some()) && step.configured(node, facts)
        }),
    }
}
