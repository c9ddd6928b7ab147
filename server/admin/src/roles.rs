//! Realm roles and client roles, by name and by id, and what is inside composite ones.

use std::sync::Arc;

use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use realmkeep_authn::Services;
use realmkeep_model::fresh::{self, MASTER};
use realmkeep_representations::{
    ClientRepresentation, GroupRepresentation, RoleRepresentation, UserRepresentation,
};
use realmkeep_store::documents::Page;
use realmkeep_store::roles::Holder;
use realmkeep_store::{Batch, Realm, Store};

use crate::error::{ApiError, ApiResult};
use crate::merge::merged;
use crate::names::Names;
use crate::request::{Cx, Given, MaybeGiven, new_id};
use crate::rights::Right;
use crate::{clients, grants, groups, steps, users};

/// `/roles` of the realm.
pub fn routes() -> Router<Arc<Services>> {
    with_names(Router::new().route("/", get(list).post(create)))
}

/// `/clients/{client}/roles`.
pub fn routes_of_client() -> Router<Arc<Services>> {
    routes()
}

/// `/roles-by-id`.
pub fn routes_by_id() -> Router<Arc<Services>> {
    Router::new()
        .route("/{role_id}", get(read).put(update).delete(delete))
        .route(
            "/{role_id}/composites",
            get(composites)
                .post(add_composites)
                .delete(remove_composites),
        )
        .route("/{role_id}/composites/realm", get(realm_composites))
        .route(
            "/{role_id}/composites/clients/{target}",
            get(client_composites),
        )
}

fn with_names(router: Router<Arc<Services>>) -> Router<Arc<Services>> {
    router
        .route("/{role}", get(read).put(update).delete(delete))
        .route(
            "/{role}/composites",
            get(composites)
                .post(add_composites)
                .delete(remove_composites),
        )
        .route("/{role}/composites/realm", get(realm_composites))
        .route(
            "/{role}/composites/clients/{target}",
            get(client_composites),
        )
        .route("/{role}/users", get(list_users))
        .route("/{role}/groups", get(list_groups))
}

/// The role as it is shown; `brief` leaves the attributes out.
pub fn shown(realm: &Realm, role: &RoleRepresentation, brief: bool) -> RoleRepresentation {
    let id = role.id.as_deref().unwrap_or_default();
    RoleRepresentation {
        composite: Some(
            realm
                .roles
                .composites
                .get(id)
                .is_some_and(|c| !c.is_empty()),
        ),
        composites: None,
        attributes: if brief { None } else { role.attributes.clone() },
        ..role.clone()
    }
}

/// Sorts by name, as all lists of roles are.
pub fn sorted(mut roles: Vec<RoleRepresentation>) -> Vec<RoleRepresentation> {
    roles.sort_by(|a, b| a.name.cmp(&b.name));
    roles
}

/// Where the roles of this request are: in the realm, or in a client.
async fn container(cx: &Cx) -> ApiResult<Option<ClientRepresentation>> {
    if cx.has_param("client") {
        clients::here(cx).await.map(Some)
    } else {
        Ok(None)
    }
}

fn require_view(cx: &Cx, of_client: bool) -> ApiResult<()> {
    cx.require(if of_client {
        &[Right::VIEW_CLIENTS, Right::VIEW_USERS]
    } else {
        &[Right::VIEW_REALM, Right::VIEW_USERS]
    })
}

fn require_manage(cx: &Cx, of_client: bool) -> ApiResult<()> {
    cx.require(if of_client {
        &[Right::MANAGE_CLIENTS]
    } else {
        &[Right::MANAGE_REALM]
    })
}

/// The role that the path names, by id or by name in its container.
async fn here(cx: &Cx) -> ApiResult<RoleRepresentation> {
    let found = if cx.has_param("role_id") {
        cx.realm.roles.all.get(cx.param("role_id"))
    } else {
        match container(cx).await? {
            Some(client) => cx
                .realm
                .roles
                .client_role(client.id.as_deref().unwrap_or_default(), cx.param("role")),
            None => cx.realm.roles.realm_role(cx.param("role")),
        }
    };
    found
        .cloned()
        .ok_or_else(|| ApiError::not_found("Could not find role"))
}

