//! Whole realms in and out, and parts of a realm into one that exists.

use std::sync::Arc;

use axum::routing::post;
use axum::{Json, Router};
use realmkeep_authn::Services;
use realmkeep_authn::set_password::hashing;
use realmkeep_representations::{
    ClientRepresentation, GroupRepresentation, IdentityProviderRepresentation,
    PartialImportRepresentation, PartialImportRepresentationPolicy as Policy, RealmRepresentation,
    RoleRepresentation, UserRepresentation, strict,
};
use realmkeep_store::{Batch, Store};
use serde_json::{Value, json};

use crate::clients::{self, ScopeDefaults};
use crate::declarative::stage_one;
use crate::error::{ApiError, ApiResult};
use crate::export::{self, Extent};
use crate::import_file::FileError;
use crate::names::Names;
use crate::request::{Cx, Given, new_id};
use crate::rights::Right;
use crate::{grants, identity_providers, steps, users, whole_realm};

/// Why a realm was not imported; nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{0}")]
    Unreadable(#[from] strict::ReadError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{0}")]
    Refused(String),
}

/// Why a realm was not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("there is no realm '{0}'")]
    NoSuchRealm(String),
    #[error("{0}")]
    Failed(String),
}

/// An imported realm.
#[derive(Clone, Debug)]
pub struct Imported {
    pub realm: String,
    /// JSON paths of fields that this version does not know; they were left out.
    pub unknown_fields: Vec<String>,
}

/// Creates the realm of a realm export. Fields that are unknown are left out and named.
///
/// # Errors
/// When the export cannot be read, contradicts itself, or the realm exists.
pub async fn import_realm(services: &Services, export: &Value) -> Result<Imported, ImportError> {
    let (given, unknown_fields) = strict::collect_unknown::<RealmRepresentation>(export)?;
    let realm = given.realm.clone().unwrap_or_default();
    whole_realm::create(services, given, None, "")
        .await
        .map_err(|e| ImportError::Refused(e.text()))?;
    Ok(Imported {
        realm,
        unknown_fields,
    })
}

/// The realm with everything in it, secrets and password hashes included; private signing keys are not.
///
/// # Errors
/// When there is no such realm, or the database fails.
pub async fn export_realm(
    services: &Services,
    name: &str,
) -> Result<RealmRepresentation, ExportError> {
    let failed = |e: ApiError| ExportError::Failed(e.text());
    let realm = services
        .store
        .realm(name)
        .await
        .map_err(|e| ExportError::Failed(e.to_string()))?
        .ok_or_else(|| ExportError::NoSuchRealm(name.to_owned()))?;
    export::whole(services, &realm, Extent::EVERYTHING)
        .await
        .map_err(failed)
}

pub fn routes() -> Router<Arc<Services>> {
    Router::new().route("/partialImport", post(partial_import))
}

