//! Groups that the user is in.

use axum::Json;
use realmkeep_store::Realm;
use serde_json::{Value, json};

use crate::caller::{Caller, VIEW_GROUPS};
use crate::error::AccountResult;

/// Deepest nesting that is followed; parents cannot form a cycle unless the database was edited.
const MAX_DEPTH: usize = 64;

pub async fn list(caller: Caller) -> AccountResult<Json<Vec<Value>>> {
    caller.require(&[VIEW_GROUPS])?;
    let direct = &caller.bearer.subject.groups;
    let with_parents = caller.realm.with_ancestors(direct);
    let only_direct = caller.flag("directMembership");
    let mut rows: Vec<Value> = with_parents
        .iter()
        .filter(|id| !only_direct || direct.contains(id))
        .filter_map(|id| {
            let group = caller.realm.groups.get(id)?;
            Some(json!({
                "id": id, "name": group.name, "path": path(&caller.realm, id), "subGroups": [],
            }))
        })
        .collect();
    rows.sort_by_cached_key(|row| row.get("path").map(Value::to_string));
    Ok(Json(rows))
}

fn path(realm: &Realm, id: &str) -> String {
    let mut names = Vec::new();
    let mut here = Some(id.to_owned());
    for _ in 0..MAX_DEPTH {
        let Some(group) = here.as_ref().and_then(|id| realm.groups.get(id)) else {
            break;
        };
        names.push(group.name.clone().unwrap_or_default());
        here = group.parent_id.clone();
    }
    names.reverse();
    format!("/{}", names.join("/"))
}
