//! Groups, their sub-groups and members.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use http::StatusCode;
use realmkeep_authn::Services;
use realmkeep_representations::{GroupRepresentation, UserRepresentation};
use realmkeep_store::{Batch, Store};
use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};
use crate::grants;
use crate::merge::merged;
use crate::names::{Names, group_path};
use crate::request::{Cx, Given, new_id};
use crate::rights::Right;
use crate::{role_mappings, steps, users};

pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/", get(list).post(create))
        .route("/count", get(count))
        .route("/{group}", get(read).put(update).delete(delete))
        .route("/{group}/children", get(list_children).post(create_child))
        .route("/{group}/members", get(members))
        .nest("/{group}/role-mappings", role_mappings::group_routes())
}

/// `/group-by-path` and `/default-groups`.
pub fn realm_routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/group-by-path/{*path}", get(by_path))
        .route("/default-groups", get(list_default))
        .route(
            "/default-groups/{group}",
            put(add_default).delete(remove_default),
        )
}

/// The group in the request's path.
///
/// # Errors
/// 404 when the realm has none with this id.
pub fn here(cx: &Cx) -> ApiResult<&GroupRepresentation> {
    cx.realm
        .groups
        .get(cx.param("group"))
        .ok_or_else(|| ApiError::not_found("Could not find group by id"))
}

/// # Errors
/// 403 when the roles of the group, or of those above it, are rights that the actor lacks.
pub async fn require_joinable(cx: &Cx, group: &str) -> ApiResult<()> {
    let roles: Vec<String> = cx
        .realm
        .with_ancestors(&[group.to_owned()])
        .iter()
        .filter_map(|id| cx.realm.roles.of_groups.get(id))
        .flatten()
        .cloned()
        .collect();
    grants::require_grantable(cx, roles).await
}

/// The group without what is below it.
pub fn shown_flat(cx: &Cx, group: &GroupRepresentation, brief: bool) -> GroupRepresentation {
    let id = group.id.clone().unwrap_or_default();
    let children = children(cx, &id).count();
    let mut shown = GroupRepresentation {
        path: Some(group_path(&cx.realm, &id)),
        sub_group_count: Some(i64::try_from(children).unwrap_or(i64::MAX)),
        sub_groups: Some(Vec::new()),
        ..group.clone()
    };
    if brief {
        shown.attributes = None;
    }
    shown
}

fn children<'a>(cx: &'a Cx, parent: &'a str) -> impl Iterator<Item = &'a GroupRepresentation> {
    cx.realm
        .groups
        .values()
        .filter(move |g| g.parent_id.as_deref().unwrap_or_default() == parent)
}

fn sorted_children(cx: &Cx, parent: &str) -> Vec<GroupRepresentation> {
    let mut found: Vec<GroupRepresentation> = children(cx, parent).cloned().collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn access(cx: &Cx) -> BTreeMap<String, bool> {
    let manage = cx.rights.has(Right::MANAGE_USERS);
    [
        ("view", true),
        ("viewMembers", cx.rights.has(Right::VIEW_USERS)),
        ("manage", manage),
        ("manageMembers", manage),
        ("manageMembership", manage),
    ]
    .into_iter()
    .map(|(k, v)| (k.to_owned(), v))
    .collect()
}

/// The group with its roles, as one group is shown.
async fn shown_whole(cx: &Cx, group: &GroupRepresentation) -> ApiResult<GroupRepresentation> {
    let mut shown = shown_flat(cx, group, false);
    let names = Names::load(cx.store(), &cx.realm).await?;
    let id = group.id.clone().unwrap_or_default();
    let (of_realm, of_clients) = role_names(cx, &names, &id);
    shown.realm_roles = Some(of_realm);
    shown.client_roles = Some(of_clients);
    shown.access = Some(access(cx));
    Ok(shown)
}

/// Names of the roles that the group has directly.
pub fn role_names(
    cx: &Cx,
    names: &Names,
    group: &str,
) -> (Vec<String>, BTreeMap<String, Vec<String>>) {
    let roles = cx.realm.roles.of_groups.get(group).into_iter().flatten();
    split_names(&cx.realm, names, roles)
}

/// Names of roles, those of the realm apart from those of clients; sorted.
pub fn split_names<'a>(
    realm: &realmkeep_store::Realm,
    names: &Names,
    roles: impl IntoIterator<Item = &'a String>,
) -> (Vec<String>, BTreeMap<String, Vec<String>>) {
    let mut of_realm = Vec::new();
    let mut of_clients: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for role in roles.into_iter().filter_map(|id| realm.roles.all.get(id)) {
        let name = role.name.clone().unwrap_or_default();
        if role.client_role == Some(true) {
            let container = role.container_id.as_deref().unwrap_or_default();
            if let Some(client) = names.client_id_of(container) {
                of_clients.entry(client.to_owned()).or_default().push(name);
            }
        } else {
            of_realm.push(name);
        }
    }
    of_realm.sort();
    of_clients.values_mut().for_each(|list| list.sort());
    (of_realm, of_clients)
}