/// What became of the objects of a partial import.
#[derive(Default)]
struct Outcome {
    added: usize,
    skipped: usize,
    overwritten: usize,
    results: Vec<Value>,
    /// Operation and path of each object, for events.
    written: Vec<(&'static str, String)>,
}

impl Outcome {
    fn note(&mut self, action: &str, kind: &str, name: &str, id: &str) {
        let collection = match kind {
            "CLIENT" => "clients",
            "GROUP" => "groups",
            "USER" => "users",
            "IDP" => "identity-provider/instances",
            _ => "roles-by-id",
        };
        let object = if kind == "IDP" { name } else { id };
        let path = format!("{collection}/{object}");
        match action {
            "ADDED" => {
                self.added += 1;
                self.written.push(("CREATE", path));
            }
            "SKIPPED" => self.skipped += 1,
            _ => {
                self.overwritten += 1;
                self.written.push(("UPDATE", path));
            }
        }
        self.results.push(json!({
            "action": action, "resourceType": kind, "resourceName": name, "id": id,
        }));
    }
}

/// What to do about one object.
enum Todo {
    Add,
    Skip,
    Replace,
}

fn todo(policy: Policy, there: bool, what: &str) -> ApiResult<Todo> {
    Ok(match (there, policy) {
        (false, _) => Todo::Add,
        (true, Policy::Skip) => Todo::Skip,
        (true, Policy::Overwrite) => Todo::Replace,
        (true, Policy::Fail) => {
            return Err(ApiError::conflict(format!("{what} already exists")));
        }
    })
}

/// Objects are added together or not at all. Roles come first, then what may refer to them.
async fn partial_import(
    cx: Cx,
    given: Given<PartialImportRepresentation>,
) -> ApiResult<Json<Value>> {
    cx.require(&[Right::MANAGE_REALM])?;
    let given = given.value;
    let policy = match given.if_resource_exists.as_deref() {
        Some("SKIP") => Policy::Skip,
        Some("OVERWRITE") => Policy::Overwrite,
        Some("FAIL") => Policy::Fail,
        Some(other) => {
            return Err(ApiError::bad_request(format!(
                "ifResourceExists: one of FAIL, SKIP, OVERWRITE was expected, found {other}"
            )));
        }
        None => given.policy.unwrap_or(Policy::Fail),
    };
    let mut batch = Batch::new();
    let mut outcome = Outcome::default();
    let mut names = Names::load(cx.store(), &cx.realm).await?;

    // Clients before roles: roles may be a new client's.
    if given.clients.is_some() {
        cx.require(&[Right::MANAGE_CLIENTS])?;
    }
    for client in given.clients.into_iter().flatten() {
        import_client(&cx, &mut batch, &mut names, &mut outcome, policy, client).await?;
    }
    let roles = given.roles.unwrap_or_default();
    let mut added = Vec::new();
    for role in roles.realm.into_iter().flatten() {
        let container = cx.realm.id.clone();
        added.extend(
            import_role(
                &cx,
                &mut batch,
                &mut names,
                &mut outcome,
                policy,
                role,
                &container,
                None,
            )
            .await?,
        );
    }
    for (client, list) in roles.client.into_iter().flatten() {
        let container = names.clients.get(&client).cloned().ok_or_else(|| {
            ApiError::bad_request(format!("roles.client: there is no client '{client}'"))
        })?;
        for role in list {
            added.extend(
                import_role(
                    &cx,
                    &mut batch,
                    &mut names,
                    &mut outcome,
                    policy,
                    role,
                    &container,
                    Some(&client),
                )
                .await?,
            );
        }
    }
    for role in &added {
        if let Some(inside) = &role.composites {
            let ids = names.roles("composites", inside.realm.as_ref(), inside.client.as_ref())?;
            grants::require_grantable(&cx, ids).await?;
        }
        steps::add_composites(&mut batch, &names, role)?;
    }
    if given.groups.is_some() || given.users.is_some() {
        cx.require(users::MANAGE)?;
    }
    for group in given.groups.into_iter().flatten() {
        import_group(&cx, &mut batch, &mut names, &mut outcome, policy, group).await?;
    }
    for user in given.users.into_iter().flatten() {
        import_user(&cx, &mut batch, &names, &mut outcome, policy, user).await?;
    }
    if given.identity_providers.is_some() || given.identity_provider_mappers.is_some() {
        cx.require(&[Right::MANAGE_IDENTITY_PROVIDERS])?;
    }
    let mut providers = cx.realm.identity_providers.clone();
    for provider in given.identity_providers.into_iter().flatten() {
        import_provider(
            &cx,
            &mut batch,
            &mut providers,
            &mut outcome,
            policy,
            provider,
        )
        .await?;
    }
    for mut mapper in given.identity_provider_mappers.into_iter().flatten() {
        let alias = mapper.identity_provider_alias.clone().unwrap_or_default();
        if !providers.iter().any(|p| p.alias.as_ref() == Some(&alias)) {
            return Err(ApiError::bad_request(format!(
                "identityProviderMappers: there is no identity provider '{alias}'"
            )));
        }
        let id = new_id();
        let path = format!("identity-provider/instances/{alias}/mappers/{id}");
        mapper.id = Some(id);
        batch.push(cx.store().insert(&cx.realm.id, &mapper)?);
        stage_one(&cx, &mut batch, None, Some(&path)).await?;
    }
    batch.touch(cx.touch_realm());
    cx.commit_each(batch, &outcome.written).await?;
    Ok(Json(json!({
        "added": outcome.added,
        "skipped": outcome.skipped,
        "overwritten": outcome.overwritten,
        "results": outcome.results,
    })))
}

async fn import_client(
    cx: &Cx,
    batch: &mut Batch,
    names: &mut Names,
    outcome: &mut Outcome,
    policy: Policy,
    given: ClientRepresentation,
) -> ApiResult<()> {
    let name = given.client_id.clone().unwrap_or_default();
    let old = cx.store().client(&cx.realm, &name).await?;
    let what = format!("Client {name}");
    let action = match todo(policy, old.is_some(), &what)? {
        Todo::Skip => {
            let id = names.clients.get(&name).cloned().unwrap_or_default();
            outcome.note("SKIPPED", "CLIENT", &name, &id);
            return Ok(());
        }
        Todo::Replace => "OVERWRITTEN",
        Todo::Add => "ADDED",
    };
    let scopes = ScopeDefaults::of_stored(&cx.realm);
    let mut client =
        clients::completed(given, &scopes, cx.services.clock.now()).map_err(|e| e.at(&what))?;
    let id = client.id.get_or_insert_with(new_id).clone();
    let old_id = old.as_ref().and_then(|old| old.representation.id.clone());
    let old_path = old_id.as_ref().map(|id| format!("clients/{id}"));
    let path = format!("clients/{id}");
    stage_one(cx, batch, old_path.as_deref(), Some(&path)).await?;
    if let Some(old) = old {
        clients::require_manageable(cx, &old.representation).await?;
        // What is a part of it goes with it.
        let roles = cx.realm.roles.all.iter();
        for (role, _) in roles.filter(|(_, role)| role.container_id == old_id) {
            stage_one(cx, batch, Some(&format!("roles-by-id/{role}")), None).await?;
        }
        clients::delete_steps(batch, &cx.services, &cx.realm, &old.representation).await?;
        names.client_roles.retain(|(client, _), _| *client != name);
    }
    names.clients.insert(name.clone(), id.clone());
    steps::add_client(&cx.services, batch, names, &client, true)?;
    outcome.note(action, "CLIENT", &name, &id);
    Ok(())
}

#[allow(clippy::too_many_arguments)]
async fn import_role(
    cx: &Cx,
    batch: &mut Batch,
    names: &mut Names,
    outcome: &mut Outcome,
    policy: Policy,
    mut role: RoleRepresentation,
    container: &str,
    client: Option<&str>,
) -> ApiResult<Option<RoleRepresentation>> {
    let name = role.name.clone().unwrap_or_default();
    let kind = if client.is_some() {
        "CLIENT_ROLE"
    } else {
        "REALM_ROLE"
    };
    let key = (client.unwrap_or_default().to_owned(), name.clone());
    let known = match client {
        Some(_) => names.client_roles.get(&key),
        None => names.realm_roles.get(&name),
    }
    .cloned();
    role.container_id = Some(container.to_owned());
    role.client_role = Some(client.is_some());
    match todo(policy, known.is_some(), &format!("Role {name}"))? {
        Todo::Skip => {
            outcome.note("SKIPPED", kind, &name, &known.unwrap_or_default());
            return Ok(None);
        }
        // The role keeps its id, and with it who has it.
        Todo::Replace => {
            role.id = known;
            batch.push(
                cx.store()
                    .update(&cx.realm.id, &steps::stored_role(&role))?,
            );
            let id = role.id.clone().unwrap_or_default();
            let path = format!("roles-by-id/{id}");
            stage_one(cx, batch, Some(&path), Some(&path)).await?;
            outcome.note("OVERWRITTEN", kind, &name, &id);
        }
        Todo::Add => {
            let id = role.id.get_or_insert_with(new_id).clone();
            steps::add_role(cx.store(), batch, &cx.realm.id, &role)?;
            stage_one(cx, batch, None, Some(&format!("roles-by-id/{id}"))).await?;
            outcome.note("ADDED", kind, &name, &id);
            match client {
                Some(_) => names.client_roles.insert(key, id),
                None => names.realm_roles.insert(name, id),
            };
        }
    }
    Ok(Some(role))
}

async fn import_group(
    cx: &Cx,
    batch: &mut Batch,
    names: &mut Names,
    outcome: &mut Outcome,
    policy: Policy,
    mut group: GroupRepresentation,
) -> ApiResult<()> {
    let name = group.name.clone().unwrap_or_default();
    let known = names.groups.get(&format!("/{name}")).cloned();
    let action = match todo(policy, known.is_some(), &format!("Group '/{name}'"))? {
        Todo::Skip => {
            outcome.note("SKIPPED", "GROUP", &name, &known.unwrap_or_default());
            return Ok(());
        }
        Todo::Replace => "OVERWRITTEN",
        Todo::Add => "ADDED",
    };
    let old_path = known.as_ref().map(|old| format!("groups/{old}"));
    if let Some(old) = known {
        batch.push(Store::delete::<GroupRepresentation>(&cx.realm.id, &old));
        for id in cx.realm.groups.keys() {
            let below = cx
                .realm
                .with_ancestors(std::slice::from_ref(id))
                .contains(&old);
            if below && *id != old {
                batch.push(Store::delete::<GroupRepresentation>(&cx.realm.id, id));
                stage_one(cx, batch, Some(&format!("groups/{id}")), None).await?;
            }
        }
        let path = format!("/{name}");
        names
            .groups
            .retain(|known, _| *known != path && !known.starts_with(&format!("{path}/")));
    }
    let mut granted = Vec::new();
    prepare_group(names, "", &mut group, &mut granted)?;
    grants::require_grantable(cx, granted).await?;
    steps::add_group(cx.store(), batch, names, &group, None)?;
    let id = group.id.clone().unwrap_or_default();
    let path = format!("groups/{id}");
    stage_one(cx, batch, old_path.as_deref(), Some(&path)).await?;
    outcome.note(action, "GROUP", &name, &id);
    Ok(())
}

/// Numbers the group and those below it, and collects the roles they would have.
fn prepare_group(
    names: &mut Names,
    parent: &str,
    group: &mut GroupRepresentation,
    granted: &mut Vec<String>,
) -> ApiResult<()> {
    let path = format!("{parent}/{}", group.name.as_deref().unwrap_or_default());
    let id = group.id.get_or_insert_with(new_id).clone();
    granted.extend(names.roles(
        &format!("group {path}"),
        group.realm_roles.as_ref(),
        group.client_roles.as_ref(),
    )?);
    names.groups.insert(path.clone(), id);
    for child in group.sub_groups.iter_mut().flatten() {
        prepare_group(names, &path, child, granted)?;
    }
    Ok(())
}

async fn import_user(
    cx: &Cx,
    batch: &mut Batch,
    names: &Names,
    outcome: &mut Outcome,
    policy: Policy,
    user: UserRepresentation,
) -> ApiResult<()> {
    let name = user.username.clone().unwrap_or_default().to_lowercase();
    if name.is_empty() {
        return Err(ApiError::bad_request("User name is missing"));
    }
    let known = cx.store().find_user_named(&cx.realm.id, &name).await?;
    let action = match todo(policy, known.is_some(), &format!("User '{name}'"))? {
        Todo::Skip => {
            let id = known.and_then(|u| u.id).unwrap_or_default();
            outcome.note("SKIPPED", "USER", &name, &id);
            return Ok(());
        }
        Todo::Replace => "OVERWRITTEN",
        Todo::Add => "ADDED",
    };
    let mut old_path = None;
    if let Some(id) = known.and_then(|u| u.id) {
        old_path = Some(format!("users/{id}"));
        users::require_within_rights(cx, &id).await?;
        batch.push(Store::delete_user(&cx.realm.id, &id));
        batch.touch(cx.touch_user(&id));
    }
    let place = format!("user {name}");
    let mut granted = names.roles(
        &place,
        user.realm_roles.as_ref(),
        user.client_roles.as_ref(),
    )?;
    for path in user.groups.iter().flatten() {
        let group = names
            .groups
            .get(path)
            .ok_or_else(|| ApiError::bad_request(format!("{place}: there is no group '{path}'")))?;
        let with_parents = cx.realm.with_ancestors(std::slice::from_ref(group));
        granted.extend(
            with_parents
                .iter()
                .filter_map(|id| cx.realm.roles.of_groups.get(id))
                .flatten()
                .cloned(),
        );
    }
    grants::require_grantable(cx, granted).await?;
    let hashing = hashing(&cx.services, &cx.realm)?;
    let id = steps::add_user(&cx.services, batch, names, &user, hashing).await?;
    let path = format!("users/{id}");
    stage_one(cx, batch, old_path.as_deref(), Some(&path)).await?;
    outcome.note(action, "USER", &name, &id);
    Ok(())
}

async fn import_provider(
    cx: &Cx,
    batch: &mut Batch,
    providers: &mut Vec<IdentityProviderRepresentation>,
    outcome: &mut Outcome,
    policy: Policy,
    given: IdentityProviderRepresentation,
) -> ApiResult<()> {
    let alias = given.alias.clone().unwrap_or_default();
    let known = providers
        .iter()
        .find(|p| p.alias.as_ref() == Some(&alias))
        .and_then(|p| p.internal_id.clone());
    let what = format!("Identity Provider '{alias}'");
    let action = match todo(policy, known.is_some(), &what)? {
        Todo::Skip => {
            let id = known.unwrap_or_default();
            outcome.note("SKIPPED", "IDP", &alias, &id);
            return Ok(());
        }
        Todo::Replace => "OVERWRITTEN",
        Todo::Add => "ADDED",
    };
    let ssl = cx.realm.settings.ssl_required.as_deref();
    let mut provider =
        identity_providers::checked(given, ssl, providers).map_err(|e| e.at(&what))?;
    let id = known.clone().unwrap_or_else(new_id);
    let path = format!("identity-provider/instances/{alias}");
    let old_path = known.as_ref().map(|_| path.as_str());
    stage_one(cx, batch, old_path, Some(&path)).await?;
    provider.internal_id = Some(id.clone());
    batch.push(match known {
        Some(_) => cx.store().update(&cx.realm.id, &provider)?,
        None => cx.store().insert(&cx.realm.id, &provider)?,
    });
    providers.retain(|p| p.alias.as_ref() != Some(&alias));
    providers.push(provider);
    outcome.note(action, "IDP", &alias, &id);
    Ok(())
}
