//! The names of a realm's objects, resolved to ids inside that realm only.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use realmkeep_representations::{GroupRepresentation, RealmRepresentation};
use realmkeep_store::cache::escaped_group_name;
use realmkeep_store::{Realm, Store};

use crate::error::{ApiError, ApiResult};

/// Ids by name, of a stored realm or of one that is about to be stored.
#[derive(Debug, Default)]
pub struct Names {
    pub realm_id: String,
    pub realm_roles: HashMap<String, String>,
    /// By clientId and role name.
    pub client_roles: HashMap<(String, String), String>,
    /// Ids by clientId.
    pub clients: HashMap<String, String>,
    /// clientIds by id, of stored clients.
    pub client_ids: HashMap<String, String>,
    /// Ids by path (`/a/b`).
    pub groups: HashMap<String, String>,
    pub client_scopes: HashMap<String, String>,
    /// What a new user gets.
    pub default_role: Option<String>,
    pub default_groups: Vec<String>,
}

impl Names {
    /// Of a complete representation, in which every object has an id.
    pub fn of(realm: &RealmRepresentation) -> Self {
        let mut names = Self {
            realm_id: realm.id.clone().unwrap_or_default(),
            default_role: realm.default_role.as_ref().and_then(|r| r.id.clone()),
            ..Self::default()
        };
        for client in realm.clients.iter().flatten() {
            if let (Some(client_id), Some(id)) = (&client.client_id, &client.id) {
                names.clients.insert(client_id.clone(), id.clone());
            }
        }
        for scope in realm.client_scopes.iter().flatten() {
            if let (Some(name), Some(id)) = (&scope.name, &scope.id) {
                names.client_scopes.insert(name.clone(), id.clone());
            }
        }
        let roles = realm.roles.clone().unwrap_or_default();
        for role in roles.realm.into_iter().flatten() {
            if let (Some(name), Some(id)) = (role.name, role.id) {
                names.realm_roles.insert(name, id);
            }
        }
        for (client, list) in roles.client.into_iter().flatten() {
            for role in list {
                if let (Some(name), Some(id)) = (role.name, role.id) {
                    names.client_roles.insert((client.clone(), name), id);
                }
            }
        }
        for group in realm.groups.iter().flatten() {
            names.add_group("", group);
        }
        names.default_groups = names.default_group_ids(realm.default_groups.as_ref());
        names
    }

    /// Of a stored realm without its clients and their roles; reads nothing.
    pub fn without_clients(realm: &Realm) -> Self {
        let mut names = Self {
            realm_id: realm.id.clone(),
            default_role: realm
                .settings
                .default_role
                .as_ref()
                .and_then(|r| r.id.clone()),
            ..Self::default()
        };
        for scope in &realm.client_scopes {
            if let (Some(name), Some(id)) = (&scope.name, &scope.id) {
                names.client_scopes.insert(name.clone(), id.clone());
            }
        }
        for (id, role) in &realm.roles.all {
            if let (Some(name), false) = (&role.name, role.client_role == Some(true)) {
                names.realm_roles.insert(name.clone(), id.clone());
            }
        }
        for id in realm.groups.keys() {
            names.groups.insert(realm.group_path(id), id.clone());
        }
        names.default_groups = names.default_group_ids(realm.settings.default_groups.as_ref());
        names
    }

    /// Of a stored realm.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load(store: &Store, realm: &Realm) -> ApiResult<Self> {
        let mut names = Self::without_clients(realm);
        for (id, client_id) in store.client_names(&realm.id).await? {
            names.client_ids.insert(id.clone(), client_id.clone());
            names.clients.insert(client_id, id);
        }
        for (id, role) in &realm.roles.all {
            let container = role.container_id.as_deref().unwrap_or_default();
            if let (Some(name), Some(client), Some(true)) = (
                &role.name,
                names.client_ids.get(container),
                role.client_role,
            ) {
                names
                    .client_roles
                    .insert((client.clone(), name.clone()), id.clone());
            }
        }
        Ok(names)
    }

    /// The clientId of the stored client with this id.
    pub fn client_id_of(&self, id: &str) -> Option<&str> {
        self.client_ids.get(id).map(String::as_str)
    }

    /// The ids of named roles; `place` says where the names stand.
    ///
    /// # Errors
    /// 400 that names the first role or client that does not exist.
    pub fn roles(
        &self,
        place: &str,
        of_realm: Option<&Vec<String>>,
        of_clients: Option<&BTreeMap<String, Vec<String>>>,
    ) -> ApiResult<Vec<String>> {
        let mut ids = Vec::new();
        for name in of_realm.into_iter().flatten() {
            let id = self.realm_roles.get(name).ok_or_else(|| {
                ApiError::bad_request(format!("{place}: there is no realm role '{name}'"))
            })?;
            ids.push(id.clone());
        }
        for (client, names) in of_clients.into_iter().flatten() {
            for name in names {
                let id = self
                    .client_roles
                    .get(&(client.clone(), name.clone()))
                    .ok_or_else(|| {
                        ApiError::bad_request(format!(
                            "{place}: the client '{client}' has no role '{name}'"
                        ))
                    })?;
                ids.push(id.clone());
            }
        }
        Ok(ids)
    }

    fn add_group(&mut self, parent: &str, group: &GroupRepresentation) {
        let name = group.name.as_deref().unwrap_or_default();
        // An export may have been made where slashes of names are marked.
        for segment in BTreeSet::from([name.to_owned(), escaped_group_name(name)]) {
            let path = format!("{parent}/{segment}");
            if let Some(id) = &group.id {
                self.groups.insert(path.clone(), id.clone());
            }
            for child in group.sub_groups.iter().flatten() {
                self.add_group(&path, child);
            }
        }
    }

    fn default_group_ids(&self, paths: Option<&Vec<String>>) -> Vec<String> {
        paths
            .into_iter()
            .flatten()
            .filter_map(|path| self.groups.get(path).cloned())
            .collect()
    }
}
