//! Configuration as requests see it: one immutable snapshot a realm, read from memory.
//!
//! A request takes one [`Realm`] and keeps it to its end. Clients and users hang off the snapshot in
//! bounded caches, so dropping the snapshot drops all that was derived from it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use moka::sync::Cache;
use realmkeep_representations::{
    ClientRepresentation, ClientScopeRepresentation, ComponentRepresentation, GroupRepresentation,
    IdentityProviderRepresentation, RealmRepresentation, RoleRepresentation, UserRepresentation,
};

use crate::db::Touch;
use crate::{Store, StoreError};

/// Realm snapshots kept; the least used go first.
const REALMS: u64 = 1_000;
/// Clients kept a realm.
const CLIENTS: u64 = 10_000;
/// Users (with their roles) kept a realm.
const USERS: u64 = 10_000;

pub(crate) struct Caches {
    realms: Cache<String, Arc<Realm>>,
    /// How many times something was forgotten. What was read before a change must not be kept after it.
    changes: AtomicU64,
}

/// One realm with what every request may need of it.
pub struct Realm {
    pub id: String,
    pub name: String,
    pub settings: RealmRepresentation,
    pub client_scopes: Vec<ClientScopeRepresentation>,
    pub identity_providers: Vec<IdentityProviderRepresentation>,
    pub roles: Roles,
    /// By id.
    pub groups: HashMap<String, GroupRepresentation>,
    /// Ids of the roles that a client or client scope may put into tokens, by its id.
    pub scope_roles: HashMap<String, BTreeSet<String>>,
    /// The realm's own user profile as JSON, where it has one.
    pub user_profile: Option<String>,
    /// Components that configure event listeners.
    pub event_listeners: Vec<ComponentRepresentation>,
    escapes_group_paths: bool,
    clients: Cache<String, Arc<Client>>,
    /// clientIds by id.
    pub(crate) client_names: Cache<String, String>,
    /// clientIds by identity provider and subject there.
    pub(crate) federated: Cache<(String, String), Arc<Vec<String>>>,
    /// Ids of users, by id of the client whose service account they are.
    pub(crate) service_accounts: Cache<String, String>,
    subjects: Cache<String, Arc<Subject>>,
}

/// All roles of a realm and what is inside the composite ones.
#[derive(Default)]
pub struct Roles {
    /// By id.
    pub all: HashMap<String, RoleRepresentation>,
    pub composites: HashMap<String, Vec<String>>,
    pub of_groups: HashMap<String, Vec<String>>,
}

/// A client, parsed once.
#[derive(Debug)]
pub struct Client {
    pub representation: ClientRepresentation,
}

/// A user with everything that ends in tokens.
#[derive(Clone, Debug)]
pub struct Subject {
    pub user: UserRepresentation,
    /// Ids of the roles held directly, through groups, and inside composites.
    pub roles: BTreeSet<String>,
    /// Ids of the groups the user is a direct member of.
    pub groups: Vec<String>,
}

impl Default for Caches {
    fn default() -> Self {
        Self {
            realms: Cache::new(REALMS),
            changes: AtomicU64::new(0),
        }
    }
}

impl Caches {
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Keeps what was read since `changes` unless something changed meanwhile.
    pub(crate) fn keep<K, V>(&self, cache: &Cache<K, V>, changes: u64, key: K, value: V)
    where
        K: Clone + Eq + std::hash::Hash + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        if self.changes() == changes {
            cache.insert(key.clone(), value);
            // A change between the comparison and the insertion did not find it there.
            if self.changes() != changes {
                cache.invalidate(&key);
            }
        }
    }

    pub(crate) fn forget(&self, touched: &[Touch]) {
        if touched.is_empty() {
            return;
        }
        self.changes.fetch_add(1, Ordering::SeqCst);
        // Looked through once: an import touches thousands of users.
        let realms: Vec<(Arc<String>, Arc<Realm>)> = self.realms.iter().collect();
        for touch in touched {
            let of = realms.iter().filter(|(_, realm)| realm.id == touch.realm());
            for (name, realm) in of {
                match touch {
                    Touch::Realm(_) => self.realms.invalidate(name.as_ref()),
                    Touch::Client(_, client_id) => {
                        realm.clients.invalidate(client_id);
                        realm.client_names.invalidate_all();
                        realm.federated.invalidate_all();
                    }
                    Touch::User(_, user_id) => realm.subjects.invalidate(user_id),
                }
            }
        }
    }

    /// Forgets everything.
    pub(crate) fn forget_all(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.realms.invalidate_all();
    }
}

