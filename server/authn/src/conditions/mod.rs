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
