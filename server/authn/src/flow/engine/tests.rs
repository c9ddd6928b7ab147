use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What the tests' steps and conditions are, by index.
#[derive(Clone, Debug, Default)]
struct Model {
    /// Conditions that hold.
    holds: BTreeSet<u16>,
    /// Steps that the user is not set up for.
    missing: BTreeSet<u16>,
    /// Of those, the ones that can be set up on the way.
    setup: BTreeSet<u16>,
    automatic: BTreeSet<u16>,
    levels: BTreeMap<u16, i64>,
}

impl World for Model {
    fn requires_user(&self, _: &Node) -> bool {
        false
    }
    fn configured(&self, step: &Node, _: &Progress) -> bool {
        !self.missing.contains(&step.index)
    }
    fn automatic(&self, step: &Node, _: &Progress) -> bool {
        self.automatic.contains(&step.index)
    }
    fn setup(&self, step: &Node) -> Option<&'static str> {
        self.setup.contains(&step.index).then_some("SET_UP")
    }
    fn condition(
        &self,
        condition: &Node,
        _: &[Node],
        _: &Flow,
        _: &mut Progress,
    ) -> Result<bool, FlowError> {
        Ok(self.holds.contains(&condition.index))
    }
    fn level(&self, condition: &Node) -> Option<i64> {
        self.levels.get(&condition.index).copied()
    }
    fn preference(&self, _: &Node) -> usize {
        0
    }
    fn now(&self) -> i64 {
        1_000
    }
}

const R: Requirement = Requirement::Required;
const A: Requirement = Requirement::Alternative;
const C: Requirement = Requirement::Conditional;
const D: Requirement = Requirement::Disabled;

fn step(requirement: Requirement) -> Node {
    node(requirement, NodeKind::Step("step".to_owned()))
}

fn condition(requirement: Requirement) -> Node {
    node(requirement, NodeKind::Condition("condition".to_owned()))
}

fn inner(requirement: Requirement, nodes: Vec<Node>) -> Node {
    let alias = "inside".to_owned();
    node(requirement, NodeKind::Flow { alias, nodes })
}

fn node(requirement: Requirement, kind: NodeKind) -> Node {
    Node {
        index: 0,
        id: String::new(),
        requirement,
        kind,
        config: BTreeMap::new(),
        actions: Vec::new(),
    }
}

/// Numbers the nodes, parents first.
fn top(mut nodes: Vec<Node>) -> Flow {
    fn number(nodes: &mut [Node], next: &mut u16) {
        for node in nodes {
            node.index = *next;
            node.id = format!("n{next}");
            *next += 1;
            if let NodeKind::Flow { nodes, .. } = &mut node.kind {
                number(nodes, next);
            }
        }
    }
    number(&mut nodes, &mut 0);
    Flow::of("top".to_owned(), nodes)
}

fn progress() -> Progress {
    Progress {
        user: Some("u".to_owned()),
        ..Progress::default()
    }
}

/// Answers every page rightly; the steps that were asked, and how it ended.
fn run(flow: &Flow, world: &Model) -> (Vec<u16>, Result<(), FlowError>) {
    let mut progress = progress();
    let mut asked = Vec::new();
    loop {
        let step = match advance(flow, &mut progress, world) {
            Next::Run(step) | Next::Ask { step, .. } => step.index,
            Next::Success => return (asked, Ok(())),
            Next::Failure(error) => return (asked, Err(error)),
        };
        asked.push(step);
        progress.set(step, Status::Success);
        progress.focus = Some(step);
    }
}

/// spec: FLOW-09, FLOWB-13
#[test]
fn all_required_steps_run_in_order() {
    let flow = top(vec![step(R), step(D), step(R)]);
    assert_eq!(run(&flow, &Model::default()), (vec![0, 2], Ok(())));
    // One that fails ends the flow.
    let mut world = Model::default();
    world.missing.insert(0);
    let failed = Err(FlowError::CredentialSetupRequired);
    assert_eq!(run(&flow, &world), (vec![], failed));
}

