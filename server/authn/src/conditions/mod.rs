//! Conditions of CONDITIONAL flows, one file each.

pub mod client_scope;
pub mod credential;
pub mod level_of_authentication;
pub mod sub_flow_executed;
pub mod user_attribute;
pub mod user_configured;
pub mod user_role;

use crate::flow::Node;

fn is_on(condition: &Node, name: &str) -> bool {
    condition.setting(name) == Some("true")
}

/// Whether the pattern of the execution's setting matches one of the texts; one that is no pattern
/// matches nothing.
pub(crate) fn matches_any(execution: &Node, pattern: &str, texts: &[String]) -> bool {
    let texts = texts.iter().map(String::as_str);
    realmkeep_model::pattern::matches_any(pattern, texts).unwrap_or_else(|error| {
        tracing::warn!(
            execution = execution.id,
            pattern,
            %error,
            "the pattern of an execution is no regular expression; change its configuration"
        );
        false
    })
}
