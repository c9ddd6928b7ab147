//! Groups that the user is in.

use axum::Json;
use serde_json::{Value, json};

use crate::caller::{Caller, VIEW_GROUPS};
use crate::error::AccountResult;

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
                "id": id, "name": group.name, "path": caller.realm.group_path(id), "subGroups": [],
            }))
        })
        .collect();
    rows.sort_by_cached_key(|row| row.get("path").map(Value::to_string));
    Ok(Json(rows))
}