/// spec: FLOW-10, FLOWB-14, FLOW-22
#[test]
fn one_alternative_is_enough_and_none_is_not() {
    let flow = top(vec![step(A), step(A)]);
    assert_eq!(run(&flow, &Model::default()), (vec![0], Ok(())));
    let mut world = Model::default();
    world.missing.insert(0);
    assert_eq!(run(&flow, &world), (vec![1], Ok(())));
    world.missing.insert(1);
    assert!(run(&flow, &world).1.is_err());
    let nothing = Err(FlowError::NothingSucceeded);
    assert_eq!(run(&top(vec![]), &world), (vec![], nothing));
}

/// spec: FLOW-11
#[test]
fn beside_something_required_alternatives_do_not_run() {
    let flow = top(vec![step(A), step(R), step(A)]);
    assert_eq!(run(&flow, &Model::default()), (vec![1], Ok(())));
}

/// spec: FLOW-12, FLOWB-15
#[test]
fn what_is_disabled_does_not_count() {
    let nothing = Err(FlowError::NothingSucceeded);
    let flow = top(vec![step(D), inner(D, vec![step(R)])]);
    assert_eq!(run(&flow, &Model::default()), (vec![], nothing));
}

/// spec: FLOW-13, FLOWB-16, FLOWB-17, FLOWB-18, FLOWB-19
#[test]
fn conditional_flows_run_when_all_their_conditions_hold() {
    // 0: step, 1: flow { 2: condition, 3: condition, 4: step }
    let conditions = |n: usize| {
        let mut inside: Vec<Node> = (0..n).map(|_| condition(R)).collect();
        inside.push(step(R));
        top(vec![step(R), inner(C, inside)])
    };
    let mut world = Model::default();
    assert_eq!(run(&conditions(2), &world), (vec![0], Ok(())));
    world.holds.insert(2);
    assert_eq!(run(&conditions(2), &world), (vec![0], Ok(())));
    world.holds.insert(3);
    assert_eq!(run(&conditions(2), &world), (vec![0, 4], Ok(())));
    assert_eq!(run(&conditions(0), &world), (vec![0], Ok(())));
    // A condition that is disabled does not count.
    let flow = top(vec![
        step(R),
        inner(C, vec![condition(D), condition(R), step(R)]),
    ]);
    world.holds = BTreeSet::from([3]);
    assert_eq!(run(&flow, &world), (vec![0, 4], Ok(())));
    world.holds.clear();
    assert_eq!(run(&flow, &world), (vec![0], Ok(())));
}

/// What was proven so far does not end a flow whose conditions were not looked at.
#[test]
fn conditions_after_a_step_are_looked_at() {
    let inside = inner(C, vec![condition(R), step(R)]);
    let flow = top(vec![inner(A, vec![step(R), inside])]);
    let mut world = Model::default();
    world.holds.insert(3);
    assert_eq!(run(&flow, &world), (vec![1, 4], Ok(())));
}

/// Only flows have conditions: a step that is set to CONDITIONAL has to succeed.
#[test]
fn a_conditional_step_is_required() {
    let flow = top(vec![inner(A, vec![step(R), step(C)])]);
    assert_eq!(run(&flow, &Model::default()), (vec![1, 2], Ok(())));
}

/// spec: FLOW-14, FLOWB-20, COND-01
#[test]
fn conditions_outside_of_conditional_flows_do_not_count() {
    let flow = top(vec![condition(R), step(A)]);
    assert_eq!(run(&flow, &Model::default()), (vec![1], Ok(())));
    let flow = top(vec![inner(R, vec![condition(R), step(R)])]);
    assert_eq!(run(&flow, &Model::default()), (vec![2], Ok(())));
}

/// spec: FLOW-25, FLOW-28
#[test]
fn flows_inside_flows_succeed_by_what_is_inside() {
    // 0: A { 1: R { 2: A, 3: A }, 4: R }, 5: A
    let flow = top(vec![
        inner(A, vec![inner(R, vec![step(A), step(A)]), step(R)]),
        step(A),
    ]);
    let mut world = Model::default();
    assert_eq!(run(&flow, &world), (vec![2, 4], Ok(())));
    world.missing.insert(2);
    assert_eq!(run(&flow, &world), (vec![3, 4], Ok(())));
    world.missing.insert(3);
    assert_eq!(run(&flow, &world), (vec![5], Ok(())));
}