/// The role in the path, to be seen.
///
/// # Errors
/// 403 without the right, 404 when there is none.
pub async fn viewed(cx: &Cx) -> ApiResult<RoleRepresentation> {
    // Who may not see a kind must not learn which roles of it exist.
    if cx.has_param("role_id") {
        cx.require(&[Right::VIEW_REALM, Right::VIEW_CLIENTS, Right::VIEW_USERS])?;
    } else {
        require_view(cx, cx.has_param("client"))?;
    }
    let role = here(cx).await?;
    require_view(cx, role.client_role == Some(true))?;
    Ok(role)
}

/// The role in the path, to be changed.
///
/// # Errors
/// As [`viewed`].
pub async fn managed(cx: &Cx) -> ApiResult<RoleRepresentation> {
    if cx.has_param("role_id") {
        cx.require(&[Right::MANAGE_REALM, Right::MANAGE_CLIENTS])?;
    } else {
        require_manage(cx, cx.has_param("client"))?;
    }
    let role = here(cx).await?;
    require_manage(cx, role.client_role == Some(true))?;
    Ok(role)
}

async fn list(cx: Cx) -> ApiResult<Json<Vec<RoleRepresentation>>> {
    require_view(&cx, cx.has_param("client"))?;
    let container = container(&cx).await?.and_then(|c| c.id);
    let search = cx.query("search").map(str::to_lowercase);
    // Without a search half a page is no page.
    let half = cx.query("first").is_some() != cx.query("max").is_some();
    let page = match cx.page()? {
        _ if half && search.is_none() => Page::ALL,
        page => page,
    };
    let brief = !cx
        .query("briefRepresentation")
        .is_some_and(|v| v.eq_ignore_ascii_case("false"));
    let found = cx.realm.roles.all.values().filter(|role| {
        let inside = match &container {
            Some(id) => role.client_role == Some(true) && role.container_id.as_ref() == Some(id),
            None => role.client_role != Some(true),
        };
        let name = role.name.as_deref().unwrap_or_default().to_lowercase();
        inside && search.as_ref().is_none_or(|s| name.contains(s))
    });
    let all = sorted(found.map(|r| shown(&cx.realm, r, brief)).collect());
    Ok(Json(
        all.into_iter()
            .skip(usize::try_from(page.first).unwrap_or(0))
            .take(usize::try_from(page.max).unwrap_or(usize::MAX))
            .collect(),
    ))
}

async fn create(cx: Cx, given: Given<RoleRepresentation>) -> ApiResult<Response> {
    require_manage(&cx, cx.has_param("client"))?;
    let container = container(&cx).await?;
    let mut role = given.value;
    let name = role.name.clone().unwrap_or_default();
    if name.is_empty() {
        return Err(ApiError::error(StatusCode::BAD_REQUEST, "role has no name"));
    }
    role.id = Some(new_id());
    role.client_role = Some(container.is_some());
    role.container_id = Some(
        container
            .and_then(|c| c.id)
            .unwrap_or_else(|| cx.realm.id.clone()),
    );
    let names = match &role.composites {
        Some(_) => Names::load(cx.store(), &cx.realm).await?,
        None => Names::default(),
    };
    if let Some(inside) = &role.composites {
        let ids = names
            .roles("composites", inside.realm.as_ref(), inside.client.as_ref())
            .map_err(|e| ApiError::not_found(e.text()))?;
        grants::require_grantable(&cx, ids).await?;
    }
    let mut batch = Batch::new();
    steps::add_role(cx.store(), &mut batch, &cx.realm.id, &role)?;
    steps::add_composites(&mut batch, &names, &role)?;
    batch.touch(cx.touch_realm());
    let object = format!("roles-by-id/{}", role.id.as_deref().unwrap_or_default());
    cx.commit_created_as(batch, &name, &object).await
}

async fn read(cx: Cx) -> ApiResult<Json<RoleRepresentation>> {
    let role = viewed(&cx).await?;
    Ok(Json(shown(&cx.realm, &role, false)))
}

