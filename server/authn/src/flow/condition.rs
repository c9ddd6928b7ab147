use super::{About, Facts, Flow, Node, Progress};

/// Decides whether a CONDITIONAL flow runs.
pub trait Condition: Sync {
    fn about(&self) -> About;

    fn requires_user(&self) -> bool {
        false
    }

    /// Whether it holds; `beside` is the level that the condition stands on. The answer is kept for
    /// the rest of the login.
    fn holds(
        &self,
        condition: &Node,
        beside: &[Node],
        flow: &Flow,
        facts: &Facts<'_>,
        progress: &mut Progress,
    ) -> bool;

    /// The level that success of the condition's flow stands for.
    fn level(&self, _condition: &Node) -> Option<i64> {
        None
    }
}
