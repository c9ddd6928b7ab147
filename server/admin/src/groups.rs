//! Groups, their sub-groups and members.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use http::StatusCode;
use realmkeep_authn::Services;
use realmkeep_representations::{GroupRepresentation, UserRepresentation};
use realmkeep_store::documents::Page;
use realmkeep_store::{Batch, Store};
use serde_json::{Value, json};

use crate::clients::attribute_query;
use crate::error::{ApiError, ApiResult};
use crate::grants;
use crate::merge::merged;
use crate::names::Names;
use crate::request::{Cx, Given, new_id};
use crate::rights::Right;
use crate::{role_mappings, steps, users};

/// Sub-groups answered where no number is asked for.
const CHILDREN: i64 = 10;

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
    let mut shown = GroupRepresentation {
        path: Some(cx.realm.group_path(group.id.as_deref().unwrap_or_default())),
        sub_groups: Some(Vec::new()),
        ..group.clone()
    };
    if brief {
        shown.attributes = None;
    }
    shown
}

fn child_count(cx: &Cx, id: &str) -> i64 {
    i64::try_from(children(cx, id).count()).unwrap_or(i64::MAX)
}

/// How a list shows its groups.
struct Listing {
    /// With roles and attributes.
    full: bool,
    counted: bool,
}

impl Listing {
    fn of(cx: &Cx, brief: bool) -> Self {
        Self {
            full: !brief,
            counted: says(cx, "subGroupsCount", true),
        }
    }

    fn show(&self, cx: &Cx, group: &GroupRepresentation) -> GroupRepresentation {
        let id = group.id.as_deref().unwrap_or_default();
        let mut shown = shown_flat(cx, group, !self.full);
        shown.sub_group_count = self.counted.then(|| child_count(cx, id));
        shown.access = Some(access(cx));
        shown
    }

    /// With the roles of each group, where they are asked for.
    async fn answer(
        &self,
        cx: &Cx,
        mut groups: Vec<GroupRepresentation>,
    ) -> ApiResult<Json<Vec<GroupRepresentation>>> {
        if self.full {
            let mut open: Vec<&mut GroupRepresentation> = groups.iter_mut().collect();
            while let Some(group) = open.pop() {
                add_roles(cx, group).await?;
                open.extend(group.sub_groups.iter_mut().flatten());
            }
        }
        Ok(Json(groups))
    }
}

fn paged<T>(found: impl IntoIterator<Item = T>, page: Page) -> impl Iterator<Item = T> {
    found
        .into_iter()
        .skip(usize::try_from(page.first).unwrap_or(0))
        .take(usize::try_from(page.max).unwrap_or(usize::MAX))
}

/// A parameter that is true or false, `otherwise` where it is absent.
fn says(cx: &Cx, name: &str, otherwise: bool) -> bool {
    cx.query(name)
        .map_or(otherwise, |value| value.eq_ignore_ascii_case("true"))
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
    let id = group.id.clone().unwrap_or_default();
    add_roles(cx, &mut shown).await?;
    shown.sub_group_count = Some(child_count(cx, &id));
    Ok(shown)
}

/// Names of the roles that the group has directly. Few of many clients are asked for.
async fn add_roles(cx: &Cx, group: &mut GroupRepresentation) -> ApiResult<()> {
    let id = group.id.as_deref().unwrap_or_default();
    let roles = cx.realm.roles.of_groups.get(id);
    let mut clients = HashMap::new();
    for role in roles.into_iter().flatten() {
        let Some(role) = cx.realm.roles.all.get(role) else {
            continue;
        };
        let container = role.container_id.clone().unwrap_or_default();
        if role.client_role == Some(true) && !clients.contains_key(&container) {
            let client = cx.store().client_by_id(&cx.realm, &container).await?;
            let client_id = client.and_then(|c| c.representation.client_id.clone());
            clients.insert(container, client_id.unwrap_or_default());
        }
    }
    let (of_realm, of_clients) = split_names(&cx.realm, &clients, roles.into_iter().flatten());
    group.realm_roles = Some(of_realm);
    group.client_roles = Some(of_clients);
    Ok(())
}

