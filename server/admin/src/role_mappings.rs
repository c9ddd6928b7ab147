//! Roles given to users and groups, and roles that the tokens of a client or client scope may carry.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use realmkeep_authn::Services;
use realmkeep_representations::{
    ClientMappingsRepresentation, ClientRepresentation, MappingsRepresentation, RoleRepresentation,
};
use realmkeep_store::roles::Holder;
use realmkeep_store::{Batch, Store};

use crate::error::{ApiError, ApiResult};
use crate::request::{Cx, MaybeGiven};
use crate::roles::{named, shown, sorted};
use crate::{client_scopes, clients, grants, groups, users};

/// `/users/{user}/role-mappings`.
pub fn user_routes() -> Router<Arc<Services>> {
    routes()
}

/// `/groups/{group}/role-mappings`.
pub fn group_routes() -> Router<Arc<Services>> {
    routes()
}

/// `/clients/{client}/scope-mappings` and `/client-scopes/{scope}/scope-mappings`.
pub fn scope_routes() -> Router<Arc<Services>> {
    routes()
}

fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/", get(all))
        .route("/realm", get(direct).post(add).delete(remove))
        .route("/realm/available", get(available))
        .route("/realm/composite", get(effective))
        .route("/clients/{of_client}", get(direct).post(add).delete(remove))
        .route("/clients/{of_client}/available", get(available))
        .route("/clients/{of_client}/composite", get(effective))
}

/// What holds the roles of this request, with the ids of those it holds directly and in effect.
pub struct Mapped {
    pub holder: Holder,
    pub id: String,
    pub direct: BTreeSet<String>,
    pub effective: BTreeSet<String>,
}

impl Mapped {
    /// # Errors
    /// 403 without the right to see (or change) them, 404 when the holder does not exist.
    pub async fn of(cx: &Cx, change: bool) -> ApiResult<Self> {
        if cx.has_param("user") {
            let user = if change {
                users::here_to_manage(cx).await?
            } else {
                cx.require(users::VIEW)?;
                users::here(cx).await?
            };
            let id = user.id.unwrap_or_default();
            let direct = cx.store().roles_of_user(&id).await?.into_iter().collect();
            let subject = cx.store().subject(&cx.realm, &id).await?;
            return Ok(Self {
                holder: Holder::User,
                direct,
                effective: subject.map(|s| s.roles.clone()).unwrap_or_default(),
                id,
            });
        }
        if cx.has_param("group") {
            cx.require(if change { users::MANAGE } else { users::VIEW })?;
            let id = groups::here(cx)?.id.clone().unwrap_or_default();
            let of = |id: &String| cx.realm.roles.of_groups.get(id).cloned();
            let direct: BTreeSet<String> = of(&id).into_iter().flatten().collect();
            let with_parents = cx.realm.with_ancestors(std::slice::from_ref(&id));
            let inherited = with_parents.iter().filter_map(of).flatten();
            return Ok(Self {
                holder: Holder::Group,
                direct,
                effective: cx.realm.roles.expand(inherited),
                id,
            });
        }
        let id = if cx.has_param("scope") {
            cx.require(if change {
                client_scopes::MANAGE
            } else {
                client_scopes::VIEW
            })?;
            client_scopes::here(cx)?.id.clone()
        } else if change {
            clients::here_to_manage(cx).await?.id
        } else {
            cx.require(clients::VIEW)?;
            clients::here(cx).await?.id
        };
        let id = id.unwrap_or_default();
        let direct = cx.realm.scope_roles.get(&id).cloned().unwrap_or_default();
        Ok(Self {
            holder: Holder::Scope,
            effective: cx.realm.roles.expand(direct.clone()),
            direct,
            id,
        })
    }
}

/// Whether the role belongs to the container that the path names.
async fn container(cx: &Cx) -> ApiResult<impl Fn(&RoleRepresentation) -> bool + use<>> {
    let of_client = cx.has_param("of_client");
    let id = cx.param("of_client").to_owned();
    if of_client {
        let known = cx
            .store()
            .find::<ClientRepresentation>(&cx.realm.id, &id)
            .await?;
        if known.is_none() {
            return Err(ApiError::not_found("Client not found"));
        }
    }
    Ok(move |role: &RoleRepresentation| {
        if of_client {
            role.client_role == Some(true) && role.container_id.as_deref() == Some(&id)
        } else {
            role.client_role != Some(true)
        }
    })
}

