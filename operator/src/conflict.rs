//! Two resources that declare the same object: the older one has it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use realmkeep_crds::Reason;

use crate::{
    object::{GuardedStore, Kind, name, namespace, object_name},
    problem::Problem,
    stores::living,
};

/// # Errors
/// An older resource, for which `same` is true, declares `what` already.
pub fn refuse<K: Kind>(
    object: &K,
    store: &GuardedStore<K>,
    same: impl Fn(&K) -> bool,
    what: &str,
) -> Result<(), Problem> {
    let all = living(store);
    let others = all.iter().filter_map(|other| other.0.as_ref().ok());
    let winner = others
        .filter(|other| other.meta().uid != object.meta().uid && same(other))
        .filter(|other| is_older(other.meta(), object.meta()))
        .min_by(|a, b| age(a.meta()).cmp(&age(b.meta())));
    match winner {
        None => Ok(()),
        Some(winner) => {
            let winner = object_name(K::KIND, winner.meta());
            let message = format!(
                "{winner}, which is older, declares {what} already; delete one of them or give it another name"
            );
            Err(Problem::accepted(Reason::IdentityConflict, message))
        }
    }
}

/// Whether `a` was there first.
pub fn is_older(a: &ObjectMeta, b: &ObjectMeta) -> bool {
    age(a) < age(b)
}

/// Orders by creation, and by name where that is the same.
fn age(meta: &ObjectMeta) -> (i64, &str, &str) {
    let created = meta.creation_timestamp.as_ref();
    let created = created.map_or(i64::MAX, |time| time.0.as_second());
    (created, name(meta), namespace(meta))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

    use super::*;

    fn created(second: i64, name: &str) -> ObjectMeta {
        ObjectMeta {
            name: Some(name.into()),
            creation_timestamp: Timestamp::from_second(second).ok().map(Time),
            ..ObjectMeta::default()
        }
    }

    #[test]
    fn the_older_one_wins_and_then_the_name() {
        assert!(is_older(&created(1, "z"), &created(2, "a")));
        assert!(is_older(&created(1, "a"), &created(1, "b")));
        assert!(!is_older(&created(1, "b"), &created(1, "a")));
    }
}
