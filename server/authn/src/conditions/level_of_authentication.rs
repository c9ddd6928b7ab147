use crate::flow::{About, Condition, Facts, Flow, Node, Progress, Property, wanted_level};

/// True when the level is asked for, or is the first at all, and was not reached recently enough.
#[derive(Debug)]
pub struct LevelOfAuthentication;

/// Seconds that a level stays reached where nothing is configured.
const MAX_AGE: i64 = 36_000;

impl Condition for LevelOfAuthentication {
    fn about(&self) -> About {
        About {
            id: "conditional-level-of-authentication",
            name: "Condition - Level of Authentication",
            help: "True if this level or a higher one is asked for and not reached yet; \
                   success of the flow reaches it",
            properties: &[
                Property {
                    name: "loa-condition-level",
                    label: "Level of Authentication (LoA)",
                    help: "The level as a number; levels have to stand in the flow lowest first",
                    kind: "String",
                    default: None,
                    options: &[],
                },
                Property {
                    name: "loa-max-age",
                    label: "Max Age",
                    help: "Seconds that the level stays reached; 0: for one login only",
                    kind: "String",
                    default: Some("36000"),
                    options: &[],
                },
            ],
        }
    }

    fn holds(
        &self,
        condition: &Node,
        _: &[Node],
        flow: &Flow,
        facts: &Facts<'_>,
        progress: &mut Progress,
    ) -> bool {
        let own = self.level(condition).unwrap_or(0);
        // Whoever has reached no level at all begins with the first one of the flow.
        let Some(reached) = progress.level else {
            return true;
        };
        let wanted = wanted_level::wanted(facts, flow);
        if wanted.is_none_or(|wanted| wanted < own) {
            return false;
        }
        if reached < own && still_reached(condition, own, progress, facts.now) {
            progress.level = Some(own);
            return false;
        }
        reached < own
    }

    fn level(&self, condition: &Node) -> Option<i64> {
        condition.setting("loa-condition-level")?.parse().ok()
    }
}

/// The highest level that a session has still reached: every level of the flow up to it, lowest
/// first, within its age. None when the flow has no levels or the session none; 0 when the lowest
/// is too old.
pub(crate) fn highest_reached(flow: &Flow, progress: &Progress, now: i64) -> Option<i64> {
    let condition = LevelOfAuthentication;
    let id = condition.about().id;
    let mut levels: Vec<(i64, &Node)> = flow
        .all()
        .into_iter()
        .filter(|node| matches!(&node.kind, crate::flow::NodeKind::Condition(kind) if kind == id))
        .filter_map(|node| Some((condition.level(node)?, node)))
        .collect();
    if progress.levels.is_empty() {
        return None;
    }
    levels.sort_by_key(|(level, _)| *level);
    let reached = levels
        .into_iter()
        .take_while(|(level, node)| still_reached(node, *level, progress, now))
        .last();
    Some(reached.map_or(0, |(level, _)| level))
}

fn still_reached(condition: &Node, level: i64, progress: &Progress, now: i64) -> bool {
    let max_age = condition
        .setting("loa-max-age")
        .and_then(|age| age.parse().ok())
        .unwrap_or(MAX_AGE);
    progress
        .levels
        .get(&level)
        .is_some_and(|at| max_age > 0 && now.saturating_sub(*at) <= max_age)
}