fn listed<'a>(
    cx: &Cx,
    ids: impl IntoIterator<Item = &'a String>,
    wanted: impl Fn(&RoleRepresentation) -> bool,
) -> Vec<RoleRepresentation> {
    let brief = !cx
        .query("briefRepresentation")
        .is_some_and(|v| v.eq_ignore_ascii_case("false"));
    sorted(
        ids.into_iter()
            .filter_map(|id| cx.realm.roles.all.get(id))
            .filter(|r| wanted(r))
            .map(|r| shown(&cx.realm, r, brief))
            .collect(),
    )
}

async fn all(cx: Cx) -> ApiResult<Json<MappingsRepresentation>> {
    let mapped = Mapped::of(&cx, false).await?;
    let of_realm = listed(&cx, &mapped.direct, |r| r.client_role != Some(true));
    let of_clients = listed(&cx, &mapped.direct, |r| r.client_role == Some(true));
    let mut mappings: BTreeMap<String, ClientMappingsRepresentation> = BTreeMap::new();
    for role in of_clients {
        let id = role.container_id.clone().unwrap_or_default();
        let client = cx
            .store()
            .find::<ClientRepresentation>(&cx.realm.id, &id)
            .await?;
        let Some(client_id) = client.and_then(|c| c.client_id) else {
            continue;
        };
        let entry = mappings.entry(client_id.clone()).or_default();
        entry.id = Some(id);
        entry.client = Some(client_id);
        entry.mappings.get_or_insert_default().push(role);
    }
    Ok(Json(MappingsRepresentation {
        realm_mappings: Some(of_realm).filter(|l| !l.is_empty()),
        client_mappings: Some(mappings).filter(|m| !m.is_empty()),
    }))
}

async fn direct(cx: Cx) -> ApiResult<Json<Vec<RoleRepresentation>>> {
    let mapped = Mapped::of(&cx, false).await?;
    let wanted = container(&cx).await?;
    Ok(Json(listed(&cx, &mapped.direct, wanted)))
}

async fn effective(cx: Cx) -> ApiResult<Json<Vec<RoleRepresentation>>> {
    let mapped = Mapped::of(&cx, false).await?;
    let wanted = container(&cx).await?;
    Ok(Json(listed(&cx, &mapped.effective, wanted)))
}

async fn available(cx: Cx) -> ApiResult<Json<Vec<RoleRepresentation>>> {
    let mapped = Mapped::of(&cx, false).await?;
    let wanted = container(&cx).await?;
    let mut free = Vec::new();
    for (id, role) in &cx.realm.roles.all {
        if mapped.direct.contains(id) || !wanted(role) {
            continue;
        }
        if mapped.holder == Holder::Scope || grants::exceeding(&cx, [id.clone()]).await?.is_none() {
            free.push(id.clone());
        }
    }
    Ok(Json(listed(&cx, &free, |_| true)))
}

async fn add(cx: Cx, given: MaybeGiven<Vec<RoleRepresentation>>) -> ApiResult<StatusCode> {
    let given = given
        .0
        .ok_or_else(|| ApiError::bad_request("a list of roles was expected"))?;
    change(cx, Some(given), Store::grant_role).await
}

async fn remove(cx: Cx, given: MaybeGiven<Vec<RoleRepresentation>>) -> ApiResult<StatusCode> {
    change(cx, given.0, Store::revoke_role).await
}

/// `given` without a list means all roles of the container.
async fn change(
    cx: Cx,
    given: Option<Vec<RoleRepresentation>>,
    step: fn(Holder, &str, &str) -> realmkeep_store::Step,
) -> ApiResult<StatusCode> {
    let mapped = Mapped::of(&cx, true).await?;
    let wanted = container(&cx).await?;
    let roles: Vec<String> = match given {
        Some(mut list) => {
            for role in &mut list {
                if cx.has_param("of_client") && role.id.is_none() {
                    role.client_role = Some(true);
                    role.container_id = Some(cx.param("of_client").to_owned());
                }
            }
            named(&cx.realm, &list)?
        }
        None => mapped
            .direct
            .iter()
            .filter(|id| cx.realm.roles.all.get(*id).is_some_and(&wanted))
            .cloned()
            .collect(),
    };
    let outside = roles
        .iter()
        .filter_map(|id| cx.realm.roles.all.get(id))
        .any(|role| !wanted(role));
    if outside {
        return Err(ApiError::not_found("Role not found"));
    }
    // A scope mapping gives nobody a role; it only lets tokens carry roles that users have.
    if mapped.holder != Holder::Scope {
        grants::require_grantable(&cx, roles.clone()).await?;
    }
    let mut batch = Batch::new();
    for role in &roles {
        batch.push(step(mapped.holder, &mapped.id, role));
    }
    batch.touch(if mapped.holder == Holder::User {
        cx.touch_user(&mapped.id)
    } else {
        cx.touch_realm()
    });
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}