/// spec: FLOW-31, FLOW-35
#[test]
fn a_missing_credential_is_set_up_only_where_the_step_is_required() {
    let mut world = Model::default();
    world.missing.insert(1);
    world.setup.insert(1);
    let required = top(vec![step(R), step(R)]);
    let mut now = progress();
    now.set(0, Status::Success);
    assert_eq!(advance(&required, &mut now, &world), Next::Success);
    assert_eq!(now.status(1), Some(Status::SetupRequired));
    assert!(now.actions.contains("SET_UP"));
    let alternative = top(vec![inner(R, vec![step(A)])]);
    let mut now = progress();
    let next = advance(&alternative, &mut now, &world);
    let missing = Next::Failure(FlowError::CredentialSetupRequired);
    assert_eq!(next, missing);
    assert!(now.actions.is_empty());
}

/// The password-less flow of the guide: 0 username; 1 R { 2 passkey A, 3 A { 4 password, 5 code } }.
///
/// spec: FLOW-36, PWL-03
#[test]
fn another_way_can_be_chosen_until_something_was_proven() {
    let flow = top(vec![
        step(R),
        inner(R, vec![step(A), inner(A, vec![step(R), step(R)])]),
    ]);
    let world = Model::default();
    let mut now = progress();
    let choices = |next: Next<'_>| match next {
        Next::Ask { step, choices } => {
            let all: Vec<u16> = choices.iter().map(|c| c.index).collect();
            (step.index, all)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(choices(advance(&flow, &mut now, &world)), (0, vec![0]));
    now.set(0, Status::Success);
    assert_eq!(choices(advance(&flow, &mut now, &world)), (2, vec![2, 4]));
    now.focus = Some(4);
    assert_eq!(choices(advance(&flow, &mut now, &world)), (4, vec![2, 4]));
    now.set(4, Status::Success);
    assert_eq!(choices(advance(&flow, &mut now, &world)), (5, vec![5]));
    now.set(5, Status::Success);
    assert_eq!(advance(&flow, &mut now, &world), Next::Success);
}

/// A condition is not decided by looking ahead, and stays as it was decided.
#[test]
fn conditions_are_decided_once() {
    let flow = top(vec![step(R), inner(C, vec![condition(R), step(R)])]);
    let mut world = Model::default();
    world.holds.insert(2);
    let mut now = progress();
    advance(&flow, &mut now, &world);
    assert_eq!(now.status(2), None);
    now.set(0, Status::Success);
    advance(&flow, &mut now, &world);
    assert_eq!(now.status(2), Some(Status::True));
    world.holds.clear();
    let next = advance(&flow, &mut now, &world);
    assert!(matches!(next, Next::Ask { step, .. } if step.index == 3));
}

#[test]
fn a_level_is_reached_with_its_flow() {
    let flow = top(vec![inner(C, vec![condition(R), step(R)])]);
    let mut world = Model::default();
    world.holds.insert(1);
    world.levels.insert(1, 2);
    let mut now = progress();
    advance(&flow, &mut now, &world);
    assert_eq!(now.level, None);
    now.set(2, Status::Success);
    assert_eq!(advance(&flow, &mut now, &world), Next::Success);
    assert_eq!(now.level, Some(2));
    assert_eq!(now.levels, BTreeMap::from([(2, 1_000)]));

    // As an alternative, too.
    let inside = inner(C, vec![condition(R), step(R)]);
    let flow = top(vec![step(A), inner(A, vec![inside])]);
    world.holds.insert(3);
    world.levels.insert(3, 3);
    let mut now = progress();
    now.set(0, Status::Attempted);
    advance(&flow, &mut now, &world);
    now.set(4, Status::Success);
    assert_eq!(advance(&flow, &mut now, &world), Next::Success);
    assert_eq!(now.level, Some(3));
}

/// Whether the flow may succeed on these proofs: written anew, from the rules alone.
fn may_succeed(nodes: &[Node], proven: &BTreeSet<u16>, world: &Model) -> bool {
    let is_condition = |n: &&Node| matches!(n.kind, NodeKind::Condition(_));
    let runs = |n: &&Node| match n.requirement {
        Requirement::Required => true,
        Requirement::Conditional => {
            let NodeKind::Flow { nodes, .. } = &n.kind else {
                return true;
            };
            let conditions: Vec<&Node> = nodes
                .iter()
                .filter(|n| is_condition(n) && n.requirement != Requirement::Disabled)
                .collect();
            !conditions.is_empty() && conditions.iter().all(|c| world.holds.contains(&c.index))
        }
        _ => false,
    };
    let one = |n: &&Node| match &n.kind {
        NodeKind::Flow { nodes, .. } => may_succeed(nodes, proven, world),
        _ => {
            let sets_up = world.missing.contains(&n.index)
                && world.setup.contains(&n.index)
                && n.requirement != Requirement::Alternative;
            proven.contains(&n.index) || sets_up
        }
    };
    let counted: Vec<&Node> = nodes.iter().filter(|n| !is_condition(n)).collect();
    let strict = [Requirement::Required, Requirement::Conditional];
    if counted.iter().any(|n| strict.contains(&n.requirement)) {
        let needed: Vec<&&Node> = counted.iter().filter(|n| runs(n)).collect();
        return !needed.is_empty() && needed.iter().all(|n| one(n));
    }
    counted
        .iter()
        .any(|n| n.requirement == Requirement::Alternative && one(n))
}

fn any_requirement() -> impl Strategy<Value = Requirement> {
    prop_oneof![3 => Just(R), 3 => Just(A), 2 => Just(C), 1 => Just(D)]
}

fn any_node() -> impl Strategy<Value = Node> {
    let leaf = (any_requirement(), prop::bool::weighted(0.25)).prop_map(|(requirement, is)| {
        if is {
            condition(requirement)
        } else {
            step(requirement)
        }
    });
    leaf.prop_recursive(3, 16, 4, |below| {
        (any_requirement(), prop::collection::vec(below, 0..4))
            .prop_map(|(requirement, nodes)| inner(requirement, nodes))
    })
}

fn any_model() -> impl Strategy<Value = Model> {
    let some = || prop::collection::btree_set(0_u16..24, 0..12);
    (some(), some(), some(), some()).prop_map(|(holds, missing, setup, automatic)| Model {
        holds,
        missing,
        setup,
        automatic,
        levels: BTreeMap::new(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// A walk over all pages, with wrong answers, other ways, and forms of earlier pages sent again:
    /// success implies that the proofs given on the way to it are those the flow asks for.
    ///
    /// spec: FLOW-18, FLOW-21
    #[test]
    fn no_walk_succeeds_without_the_proofs(
        nodes in prop::collection::vec(any_node(), 1..4),
        world in any_model(),
        walk in prop::collection::vec((any::<u16>(), 0_u8..4, any::<u16>()), 1..40),
    ) {
        let flow = top(nodes);
        // Every state that was ever given to the browser, with the proofs consumed on its way.
        let mut states: Vec<(Progress, BTreeSet<u16>)> = vec![(progress(), BTreeSet::new())];
        for (from, what, which) in walk {
            let (mut now, mut proven) = states[usize::from(from) % states.len()].clone();
            let next = advance(&flow, &mut now, &world);
            match next {
                Next::Success => {
                    prop_assert!(may_succeed(&flow.nodes, &proven, &world), "{flow:?} {proven:?}");
                    continue;
                }
                Next::Failure(_) => continue,
                Next::Run(step) => {
                    let index = step.index;
                    if what == 0 {
                        now.set(index, Status::Attempted);
                    } else {
                        now.set(index, Status::Success);
                        proven.insert(index);
                    }
                }
                Next::Ask { step, choices } => {
                    prop_assert!(choices.iter().any(|c| c.index == step.index));
                    let chosen = choices[usize::from(which) % choices.len()].index;
                    prop_assert_eq!(now.status(chosen), None);
                    match what {
                        // A wrong answer, or another way.
                        0 | 1 => now.focus = Some(chosen),
                        _ => {
                            now.focus = Some(chosen);
                            now.set(chosen, Status::Success);
                            proven.insert(chosen);
                        }
                    }
                }
            }
            states.push((now, proven));
        }
    }

    /// Whoever answers every page rightly comes to an end.
    #[test]
    fn every_flow_ends(
        nodes in prop::collection::vec(any_node(), 1..4),
        world in any_model(),
    ) {
        let flow = top(nodes);
        let (asked, _) = run(&flow, &world);
        prop_assert!(asked.len() <= flow.all().len());
    }
}