async fn update(cx: Cx, given: Given<RoleRepresentation>) -> ApiResult<StatusCode> {
    let old = managed(&cx).await?;
    let mut new = steps::stored_role(&merged(&old, &given.json, &[])?);
    new.id.clone_from(&old.id);
    new.client_role = old.client_role;
    new.container_id.clone_from(&old.container_id);
    if new.name != old.name {
        forbid_built_in(&cx, &old, "renamed").await?;
        if new.name.as_deref().unwrap_or_default().is_empty() {
            return Err(ApiError::error(StatusCode::BAD_REQUEST, "role has no name"));
        }
    }
    let mut batch = Batch::new();
    batch.push(cx.store().update(&cx.realm.id, &new)?);
    if is_default_role(&cx.realm, &old) {
        let mut settings = cx.realm.settings.clone();
        if let Some(role) = &mut settings.default_role {
            role.name.clone_from(&new.name);
            role.description.clone_from(&new.description);
        }
        batch.push(cx.store().update_realm(&settings)?);
    }
    batch.touch(cx.touch_realm());
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete(cx: Cx) -> ApiResult<StatusCode> {
    let role = managed(&cx).await?;
    if is_default_role(&cx.realm, &role) {
        return Err(ApiError::bad_request(format!(
            "{} is the default role of the realm and cannot be deleted",
            role.name.as_deref().unwrap_or_default()
        )));
    }
    forbid_built_in(&cx, &role, "deleted").await?;
    let mut batch = Batch::new();
    batch.push(Store::delete::<RoleRepresentation>(
        &cx.realm.id,
        role.id.as_deref().unwrap_or_default(),
    ));
    batch.touch(cx.touch_realm());
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn is_default_role(realm: &Realm, role: &RoleRepresentation) -> bool {
    realm
        .settings
        .default_role
        .as_ref()
        .and_then(|r| r.id.as_ref())
        == role.id.as_ref()
}

/// Rights in the Admin API stand or fall with these roles.
async fn forbid_built_in(cx: &Cx, role: &RoleRepresentation, what: &str) -> ApiResult<()> {
    let name = role.name.as_deref().unwrap_or_default();
    let of_realm = role.client_role != Some(true);
    let built_in = if of_realm {
        cx.realm.name == MASTER && matches!(name, "admin" | "create-realm")
    } else {
        let container = role.container_id.as_deref().unwrap_or_default();
        let client = cx
            .store()
            .find::<ClientRepresentation>(&cx.realm.id, container)
            .await?
            .and_then(|c| c.client_id)
            .unwrap_or_default();
        let is_right = Right::named(name).is_some() || name == fresh::roles::REALM_ADMIN;
        is_right
            && (client == fresh::REALM_MANAGEMENT
                || (cx.realm.name == MASTER && client.ends_with("-realm")))
    };
    if built_in {
        return Err(ApiError::bad_request(format!(
            "the built-in role '{name}' cannot be {what}"
        )));
    }
    Ok(())
}

async fn composites(cx: Cx) -> ApiResult<Json<Vec<RoleRepresentation>>> {
    inside(&cx, |_| true).await
}

async fn realm_composites(cx: Cx) -> ApiResult<Json<Vec<RoleRepresentation>>> {
    inside(&cx, |r| r.client_role != Some(true)).await
}

async fn client_composites(cx: Cx) -> ApiResult<Json<Vec<RoleRepresentation>>> {
    let target = cx.param("target").to_owned();
    inside(&cx, |r| {
        r.client_role == Some(true) && r.container_id.as_deref() == Some(&target)
    })
    .await
}

async fn inside(
    cx: &Cx,
    wanted: impl Fn(&RoleRepresentation) -> bool,
) -> ApiResult<Json<Vec<RoleRepresentation>>> {
    let role = viewed(cx).await?;
    let id = role.id.as_deref().unwrap_or_default();
    let children = cx.realm.roles.composites.get(id).into_iter().flatten();
    let search = cx.query("search").map(|s| s.trim().to_lowercase());
    let page = cx.page()?;
    let found = sorted(
        children
            .filter_map(|id| cx.realm.roles.all.get(id))
            .filter(|r| wanted(r))
            .filter(|r| {
                let name = r.name.as_deref().unwrap_or_default().to_lowercase();
                search.as_ref().is_none_or(|s| name.contains(s))
            })
            .map(|r| shown(&cx.realm, r, true))
            .collect(),
    );
    Ok(Json(
        found
            .into_iter()
            .skip(usize::try_from(page.first).unwrap_or(0))
            .take(usize::try_from(page.max).unwrap_or(usize::MAX))
            .collect(),
    ))
}

async fn add_composites(cx: Cx, given: Given<Vec<RoleRepresentation>>) -> ApiResult<StatusCode> {
    let role = managed(&cx).await?;
    let id = role.id.clone().unwrap_or_default();
    let children = named(&cx.realm, &given.value)?;
    grants::require_grantable(&cx, children.clone()).await?;
    if cx.realm.roles.expand(children.clone()).contains(&id) {
        return Err(ApiError::bad_request(
            "a role cannot be inside itself, directly or through others",
        ));
    }
    change_composites(&cx, &id, &children, Store::grant_role).await
}

async fn remove_composites(
    cx: Cx,
    given: MaybeGiven<Vec<RoleRepresentation>>,
) -> ApiResult<StatusCode> {
    let role = managed(&cx).await?;
    let id = role.id.clone().unwrap_or_default();
    let children = named(&cx.realm, &given.0.unwrap_or_default())?;
    // Taking rights out of a role takes them from who has it: only for those who have them too.
    grants::require_grantable(&cx, children.clone()).await?;
    change_composites(&cx, &id, &children, Store::revoke_role).await
}

async fn change_composites(
    cx: &Cx,
    role: &str,
    children: &[String],
    step: fn(Holder, &str, &str) -> realmkeep_store::Step,
) -> ApiResult<StatusCode> {
    let mut batch = Batch::new();
    for child in children {
        batch.push(step(Holder::Role, role, child));
    }
    batch.touch(cx.touch_realm());
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The ids of the roles of this realm that are named in a body, by id, or by name and container.
///
/// # Errors
/// 404 when one does not exist in this realm.
pub fn named(realm: &Realm, given: &[RoleRepresentation]) -> ApiResult<Vec<String>> {
    given
        .iter()
        .map(|wanted| {
            let name = wanted.name.as_deref().unwrap_or_default();
            let found = match wanted.id.as_deref().filter(|id| !id.is_empty()) {
                Some(id) => realm.roles.all.get(id),
                None if wanted.client_role == Some(true) => realm
                    .roles
                    .client_role(wanted.container_id.as_deref().unwrap_or_default(), name),
                None => realm.roles.realm_role(name),
            };
            found
                .and_then(|r| r.id.clone())
                .ok_or_else(|| ApiError::not_found("Role not found"))
        })
        .collect()
}

async fn list_users(cx: Cx) -> ApiResult<Json<Vec<UserRepresentation>>> {
    cx.require(users::VIEW)?;
    let role = here(&cx).await?;
    let found = cx
        .store()
        .users_with_role(
            &cx.realm.id,
            role.id.as_deref().unwrap_or_default(),
            cx.page_or(100)?,
        )
        .await?;
    let brief = cx.flag("briefRepresentation");
    Ok(Json(
        found
            .into_iter()
            .map(|user| users::listed(user, &cx, brief))
            .collect(),
    ))
}

async fn list_groups(cx: Cx) -> ApiResult<Json<Vec<GroupRepresentation>>> {
    cx.require(users::VIEW)?;
    let id = here(&cx).await?.id.unwrap_or_default();
    let mut found: Vec<GroupRepresentation> = cx
        .realm
        .roles
        .of_groups
        .iter()
        .filter(|(_, roles)| roles.contains(&id))
        .filter_map(|(group, _)| cx.realm.groups.get(group))
        .map(|g| groups::shown_flat(&cx, g, true))
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Json(found))
}
