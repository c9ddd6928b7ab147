use super::is_on;
use crate::flow::{About, Condition, Facts, Flow, Node, Progress, Property};

/// True when a client scope is in effect for the request: one of the client's defaults, or an
/// optional one that is asked for.
#[derive(Debug)]
pub struct ClientScope;

impl Condition for ClientScope {
    fn about(&self) -> About {
        About {
            id: "conditional-client-scope",
            name: "Condition - client scope",
            help: "True if the client scope is in effect for the request",
            properties: &[
                Property {
                    name: "client_scope",
                    label: "Client scope name",
                    help: "Name of the client scope",
                    kind: "String",
                    default: None,
                    options: &[],
                },
                Property {
                    name: "negate",
                    label: "Negate output",
                    help: "True if the client scope is not in effect",
                    kind: "boolean",
                    default: None,
                    options: &[],
                },
            ],
        }
    }

    fn holds(
        &self,
        condition: &Node,
        _: &[Node],
        _: &Flow,
        facts: &Facts<'_>,
        _: &mut Progress,
    ) -> bool {
        let name = condition.setting("client_scope").unwrap_or_default();
        let client = &facts.client.representation;
        let lists = |list: &Option<Vec<String>>| list.iter().flatten().any(|s| s == name);
        let asked = facts.request.scope.split(' ').any(|s| s == name);
        let present =
            lists(&client.default_client_scopes) || asked && lists(&client.optional_client_scopes);
        present != is_on(condition, "negate")
    }
}
