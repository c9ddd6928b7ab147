//! Conditions and status: computed as a whole, written only when they mean something new.

use k8s_openapi::jiff::Timestamp;
use realmkeep_crds::{Condition, ConditionType, Reason, condition};
use serde_json::{Map, Value};

use crate::problem::Problem;

/// One condition before it has a time.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub kind: ConditionType,
    /// None: unknown.
    pub status: Option<bool>,
    pub reason: Reason,
    pub message: String,
}

impl Verdict {
    pub fn new(
        kind: ConditionType,
        status: impl Into<Option<bool>>,
        reason: Reason,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            status: status.into(),
            reason,
            message: message.into(),
        }
    }
}

/// Accepted, ResolvedRefs and Programmed of a resource that went through the phases up to
/// `problem`.
pub fn phases(problem: Option<&Problem>) -> Vec<Verdict> {
    let order = [
        (ConditionType::Accepted, Reason::Accepted),
        (ConditionType::ResolvedRefs, Reason::ResolvedRefs),
        (ConditionType::Programmed, Reason::Programmed),
    ];
    let verdicts = order.map(|(kind, good)| match problem {
        Some(problem) if problem.phase == kind => {
            let status = (problem.reason != Reason::Suspended).then_some(false);
            Verdict::new(kind, status, problem.reason, &problem.message)
        }
        Some(problem) if problem.phase < kind => {
            let message = format!("waits for {}", problem.phase);
            Verdict::new(kind, None, Reason::Pending, message)
        }
        _ => Verdict::new(kind, true, good, ""),
    });
    verdicts.into()
}

/// What is written on first sight, so that nobody takes "no conditions" for "ready".
pub fn first_sight() -> Vec<Verdict> {
    vec![Verdict::new(
        ConditionType::Ready,
        None,
        Reason::Pending,
        "not looked at yet",
    )]
}

/// `verdicts` with the summary, as conditions; transition times of `before` stay where the
/// status does.
pub fn conditions(
    before: &[Condition],
    mut verdicts: Vec<Verdict>,
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    if !verdicts.iter().any(|v| v.kind == ConditionType::Ready) {
        verdicts.push(summary(&verdicts));
    }
    let now = whole_seconds(now);
    verdicts
        .into_iter()
        .map(|v| {
            let mut new = condition(v.kind, v.status, v.reason, v.message, generation, now);
            let old = before.iter().find(|old| old.type_ == new.type_);
            if let Some(old) = old.filter(|old| old.status == new.status) {
                new.last_transition_time = old.last_transition_time.clone();
            }
            new
        })
        .collect()
}

/// Ready: the first of the others that is not true.
fn summary(verdicts: &[Verdict]) -> Verdict {
    let failing = verdicts.iter().find(|v| {
        v.kind != ConditionType::Drifted
            && (v.status != Some(true) || v.kind == ConditionType::Deleting)
    });
    match failing {
        None => Verdict::new(ConditionType::Ready, true, Reason::Ready, ""),
        Some(v) => Verdict {
            kind: ConditionType::Ready,
            status: v
                .status
                .filter(|_| v.kind != ConditionType::Deleting)
                .or_else(|| (v.kind == ConditionType::Deleting).then_some(false)),
            ..v.clone()
        },
    }
}

/// Kubernetes keeps whole seconds; comparing with more would find a difference each time.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// The status of the condition `kind`; None when unknown or absent.
pub fn status_of(conditions: &[Condition], kind: ConditionType) -> Option<bool> {
    let kind = kind.to_string();
    let found = conditions.iter().find(|c| c.type_ == kind)?;
    match found.status.as_str() {
        "True" => Some(true),
        "False" => Some(false),
        _ => None,
    }
}

/// A JSON merge patch (RFC 7396) that makes `new` of `old`; None when they are equal.
pub fn merge_diff(old: &Value, new: &Value) -> Option<Value> {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let mut patch = Map::new();
            for key in old.keys().filter(|key| !new.contains_key(*key)) {
                patch.insert(key.clone(), Value::Null);
            }
            for (key, value) in new {
                let change = match old.get(key) {
                    Some(old) => merge_diff(old, value),
                    None => Some(value.clone()),
                };
                if let Some(change) = change {
                    patch.insert(key.clone(), change);
                }
            }
            (!patch.is_empty()).then_some(Value::Object(patch))
        }
        _ if old == new => None,
        _ => Some(new.clone()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn find(conditions: &[Condition], kind: &str) -> Condition {
        conditions.iter().find(|c| c.type_ == kind).unwrap().clone()
    }

    #[test]
    fn the_first_failing_phase_is_the_reason_of_ready() {
        let problem = Problem::from(realmkeep_sync::RefError::RealmNotFound {
            namespace: "identity".into(),
            name: "missing".into(),
        });
        let conditions = conditions(&[], phases(Some(&problem)), Some(3), at(10));
        let ready = find(&conditions, "Ready");
        assert_eq!(
            (ready.status.as_str(), ready.reason.as_str()),
            ("False", "RealmNotFound")
        );
        assert!(
            ready.message.contains("identity/missing"),
            "{}",
            ready.message
        );
        assert_eq!(find(&conditions, "Accepted").status, "True");
        assert_eq!(find(&conditions, "Programmed").status, "Unknown");
        assert!(conditions.iter().all(|c| c.observed_generation == Some(3)));
    }

    #[test]
    fn a_transition_time_moves_with_the_status_only() {
        let first = conditions(&[], phases(None), Some(1), at(10));
        let again = conditions(&first, phases(None), Some(1), at(20));
        assert_eq!(first, again);
        let problem = Problem::programmed(Reason::ServerUnreachable, "down");
        let failed = conditions(&again, phases(Some(&problem)), Some(1), at(30));
        assert_eq!(find(&failed, "Accepted").last_transition_time.0, at(10));
        assert_eq!(find(&failed, "Programmed").last_transition_time.0, at(30));
        let other = Problem::programmed(Reason::Unauthorized, "no");
        let still = conditions(&failed, phases(Some(&other)), Some(1), at(40));
        assert_eq!(find(&still, "Ready").last_transition_time.0, at(30));
        assert_eq!(find(&still, "Ready").reason, "Unauthorized");
    }

    #[test]
    fn drift_that_is_only_reported_leaves_ready_true() {
        let mut verdicts = phases(None);
        verdicts.push(Verdict::new(
            ConditionType::Drifted,
            true,
            Reason::DriftDetected,
            "name",
        ));
        let conditions = conditions(&[], verdicts, Some(1), at(1));
        assert_eq!(find(&conditions, "Ready").status, "True");
    }

    #[test]
    fn a_resource_being_deleted_is_not_ready() {
        let mut verdicts = phases(None);
        verdicts.push(Verdict::new(
            ConditionType::Deleting,
            true,
            Reason::RemoteDeleteFailed,
            "down",
        ));
        let conditions = conditions(&[], verdicts, Some(1), at(1));
        let ready = find(&conditions, "Ready");
        assert_eq!(
            (ready.status.as_str(), ready.reason.as_str()),
            ("False", "RemoteDeleteFailed")
        );
    }

    #[test]
    fn a_patch_has_what_changed_and_nothing_else() {
        let old = json!({"id": "1", "serverRef": {"kind": "A", "name": "x"}, "drift": ["a"]});
        assert_eq!(merge_diff(&old, &old), None);
        let new = json!({"id": "1", "serverRef": {"kind": "B", "name": "x"}});
        let patch = merge_diff(&old, &new);
        assert_eq!(
            patch,
            Some(json!({"serverRef": {"kind": "B"}, "drift": null}))
        );
    }
}