fn require_view(cx: &Cx) -> ApiResult<()> {
    cx.require(&[Right::VIEW_USERS, Right::QUERY_GROUPS])
}

async fn list(cx: Cx) -> ApiResult<Json<Vec<GroupRepresentation>>> {
    require_view(&cx)?;
    let page = cx.page()?;
    let brief = !cx
        .query("briefRepresentation")
        .is_some_and(|v| v.eq_ignore_ascii_case("false"));
    let search = cx.query("search").map(str::to_lowercase);
    let exact = cx.flag("exact");
    let matches = |group: &GroupRepresentation| {
        let name = group.name.as_deref().unwrap_or_default().to_lowercase();
        search
            .as_ref()
            .is_none_or(|s| if exact { name == *s } else { name.contains(s) })
    };
    let mut found = Vec::new();
    for group in sorted_children(&cx, "") {
        if search.is_none() {
            found.push(shown_flat(&cx, &group, brief));
        } else if let Some(tree) = matching_tree(&cx, &group, brief, &matches) {
            found.push(tree);
        }
    }
    Ok(Json(
        found
            .into_iter()
            .skip(usize::try_from(page.first).unwrap_or(0))
            .take(usize::try_from(page.max).unwrap_or(usize::MAX))
            .collect(),
    ))
}

/// The group, if it or something below it matches, with what matches below.
fn matching_tree(
    cx: &Cx,
    group: &GroupRepresentation,
    brief: bool,
    matches: &impl Fn(&GroupRepresentation) -> bool,
) -> Option<GroupRepresentation> {
    let below: Vec<GroupRepresentation> =
        sorted_children(cx, group.id.as_deref().unwrap_or_default())
            .iter()
            .filter_map(|child| matching_tree(cx, child, brief, matches))
            .collect();
    (matches(group) || !below.is_empty()).then(|| GroupRepresentation {
        sub_groups: Some(below),
        ..shown_flat(cx, group, brief)
    })
}

async fn count(cx: Cx) -> ApiResult<Json<Value>> {
    require_view(&cx)?;
    let search = cx.query("search").map(str::to_lowercase);
    let top = cx.flag("top");
    let found = cx.realm.groups.values().filter(|g| {
        let name = g.name.as_deref().unwrap_or_default().to_lowercase();
        search.as_ref().is_none_or(|s| name.contains(s))
            && (!top || g.parent_id.as_deref().unwrap_or_default().is_empty())
    });
    Ok(Json(json!({ "count": found.count() })))
}

async fn create(cx: Cx, given: Given<GroupRepresentation>) -> ApiResult<Response> {
    cx.require(users::MANAGE)?;
    let name = given.value.name.clone().unwrap_or_default();
    let id = add(
        &cx,
        given.value,
        None,
        format!("Top level group named '{name}' already exists."),
    )
    .await?;
    Ok(cx.created(&id))
}

async fn create_child(cx: Cx, given: Given<GroupRepresentation>) -> ApiResult<Response> {
    cx.require(users::MANAGE)?;
    let parent = here(&cx)?.id.clone().unwrap_or_default();
    let name = given.value.name.clone().unwrap_or_default();
    let taken = format!("Sibling group named '{name}' already exists.");
    if let Some(id) = given.value.id.clone().filter(|id| !id.is_empty()) {
        return move_here(&cx, &id, &parent, taken).await;
    }
    let id = add(&cx, given.value, Some(parent), taken).await?;
    let group = cx
        .store()
        .find::<GroupRepresentation>(&cx.realm.id, &id)
        .await?
        .unwrap_or_default();
    let path = format!("{}/{name}", group_path(&cx.realm, cx.param("group")));
    let location = format!(
        "{}/admin/realms/{}/groups/{id}",
        cx.services.base_url.as_str(),
        cx.realm.name
    );
    let body = GroupRepresentation {
        path: Some(path),
        sub_group_count: Some(0),
        sub_groups: Some(Vec::new()),
        realm_roles: Some(Vec::new()),
        client_roles: Some(BTreeMap::new()),
        access: Some(access(&cx)),
        ..group
    };
    Ok((
        StatusCode::CREATED,
        [(http::header::LOCATION, location)],
        Json(body),
    )
        .into_response())
}

