//! Roles of users, groups, clients, client scopes and composite roles, in one answer for all containers.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use http::StatusCode;
use realmkeep_representations::{
    ClientMappingsRepresentation, MappingsRepresentation, RoleRepresentation,
};
use realmkeep_store::roles::Holder;
use realmkeep_store::{Batch, Store};
use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};
use crate::request::{Cx, Given};
use crate::role_mappings::Mapped;
use crate::{grants, roles};

/// The roles that the object in the path holds, directly and in effect.
async fn mapped(cx: &Cx, change: bool) -> ApiResult<Mapped> {
    if !cx.has_param("role_id") {
        return Mapped::of(cx, change).await;
    }
    let role = if change {
        roles::managed(cx).await?
    } else {
        roles::viewed(cx).await?
    };
    let id = role.id.unwrap_or_default();
    let inside = cx.realm.roles.composites.get(&id);
    let direct: BTreeSet<String> = inside.into_iter().flatten().cloned().collect();
    Ok(Mapped {
        holder: Holder::Role,
        effective: cx.realm.roles.expand(direct.clone()),
        direct,
        id,
    })
}

/// clientIds by id.
async fn client_ids(cx: &Cx) -> ApiResult<BTreeMap<String, String>> {
    Ok(cx
        .store()
        .client_names(&cx.realm.id)
        .await?
        .into_iter()
        .collect())
}

fn row(role: &RoleRepresentation, clients: &BTreeMap<String, String>) -> Value {
    let container = role.container_id.clone().unwrap_or_default();
    json!({
        "id": role.id,
        "role": role.name,
        "client": clients.get(&container),
        "clientId": container,
        "description": role.description.clone().unwrap_or_default(),
    })
}

fn searched(cx: &Cx, rows: Vec<Value>) -> ApiResult<Vec<Value>> {
    let mut rows = rows;
    if let Some(search) = cx.query("search").map(str::to_lowercase) {
        rows.retain(|row| {
            ["role", "client"].iter().any(|key| {
                row.get(*key)
                    .and_then(Value::as_str)
                    .is_some_and(|text| text.to_lowercase().contains(&search))
            })
        });
    }
    rows.sort_by_cached_key(|row| {
        let text = |key: &str| row.get(key).map(Value::to_string).unwrap_or_default();
        (text("client"), text("role"))
    });
    super::paged(cx, rows)
}

/// Client roles that may still be given.
pub async fn available(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    let mapped = mapped(&cx, false).await?;
    let clients = client_ids(&cx).await?;
    let mut rows = Vec::new();
    for (id, role) in &cx.realm.roles.all {
        if role.client_role != Some(true) || mapped.direct.contains(id) || *id == mapped.id {
            continue;
        }
        if mapped.holder == Holder::Scope || grants::exceeding(&cx, [id.clone()]).await?.is_none() {
            rows.push(row(role, &clients));
        }
    }
    searched(&cx, rows).map(Json)
}

/// Client roles held, directly or through others.
pub async fn effective_of_clients(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    let mapped = mapped(&cx, false).await?;
    let clients = client_ids(&cx).await?;
    let rows = mapped
        .effective
        .iter()
        .filter_map(|id| cx.realm.roles.all.get(id))
        .filter(|role| role.client_role == Some(true))
        .map(|role| row(role, &clients))
        .collect();
    searched(&cx, rows).map(Json)
}

/// All roles held, directly or through others.
pub async fn effective(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    let mapped = mapped(&cx, false).await?;
    let clients = client_ids(&cx).await?;
    let mut rows: Vec<Value> = mapped
        .effective
        .iter()
        .filter_map(|id| cx.realm.roles.all.get(id))
        .map(|role| {
            let of_client = role.client_role == Some(true);
            let container = role.container_id.clone().filter(|_| of_client);
            let mut row = json!({
                "id": role.id, "name": role.name, "description": role.description,
                "clientRole": of_client,
            });
            if let (Value::Object(fields), Some(id)) = (&mut row, container) {
                fields.insert("client".to_owned(), json!(clients.get(&id)));
                fields.insert("clientId".to_owned(), json!(id));
            }
            row
        })
        .collect();
    rows.sort_by_cached_key(|row| row.get("name").map(Value::to_string));
    Ok(Json(rows))
}

/// What is directly inside a composite role.
pub async fn composites(cx: Cx) -> ApiResult<Json<MappingsRepresentation>> {
    let mapped = mapped(&cx, false).await?;
    let clients = client_ids(&cx).await?;
    let mut of_realm = Vec::new();
    let mut of_clients: BTreeMap<String, ClientMappingsRepresentation> = BTreeMap::new();
    for role in mapped
        .direct
        .iter()
        .filter_map(|id| cx.realm.roles.all.get(id))
    {
        let shown = roles::shown(&cx.realm, role, true);
        if role.client_role != Some(true) {
            of_realm.push(shown);
            continue;
        }
        let id = role.container_id.clone().unwrap_or_default();
        let Some(client) = clients.get(&id) else {
            continue;
        };
        let entry = of_clients.entry(client.clone()).or_default();
        entry.id = Some(id);
        entry.client = Some(client.clone());
        entry.mappings.get_or_insert_default().push(shown);
    }
    Ok(Json(MappingsRepresentation {
        realm_mappings: Some(roles::sorted(of_realm)),
        client_mappings: Some(of_clients),
    }))
}

/// Takes roles of the realm and of clients away at once.
pub async fn remove(cx: Cx, given: Given<Vec<Value>>) -> ApiResult<StatusCode> {
    let mapped = mapped(&cx, true).await?;
    let mut wanted = Vec::new();
    for (index, entry) in given.value.iter().enumerate() {
        let id = entry
            .get("roleId")
            .and_then(Value::as_str)
            .ok_or_else(|| ApiError::bad_request(format!("[{index}].roleId is missing")))?;
        if !cx.realm.roles.all.contains_key(id) {
            return Err(ApiError::not_found("Could not find role"));
        }
        wanted.push(id.to_owned());
    }
    if mapped.holder != Holder::Scope {
        grants::require_grantable(&cx, wanted.clone()).await?;
    }
    let mut batch = Batch::new();
    for role in &wanted {
        batch.push(Store::revoke_role(mapped.holder, &mapped.id, role));
    }
    batch.touch(if mapped.holder == Holder::User {
        cx.touch_user(&mapped.id)
    } else {
        cx.touch_realm()
    });
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}