impl Store {
    /// The snapshot of the realm with this name. Whatever any server changed before this call is in
    /// it, and in what is read of clients and users through it.
    ///
    /// # Errors
    /// When the database fails or something in it cannot be read.
    pub async fn realm(&self, name: &str) -> Result<Option<Arc<Realm>>, StoreError> {
        self.catch_up().await?;
        if let Some(realm) = self.caches().realms.get(name) {
            return Ok(Some(realm));
        }
        let changes = self.caches().changes();
        let Some(settings) = self.find_realm(name).await? else {
            return Ok(None);
        };
        let realm = Arc::new(self.load(settings).await?);
        let caches = self.caches();
        caches.keep(&caches.realms, changes, name.to_owned(), realm.clone());
        Ok(Some(realm))
    }

    /// The snapshot of the realm as this server last knew it, without asking the database; for public
    /// documents (metadata, keys) while the database is away. None when it is not in memory.
    pub fn remembered_realm(&self, name: &str) -> Option<Arc<Realm>> {
        self.caches().realms.get(name)
    }

    /// The client with this clientId.
    ///
    /// # Errors
    /// When the database fails or the document cannot be read.
    pub async fn client(
        &self,
        realm: &Realm,
        client_id: &str,
    ) -> Result<Option<Arc<Client>>, StoreError> {
        if let Some(client) = realm.clients.get(client_id) {
            return Ok(Some(client));
        }
        let changes = self.caches().changes();
        let Some(representation) = self
            .find_named::<ClientRepresentation>(&realm.id, "", client_id)
            .await?
        else {
            return Ok(None);
        };
        let client = Arc::new(Client { representation });
        self.caches().keep(
            &realm.clients,
            changes,
            client_id.to_owned(),
            client.clone(),
        );
        Ok(Some(client))
    }

    /// The user with this id, with roles and groups.
    ///
    /// # Errors
    /// When the database fails or the document cannot be read.
    pub async fn subject(
        &self,
        realm: &Realm,
        user_id: &str,
    ) -> Result<Option<Arc<Subject>>, StoreError> {
        if let Some(subject) = realm.subjects.get(user_id) {
            return Ok(Some(subject));
        }
        let changes = self.caches().changes();
        let Some(user) = self.find_user(&realm.id, user_id).await? else {
            return Ok(None);
        };
        let groups = self.groups_of_user(user_id).await?;
        let mut held = self.roles_of_user(user_id).await?;
        for group in realm.with_ancestors(&groups) {
            held.extend(
                realm
                    .roles
                    .of_groups
                    .get(&group)
                    .into_iter()
                    .flatten()
                    .cloned(),
            );
        }
        let subject = Arc::new(Subject {
            user,
            roles: realm.roles.expand(held),
            groups,
        });
        self.caches().keep(
            &realm.subjects,
            changes,
            user_id.to_owned(),
            subject.clone(),
        );
        Ok(Some(subject))
    }

