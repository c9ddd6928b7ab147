//! What comes next in a flow: a pure function of the tree, the progress, and what is known of the
//! user and the request.
//!
//! On one level, executions that are REQUIRED (or CONDITIONAL with true conditions) all have to
//! succeed, in order; only where there are none does one ALTERNATIVE have to. A flow in which nothing
//! had to be done is not a success.

use super::progress::{Progress, Status};
use super::tree::{Flow, Node, NodeKind, Requirement};

/// What the engine has to be told about steps and conditions.
pub trait World {
    /// Whether the step can only run for a known user.
    fn requires_user(&self, step: &Node) -> bool;
    /// Whether the step can run: it is built, set up, and the user has what it asks for.
    fn configured(&self, step: &Node, progress: &Progress) -> bool;
    /// Whether nobody has to be asked.
    fn automatic(&self, step: &Node, progress: &Progress) -> bool;
    /// The required action by which a user gets what the step asks for, if there is one.
    fn setup(&self, step: &Node) -> Option<&'static str>;
    /// Whether the condition holds. `beside` is its level.
    ///
    /// # Errors
    /// When it needs a user and there is none.
    fn condition(
        &self,
        condition: &Node,
        beside: &[Node],
        flow: &Flow,
        progress: &mut Progress,
    ) -> Result<bool, FlowError>;
    /// The level that success of the condition's flow stands for.
    fn level(&self, condition: &Node) -> Option<i64>;
    /// Where the step stands among those the user prefers; smaller comes first.
    fn preference(&self, step: &Node) -> usize;
    /// Seconds since 1970.
    fn now(&self) -> i64;
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// This step runs without asking anybody; set its status, then ask again.
    Run(&'a Node),
    /// Somebody has to answer this step's page.
    Ask {
        step: &'a Node,
        /// Steps that would do as well, this one too, as the user prefers them; one or more.
        choices: Vec<&'a Node>,
    },
    Success,
    Failure(FlowError),
}

/// Why a flow cannot succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlowError {
    #[error("no step of the flow succeeded")]
    NothingSucceeded,
    #[error("a step needs a user and no step before it names one")]
    UnknownUser,
    #[error("the user does not have the credential that a step asks for")]
    CredentialSetupRequired,
    /// A step gave up in a place where nothing else can take over.
    #[error("a required step did not succeed")]
    RequiredFailed,
}

/// Finds what comes next, and notes on the way which conditions hold, which credentials have to be
/// set up, and which levels are reached.
pub fn advance<'a>(flow: &'a Flow, progress: &mut Progress, world: &impl World) -> Next<'a> {
    let walk = Walk { flow, world };
    match walk.level(&flow.nodes, progress) {
        Found::Success => Next::Success,
        Found::Failure(error) => Next::Failure(error),
        Found::Run(node) => Next::Run(node),
        Found::Ask(first) => {
            let choices = walk.choices(first, progress);
            let chosen = progress
                .focus
                .and_then(|focus| choices.iter().find(|c| c.index == focus));
            let preferred = choices
                .iter()
                .filter(|c| shares_level(flow, c, first))
                .min_by_key(|c| world.preference(c));
            let step = chosen.or(preferred).copied().unwrap_or(first);
            Next::Ask { step, choices }
        }
    }
}

/// Whether the flow with this alias ran and succeeded.
pub fn subflow_succeeded(flow: &Flow, alias: &str, progress: &Progress) -> bool {
    flow.all().into_iter().any(|node| {
        matches!(&node.kind, NodeKind::Flow { alias: a, .. } if a == alias)
            && succeeded(node, progress)
    })
}

