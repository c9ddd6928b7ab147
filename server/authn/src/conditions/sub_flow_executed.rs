use crate::flow::{About, Condition, Facts, Flow, Node, Progress, Property, engine};

/// True when another flow inside the same flow has succeeded in this login, or has not.
#[derive(Debug)]
pub struct SubFlowExecuted;

impl Condition for SubFlowExecuted {
    fn about(&self) -> About {
        About {
            id: "conditional-sub-flow-executed",
            name: "Condition - sub-flow executed",
            help: "True if the sub-flow was executed successfully in this login",
            properties: &[
                Property {
                    name: "flow_to_check",
                    label: "Flow name",
                    help: "Name of the sub-flow",
                    kind: "String",
                    default: None,
                    options: &[],
                },
                Property {
                    name: "check_result",
                    label: "Check result",
                    help: "Whether it has to have been executed or not",
                    kind: "List",
                    default: Some("executed"),
                    options: &["executed", "not-executed"],
                },
            ],
        }
    }

    fn holds(
        &self,
        condition: &Node,
        _: &[Node],
        flow: &Flow,
        _: &Facts<'_>,
        progress: &mut Progress,
    ) -> bool {
        let alias = condition.setting("flow_to_check").unwrap_or_default();
        let executed = engine::subflow_succeeded(flow, alias, progress);
        executed != (condition.setting("check_result") == Some("not-executed"))
    }
}