    async fn load(&self, settings: RealmRepresentation) -> Result<Realm, StoreError> {
        let id = settings.id.clone().unwrap_or_default();
        let mut roles = Roles::default();
        for role in self.list::<RoleRepresentation>(&id).await? {
            roles.all.insert(role.id.clone().unwrap_or_default(), role);
        }
        for (role, child) in self.composites(&id).await? {
            roles.composites.entry(role).or_default().push(child);
        }
        for (group, role) in self.roles_of_groups(&id).await? {
            roles.of_groups.entry(group).or_default().push(role);
        }
        let mut scope_roles: HashMap<String, BTreeSet<String>> = HashMap::new();
        for (holder, role) in self.scope_roles(&id).await? {
            scope_roles.entry(holder).or_default().insert(role);
        }
        let groups = self.list::<GroupRepresentation>(&id).await?;
        let components: Vec<ComponentRepresentation> = self.children(&id, &id).await?;
        let of_type = |wanted: &str| {
            let components = components.iter();
            let wanted = wanted.to_owned();
            components.filter(move |c| c.provider_type.as_deref() == Some(wanted.as_str()))
        };
        let profile = of_type("org.keycloak.userprofile.UserProfileProvider").next();
        let profile = profile.and_then(|c| c.config.as_ref()?.get("kc.user.profile.config"));
        Ok(Realm {
            name: settings.realm.clone().unwrap_or_default(),
            client_scopes: self.list(&id).await?,
            identity_providers: self.list(&id).await?,
            roles,
            groups: groups
                .into_iter()
                .map(|g| (g.id.clone().unwrap_or_default(), g))
                .collect(),
            scope_roles,
            user_profile: profile.and_then(|values| values.first().cloned()),
            event_listeners: of_type("org.keycloak.events.EventListenerProvider")
                .cloned()
                .collect(),
            escapes_group_paths: self.inner.escapes_group_paths.load(Ordering::Relaxed),
            clients: Cache::new(CLIENTS),
            client_names: Cache::new(CLIENTS),
            federated: Cache::new(CLIENTS),
            service_accounts: Cache::new(CLIENTS),
            subjects: Cache::new(USERS),
            settings,
            id,
        })
    }
}

/// A group's name as it stands in paths where slashes of names are marked.
pub fn escaped_group_name(name: &str) -> String {
    name.replace('/', "~/")
}

impl Realm {
    /// `/parent/child` of the group with this id.
    pub fn group_path(&self, id: &str) -> String {
        let mut path = String::new();
        let mut here = self.groups.get(id);
        // Parents cannot form a cycle; the bound is for a database that was written to by hand.
        for _ in 0..=self.groups.len() {
            let Some(group) = here else {
                break;
            };
            let name = self.group_path_segment(group.name.as_deref().unwrap_or_default());
            path = format!("/{name}{path}");
            let parent = group.parent_id.as_deref();
            here = parent.and_then(|id| self.groups.get(id));
        }
        path
    }

    /// A group's name as it stands in paths.
    pub fn group_path_segment(&self, name: &str) -> String {
        if self.escapes_group_paths {
            escaped_group_name(name)
        } else {
            name.to_owned()
        }
    }

    /// The groups and all groups above them.
    pub fn with_ancestors(&self, groups: &[String]) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for group in groups {
            let mut here = Some(group.clone());
            while let Some(id) = here {
                here = self
                    .groups
                    .get(&id)
                    .and_then(|g| g.parent_id.clone())
                    .filter(|p| !p.is_empty());
                if !all.insert(id) {
                    break;
                }
            }
        }
        all
    }

    /// The identity provider with this alias.
    pub fn identity_provider(&self, alias: &str) -> Option<&IdentityProviderRepresentation> {
        self.identity_providers
            .iter()
            .find(|p| p.alias.as_deref() == Some(alias))
    }

    /// The client scope with this name.
    pub fn client_scope(&self, name: &str) -> Option<&ClientScopeRepresentation> {
        self.client_scopes
            .iter()
            .find(|s| s.name.as_deref() == Some(name))
    }
}

impl Roles {
    /// The roles and all that is inside them, at any depth; cycles are harmless.
    pub fn expand(&self, held: impl IntoIterator<Item = String>) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        let mut seen = HashSet::new();
        let mut open: Vec<String> = held.into_iter().collect();
        while let Some(id) = open.pop() {
            if !seen.insert(id.clone()) || !self.all.contains_key(&id) {
                continue;
            }
            open.extend(self.composites.get(&id).into_iter().flatten().cloned());
            all.insert(id);
        }
        all
    }

    /// The realm role with this name.
    pub fn realm_role(&self, name: &str) -> Option<&RoleRepresentation> {
        self.all
            .values()
            .find(|r| r.client_role != Some(true) && r.name.as_deref() == Some(name))
    }

    /// The role of the client with this id (not clientId) and this name.
    pub fn client_role(&self, client: &str, name: &str) -> Option<&RoleRepresentation> {
        self.all.values().find(|r| {
            r.client_role == Some(true)
                && r.container_id.as_deref() == Some(client)
                && r.name.as_deref() == Some(name)
        })
    }
}

impl std::fmt::Debug for Realm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Realm")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