/// Names of roles, those of the realm apart from those of clients; sorted. `clients` has clientIds by id.
pub fn split_names<'a>(
    realm: &realmkeep_store::Realm,
    clients: &HashMap<String, String>,
    roles: impl IntoIterator<Item = &'a String>,
) -> (Vec<String>, BTreeMap<String, Vec<String>>) {
    let mut of_realm = Vec::new();
    let mut of_clients: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for role in roles.into_iter().filter_map(|id| realm.roles.all.get(id)) {
        let name = role.name.clone().unwrap_or_default();
        if role.client_role == Some(true) {
            let container = role.container_id.as_deref().unwrap_or_default();
            if let Some(client) = clients.get(container) {
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
    let listing = Listing::of(&cx, says(&cx, "briefRepresentation", true));
    let name = NameSearch::of(&cx);
    let attributes = cx.query("q").map(|q| attribute_query(Some(q)));
    // Attributes are asked for instead of a name.
    let matches = |group: &GroupRepresentation| match &attributes {
        Some(wanted) => has_attributes(group, wanted),
        None => name.fits(group),
    };
    let mut found = Vec::new();
    if attributes.is_none() && name.wanted.is_none() {
        let top = sorted_children(&cx, "");
        let shown = paged(&top, page).map(|group| listing.show(&cx, group));
        return listing.answer(&cx, shown.collect()).await;
    }
    if says(&cx, "populateHierarchy", true) {
        for group in sorted_children(&cx, "") {
            found.extend(matching_tree(&cx, &group, &listing, &matches));
        }
    } else {
        let matching = cx.realm.groups.values().filter(|group| matches(group));
        found.extend(matching.map(|group| listing.show(&cx, group)));
        found.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
    }
    let shown = paged(found, page).collect();
    listing.answer(&cx, shown).await
}

/// A name, or a part of it, that groups are looked for by.
struct NameSearch {
    wanted: Option<String>,
    exact: bool,
}

impl NameSearch {
    fn of(cx: &Cx) -> Self {
        Self {
            wanted: cx.query("search").map(|s| s.trim().to_lowercase()),
            exact: cx.flag("exact"),
        }
    }

    fn fits(&self, group: &GroupRepresentation) -> bool {
        let Some(wanted) = &self.wanted else {
            return true;
        };
        let name = group.name.as_deref().unwrap_or_default().to_lowercase();
        if self.exact {
            name == *wanted
        } else {
            name.contains(wanted)
        }
    }
}

fn has_attributes(group: &GroupRepresentation, wanted: &[(String, String)]) -> bool {
    let attributes = group.attributes.as_ref();
    wanted.iter().all(|(key, value)| {
        attributes
            .and_then(|a| a.get(key))
            .is_some_and(|values| values.contains(value))
    })
}

/// The group, if it or something below it matches, with what matches below.
fn matching_tree(
    cx: &Cx,
    group: &GroupRepresentation,
    listing: &Listing,
    matches: &impl Fn(&GroupRepresentation) -> bool,
) -> Option<GroupRepresentation> {
    let below: Vec<GroupRepresentation> =
        sorted_children(cx, group.id.as_deref().unwrap_or_default())
            .iter()
            .filter_map(|child| matching_tree(cx, child, listing, matches))
            .collect();
    (matches(group) || !below.is_empty()).then(|| GroupRepresentation {
        sub_groups: Some(below),
        ..listing.show(cx, group)
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
    check_name(given.value.name.as_deref())?;
    let name = given.value.name.clone().unwrap_or_default();
    let taken = format!("Top level group named '{name}' already exists.");
    if let Some(id) = given.value.id.clone().filter(|id| !id.is_empty()) {
        return move_below(&cx, &id, None, taken).await;
    }
    let id = add(&cx, given.value, None, taken).await?;
    Ok(cx.created(&id))
}

async fn create_child(cx: Cx, given: Given<GroupRepresentation>) -> ApiResult<Response> {
    cx.require(users::MANAGE)?;
    let parent = here(&cx)?.id.clone().unwrap_or_default();
    check_name(given.value.name.as_deref())?;
    let name = given.value.name.clone().unwrap_or_default();
    let taken = format!("Sibling group named '{name}' already exists.");
    if let Some(id) = given.value.id.clone().filter(|id| !id.is_empty()) {
        return move_below(&cx, &id, Some(&parent), taken).await;
    }
    let id = add(&cx, given.value, Some(parent), taken).await?;
    let group = cx
        .store()
        .find::<GroupRepresentation>(&cx.realm.id, &id)
        .await?
        .unwrap_or_default();
    let path = path_below(&cx, Some(cx.param("group")), &name);
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

/// A group that is there already becomes a child of `parent`, or one at the top.
async fn move_below(cx: &Cx, id: &str, parent: Option<&str>, taken: String) -> ApiResult<Response> {
    let group = cx
        .realm
        .groups
        .get(id)
        .ok_or_else(|| ApiError::not_found("Could not find child by id"))?;
    if let Some(parent) = parent {
        if cx.realm.with_ancestors(&[parent.to_owned()]).contains(id) {
            return Err(ApiError::bad_request("a group cannot be below itself"));
        }
        // Members get what the new parent has.
        require_joinable(cx, parent).await?;
    }
    let siblings = children(cx, parent.unwrap_or_default());
    if siblings
        .into_iter()
        .any(|g| g.name == group.name && g.id != group.id)
    {
        return Err(ApiError::conflict(taken));
    }
    let moved = GroupRepresentation {
        parent_id: parent.map(str::to_owned),
        ..group.clone()
    };
    let mut batch = Batch::new();
    batch.push(cx.store().update(&cx.realm.id, &moved)?);
    let path = path_below(cx, parent, moved.name.as_deref().unwrap_or_default());
    follow_path(cx, &mut batch, id, Some(&path))?;
    batch.touch(cx.touch_realm());
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The path of a group of this name below another, or at the top.
fn path_below(cx: &Cx, parent: Option<&str>, name: &str) -> String {
    let above = parent.map_or_else(String::new, |parent| cx.realm.group_path(parent));
    format!("{above}/{}", cx.realm.group_path_segment(name))
}

/// The realm names its default groups by path; they follow a group to its new path, or go with it.
fn follow_path(cx: &Cx, batch: &mut Batch, group: &str, path: Option<&str>) -> ApiResult<()> {
    let old = cx.realm.group_path(group);
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
    let mut group = shown_whole(&cx, here(&cx)?).await?;
    group.access = Some(access(&cx));
    Ok(Json(group))
}

async fn by_path(cx: Cx) -> ApiResult<Json<GroupRepresentation>> {
    require_view(&cx)?;
    let wanted = format!("/{}", cx.param("path").trim_matches('/'));
    let found = cx
        .realm
        .groups
        .iter()
        .find(|(id, _)| cx.realm.group_path(id) == wanted);
    match found {
        Some((_, group)) => Ok(Json(shown_whole(&cx, group).await?)),
        None => Err(ApiError::not_found("Group path does not exist")),
    }
}

async fn update(cx: Cx, given: Given<GroupRepresentation>) -> ApiResult<StatusCode> {
    cx.require(users::MANAGE)?;
    let old = here(&cx)?;
    check_name(given.value.name.as_deref())?;
    if given
        .value
        .id
        .as_ref()
        .is_some_and(|id| Some(id) != old.id.as_ref())
    {
        return Err(ApiError::bad_request("Invalid group id"));
    }
    let mut new = steps::stored_group(&merged(old, &given.json, &[])?);
    new.id.clone_from(&old.id);
    new.parent_id.clone_from(&old.parent_id);
    new.description.clone_from(&given.value.description);
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
    let above = Some(parent.as_str()).filter(|parent| !parent.is_empty());
    let path = path_below(&cx, above, new.name.as_deref().unwrap_or_default());
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
    let page = cx.page_or(CHILDREN)?;
    let listing = Listing::of(&cx, says(&cx, "briefRepresentation", false));
    let name = NameSearch::of(&cx);
    let children = sorted_children(&cx, &parent);
    let found = children.iter().filter(|group| name.fits(group));
    let shown = paged(found, page).map(|group| listing.show(&cx, group));
    listing.answer(&cx, shown.collect()).await
}

async fn members(cx: Cx) -> ApiResult<Json<Vec<UserRepresentation>>> {
    cx.require(users::VIEW)?;
    let id = here(&cx)?.id.clone().unwrap_or_default();
    let found = cx
        .store()
        .members_of_group(&cx.realm.id, &id, cx.page_or(100)?)
        .await?;
    let brief = cx.flag("briefRepresentation");
    Ok(Json(
        found
            .into_iter()
            .map(|user| users::without_access(user, brief))
            .collect(),
    ))
}

async fn list_default(cx: Cx) -> ApiResult<Json<Vec<GroupRepresentation>>> {
    cx.require(&[Right::VIEW_REALM])?;
    let names = Names::without_clients(&cx.realm);
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
    let path = cx.realm.group_path(&id);
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