async fn add(
    cx: &Cx,
    given: GroupRepresentation,
    parent: Option<String>,
    taken: String,
) -> ApiResult<String> {
    check_name(given.name.as_deref())?;
    let siblings = children(cx, parent.as_deref().unwrap_or_default());
    if siblings.into_iter().any(|g| g.name == given.name) {
        return Err(ApiError::conflict(taken));
    }
    let id = given
        .id
        .clone()
        .filter(|id| !id.is_empty())
        .unwrap_or_else(new_id);
    let group = GroupRepresentation {
        id: Some(id.clone()),
        parent_id: parent,
        ..steps::stored_group(&given)
    };
    let mut batch = Batch::new();
    batch.push(cx.store().insert(&cx.realm.id, &group)?);
    batch.touch(cx.touch_realm());
    cx.commit_of(batch, Some(&id)).await?;
    Ok(id)
}

/// A group that is there already becomes a child of `parent`.
async fn move_here(cx: &Cx, id: &str, parent: &str, taken: String) -> ApiResult<Response> {
    let group = cx
        .realm
        .groups
        .get(id)
        .ok_or_else(|| ApiError::not_found("Could not find child by id"))?;
    if cx.realm.with_ancestors(&[parent.to_owned()]).contains(id) {
        return Err(ApiError::bad_request("a group cannot be below itself"));
    }
    // Members get what the new parent has.
    require_joinable(cx, parent).await?;
    if children(cx, parent).any(|g| g.name == group.name && g.id != group.id) {
        return Err(ApiError::conflict(taken));
    }
    let moved = GroupRepresentation {
        parent_id: Some(parent.to_owned()),
        ..group.clone()
    };
    let mut batch = Batch::new();
    batch.push(cx.store().update(&cx.realm.id, &moved)?);
    let name = moved.name.as_deref().unwrap_or_default();
    let path = format!("{}/{name}", group_path(&cx.realm, parent));
    follow_path(cx, &mut batch, id, Some(&path))?;
    batch.touch(cx.touch_realm());
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The realm names its default groups by path; they follow a group to its new path, or go with it.
fn follow_path(cx: &Cx, batch: &mut Batch, group: &str, path: Option<&str>) -> ApiResult<()> {
    let old = group_path(&cx.realm, group);
    let below = format!("{old}/");
    let defaults = cx.realm.settings.default_groups.as_deref();
    let is_inside = |known: &String| *known == old || known.starts_with(&below);
    if path == Some(old.as_str()) || !defaults.unwrap_or_default().iter().any(is_inside) {
        return Ok(());
    }
    let mut settings = cx.realm.settings.clone();
    let list = settings.default_groups.get_or_insert_default();
    match path {
        None => list.retain(|known| !is_inside(known)),
        Some(path) => {
            for known in list.iter_mut() {
                if let Some(rest) = is_inside(known).then(|| known.get(old.len()..)).flatten() {
                    *known = format!("{path}{rest}");
                }
            }
        }
    }
    batch.push(cx.store().update_realm(&settings)?);
    Ok(())
}

fn check_name(name: Option<&str>) -> ApiResult<()> {
    if name.unwrap_or_default().trim().is_empty() {
        return Err(ApiError::bad_request("Group name is missing"));
    }
    Ok(())
}

async fn read(cx: Cx) -> ApiResult<Json<GroupRepresentation>> {
    require_view(&cx)?;
    let group = here(&cx)?;
    Ok(Json(shown_whole(&cx, group).await?))
}

async fn by_path(cx: Cx) -> ApiResult<Json<GroupRepresentation>> {
    require_view(&cx)?;
    let wanted = format!("/{}", cx.param("path").trim_matches('/'));
    let found = cx
        .realm
        .groups
        .iter()
        .find(|(id, _)| group_path(&cx.realm, id) == wanted);
    match found {
        Some((_, group)) => Ok(Json(shown_whole(&cx, group).await?)),
        None => Err(ApiError::not_found("Group path does not exist")),
    }
}

async fn update(cx: Cx, given: Given<GroupRepresentation>) -> ApiResult<StatusCode> {
    cx.require(users::MANAGE)?;
    let old = here(&cx)?;
    let mut new = steps::stored_group(&merged(old, &given.json, &[])?);
    new.id.clone_from(&old.id);
    new.parent_id.clone_from(&old.parent_id);
    check_name(new.name.as_deref())?;
    let parent = new.parent_id.clone().unwrap_or_default();
    if children(&cx, &parent).any(|g| g.name == new.name && g.id != new.id) {
        return Err(ApiError::conflict(format!(
            "Sibling group named '{}' already exists.",
            new.name.as_deref().unwrap_or_default()
        )));
    }
    let mut batch = Batch::new();
    batch.push(cx.store().update(&cx.realm.id, &new)?);
    let id = new.id.clone().unwrap_or_default();
    let name = new.name.as_deref().unwrap_or_default();
    let path = if parent.is_empty() {
        format!("/{name}")
    } else {
        format!("{}/{name}", group_path(&cx.realm, &parent))
    };
    follow_path(&cx, &mut batch, &id, Some(&path))?;
    batch.touch(cx.touch_realm());
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete(cx: Cx) -> ApiResult<StatusCode> {
    cx.require(users::MANAGE)?;
    let top = here(&cx)?.id.clone().unwrap_or_default();
    let mut batch = Batch::new();
    follow_path(&cx, &mut batch, &top, None)?;
    let mut open = vec![top];
    while let Some(id) = open.pop() {
        open.extend(children(&cx, &id).filter_map(|g| g.id.clone()));
        batch.push(Store::delete::<GroupRepresentation>(&cx.realm.id, &id));
    }
    batch.touch(cx.touch_realm());
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn list_children(cx: Cx) -> ApiResult<Json<Vec<GroupRepresentation>>> {
    require_view(&cx)?;
    let parent = here(&cx)?.id.clone().unwrap_or_default();
    let page = cx.page()?;
    let search = cx.query("search").map(str::to_lowercase);
    let full = cx
        .query("briefRepresentation")
        .is_some_and(|v| v.eq_ignore_ascii_case("false"));
    Ok(Json(
        sorted_children(&cx, &parent)
            .iter()
            .filter(|g| {
                let name = g.name.as_deref().unwrap_or_default().to_lowercase();
                search.as_ref().is_none_or(|s| name.contains(s))
            })
            .map(|g| shown_flat(&cx, g, !full))
            .skip(usize::try_from(page.first).unwrap_or(0))
            .take(usize::try_from(page.max).unwrap_or(usize::MAX))
            .collect(),
    ))
}

async fn members(cx: Cx) -> ApiResult<Json<Vec<UserRepresentation>>> {
    cx.require(users::VIEW)?;
    let id = here(&cx)?.id.clone().unwrap_or_default();
    let found = cx
        .store()
        .members_of_group(&cx.realm.id, &id, cx.page_or(100)?)
        .await?;
    Ok(Json(
        found.into_iter().map(|u| users::shown(u, &cx)).collect(),
    ))
}

async fn list_default(cx: Cx) -> ApiResult<Json<Vec<GroupRepresentation>>> {
    cx.require(&[Right::VIEW_REALM])?;
    let names = Names::load(cx.store(), &cx.realm).await?;
    Ok(Json(
        names
            .default_groups
            .iter()
            .filter_map(|id| cx.realm.groups.get(id))
            .map(|g| shown_flat(&cx, g, true))
            .collect(),
    ))
}

async fn add_default(cx: Cx) -> ApiResult<StatusCode> {
    change_default(cx, true).await
}

async fn remove_default(cx: Cx) -> ApiResult<StatusCode> {
    change_default(cx, false).await
}

async fn change_default(cx: Cx, add: bool) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    let id = here(&cx)?.id.clone().unwrap_or_default();
    let path = group_path(&cx.realm, &id);
    if add {
        // Every new user would get the group's roles.
        require_joinable(&cx, &id).await?;
    }
    cx.change_settings(
        |settings, _| {
            let list = settings.default_groups.get_or_insert_default();
            list.retain(|p| *p != path);
            if add {
                list.push(path.clone());
            }
            Ok(())
        },
        |()| None,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