enum Found<'a> {
    Run(&'a Node),
    Ask(&'a Node),
    Success,
    Failure(FlowError),
}

struct Walk<'a, 'w, W> {
    flow: &'a Flow,
    world: &'w W,
}

impl<'a, W: World> Walk<'a, '_, W> {
    fn level(&self, nodes: &'a [Node], progress: &mut Progress) -> Found<'a> {
        let mut anything = false;
        let (required, alternatives) = split(nodes);
        for node in &required {
            if node.requirement == Requirement::Conditional {
                match self.conditions_hold(node, progress) {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(error) => return Found::Failure(error),
                }
            }
            anything = true;
            match self.node(node, progress) {
                Found::Success => {}
                Found::Failure(FlowError::NothingSucceeded) => {
                    return Found::Failure(FlowError::RequiredFailed);
                }
                other => return other,
            }
        }
        if anything {
            return Found::Success;
        }
        // Where conditional flows stand beside them, alternatives do not run either.
        if !required.is_empty() {
            return Found::Failure(FlowError::NothingSucceeded);
        }
        self.alternatives(alternatives, progress)
    }

    fn alternatives(&self, mut nodes: Vec<&'a Node>, progress: &mut Progress) -> Found<'a> {
        if let Some(done) = nodes.iter().find(|node| succeeded(node, progress)) {
            // Walked once more, to note the levels that it reaches.
            return self.node(done, progress);
        }
        if let Some(focus) = progress.focus {
            nodes.sort_by_key(|node| !node.contains(focus));
        }
        let mut first = FlowError::NothingSucceeded;
        for node in nodes {
            match self.node(node, progress) {
                Found::Failure(error) => {
                    if first == FlowError::NothingSucceeded {
                        first = error;
                    }
                }
                other => return other,
            }
        }
        Found::Failure(first)
    }

    fn node(&self, node: &'a Node, progress: &mut Progress) -> Found<'a> {
        if let NodeKind::Flow { nodes, .. } = &node.kind {
            let found = self.level(nodes, progress);
            if matches!(found, Found::Success) && node.requirement == Requirement::Conditional {
                self.reach_levels(nodes, progress);
            }
            return found;
        }
        match progress.status(node.index) {
            Some(Status::Success | Status::SetupRequired) => return Found::Success,
            Some(_) => return Found::Failure(FlowError::NothingSucceeded),
            None => {}
        }
        if self.world.requires_user(node) && progress.user.is_none() {
            return Found::Failure(FlowError::UnknownUser);
        }
        if !self.world.configured(node, progress) {
            let required = node.requirement == Requirement::Required && progress.user.is_some();
            return match self.world.setup(node).filter(|_| required) {
                Some(action) => {
                    progress.set(node.index, Status::SetupRequired);
                    progress.actions.insert(action.to_owned());
                    Found::Success
                }
                None => Found::Failure(FlowError::CredentialSetupRequired),
            };
        }
        if self.world.automatic(node, progress) {
            Found::Run(node)
        } else {
            Found::Ask(node)
        }
    }

    /// Whether a CONDITIONAL execution counts as REQUIRED; a step that is CONDITIONAL does, as only
    /// flows have conditions.
    fn conditions_hold(&self, node: &Node, progress: &mut Progress) -> Result<bool, FlowError> {
        let NodeKind::Flow { nodes, .. } = &node.kind else {
            return Ok(true);
        };
        let mut any = false;
        for condition in nodes {
            if !matches!(condition.kind, NodeKind::Condition(_))
                || condition.requirement == Requirement::Disabled
            {
                continue;
            }
            any = true;
            let holds = match progress.status(condition.index) {
                Some(status) => status == Status::True,
                None => {
                    let holds = self
                        .world
                        .condition(condition, nodes, self.flow, progress)?;
                    let status = if holds { Status::True } else { Status::False };
                    progress.set(condition.index, status);
                    holds
                }
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(any)
    }

    fn reach_levels(&self, nodes: &[Node], progress: &mut Progress) {
        for condition in nodes {
            let holds = progress.status(condition.index) == Some(Status::True);
            if let Some(level) = self.world.level(condition).filter(|_| holds) {
                // Only once: the level is as old as the proofs that it stands for.
                if progress.level.is_none_or(|reached| reached < level) {
                    progress.level = Some(level);
                    progress.levels.insert(level, self.world.now());
                }
            }
        }
    }

    /// What else could be asked instead of `first`: the alternatives on its level, and on the levels
    /// above as long as nothing on the way was done yet that the other would leave behind.
    fn choices(&self, first: &'a Node, progress: &Progress) -> Vec<&'a Node> {
        let path = self.flow.path(first.index);
        let mut highest: Option<&[Node]> = None;
        for depth in (0..path.len()).rev() {
            let Some(node) = path.get(depth) else { break };
            let level: &[Node] = match depth.checked_sub(1).and_then(|above| path.get(above)) {
                Some(above) => above.nodes(),
                None => &self.flow.nodes,
            };
            if node.requirement == Requirement::Alternative {
                highest = Some(level);
            } else if level
                .iter()
                .take_while(|other| other.index != node.index)
                .any(|other| is_done(other, progress))
            {
                break;
            }
        }
        let mut choices = Vec::new();
        match highest {
            Some(level) => self.open_steps(level, progress, &mut choices),
            None => choices.push(first),
        }
        if !choices.iter().any(|c| c.index == first.index) {
            choices.insert(0, first);
        }
        choices.sort_by_key(|c| self.world.preference(c));
        choices
    }

    /// The first open step of every alternative on the level.
    fn open_steps(&self, nodes: &'a [Node], progress: &Progress, open: &mut Vec<&'a Node>) {
        let (required, alternatives) = split(nodes);
        if required.is_empty() {
            for node in alternatives {
                self.open_step(node, progress, open);
            }
            return;
        }
        for node in required {
            if node.requirement == Requirement::Conditional {
                // Looking ahead must not fix what a condition comes to.
                let mut copy = progress.clone();
                if self.conditions_hold(node, &mut copy) != Ok(true) {
                    continue;
                }
            }
            if !succeeded(node, progress) {
                return self.open_step(node, progress, open);
            }
        }
    }

    fn open_step(&self, node: &'a Node, progress: &Progress, open: &mut Vec<&'a Node>) {
        if let NodeKind::Flow { nodes, .. } = &node.kind {
            return self.open_steps(nodes, progress, open);
        }
        let user = !self.world.requires_user(node) || progress.user.is_some();
        if progress.status(node.index).is_none()
            && user
            && self.world.configured(node, progress)
            && !self.world.automatic(node, progress)
        {
            open.push(node);
        }
    }
}

/// What has to succeed, and what may: conditions are neither, and alternatives beside something
/// required do not run.
fn split(nodes: &[Node]) -> (Vec<&Node>, Vec<&Node>) {
    let counts = |node: &&Node| !matches!(node.kind, NodeKind::Condition(_));
    let with = |wanted: &[Requirement]| {
        nodes
            .iter()
            .filter(counts)
            .filter(|node| wanted.contains(&node.requirement))
            .collect::<Vec<_>>()
    };
    let required = with(&[Requirement::Required, Requirement::Conditional]);
    let alternatives = if required.is_empty() {
        with(&[Requirement::Alternative])
    } else {
        Vec::new()
    };
    (required, alternatives)
}

/// Whether everything that has to succeed in the node has.
fn succeeded(node: &Node, progress: &Progress) -> bool {
    let NodeKind::Flow { nodes, .. } = &node.kind else {
        return matches!(
            progress.status(node.index),
            Some(Status::Success | Status::SetupRequired)
        );
    };
    let (required, alternatives) = split(nodes);
    if required.is_empty() {
        return alternatives.iter().any(|node| succeeded(node, progress));
    }
    let mut any = false;
    for node in required {
        if node.requirement == Requirement::Conditional {
            match decision(node, progress) {
                Decision::Runs => {}
                Decision::Skipped => continue,
                Decision::Open => return false,
            }
        }
        if !succeeded(node, progress) {
            return false;
        }
        any = true;
    }
    any
}

/// What the conditions of a CONDITIONAL execution came to.
enum Decision {
    Runs,
    Skipped,
    /// They were not looked at yet.
    Open,
}

fn decision(node: &Node, progress: &Progress) -> Decision {
    // A step has no conditions.
    if !matches!(node.kind, NodeKind::Flow { .. }) {
        return Decision::Runs;
    }
    let mut decision = Decision::Skipped;
    for condition in node.nodes() {
        if !matches!(condition.kind, NodeKind::Condition(_))
            || condition.requirement == Requirement::Disabled
        {
            continue;
        }
        decision = match progress.status(condition.index) {
            Some(Status::True) => Decision::Runs,
            Some(_) => return Decision::Skipped,
            None => return Decision::Open,
        };
    }
    decision
}

/// Whether some step inside was done.
fn is_done(node: &Node, progress: &Progress) -> bool {
    matches!(
        progress.status(node.index),
        Some(Status::Success | Status::SetupRequired)
    ) || node.nodes().iter().any(|n| is_done(n, progress))
}

/// Whether both are alternatives of one level: the user's own order decides among those.
fn shares_level(flow: &Flow, a: &Node, b: &Node) -> bool {
    let parent = |node: &Node| {
        let path = flow.path(node.index);
        path.len()
            .checked_sub(2)
            .and_then(|above| path.get(above).map(|n| n.index))
    };
    a.index == b.index
        || (a.requirement == Requirement::Alternative
            && b.requirement == Requirement::Alternative
            && parent(a) == parent(b))
}

#[cfg(test)]
mod tests;
