//! A folder of resources and one server: everything is resolved and checked before anything is
//! written.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use realmkeep_admin_client::{AdminClient, FoundExt};
use realmkeep_crds::{
    AllowedNamespaces, AnyResource, Client, ClientAuth, IdentityProvider, ObjectName, Permission,
    Realm, ServerKind,
    yaml::{Loaded, Origin},
};
use realmkeep_plan::{
    Change, DesiredObject, ObjectKey, Observed, Owner, Plan, PlanError, SecretInputs, plan,
};

use crate::{RefError, SecretSource, SyncError, apply, denied_privilege, observe, resolve_secret};

/// What a folder needs on a server.
#[derive(Debug, Default)]
pub struct FolderPlan {
    pub plan: Plan,
    /// What was left out and why, for a person.
    pub notes: Vec<String>,
    /// Every managed object.
    pub objects: Vec<DesiredObject>,
}

/// What stands in the way, and where it was written.
#[derive(Debug)]
pub struct FolderError {
    pub origin: Option<Origin>,
    pub resource: Option<ObjectName>,
    pub error: SyncError,
}

/// Everything that stands in the way.
#[derive(Debug)]
pub struct FolderErrors(pub Vec<FolderError>);

/// Plans a folder against a server.
///
/// # Errors
/// All of them; nothing was written.
pub async fn plan_folder(
    loaded: &Loaded,
    server: &AdminClient,
    secrets: &impl SecretSource,
) -> Result<FolderPlan, FolderErrors> {
    let folder = Folder::new(loaded);
    let mut notes = folder.notes();
    let (desired, mut errors) = folder.desired(secrets, &mut notes);

    let mut observed = Observed::new();
    for object in &desired {
        match observe(server, object).await {
            Ok(Some(value)) => {
                observed.insert(object.key.clone(), value);
            }
            Ok(None) => {}
            Err(e) => {
                // Without the server every further question fails the same way.
                errors.push(folder.error(&object.resource, e.into()));
                return Err(FolderErrors(errors));
            }
        }
    }
    for (object, field, alias) in folder.providers(&desired) {
        let declared = desired.iter().any(|d| {
            matches!(&d.key, ObjectKey::IdentityProvider { realm, alias: a } if realm == object.key.realm() && *a == alias)
        });
        let exists = declared
            || match server
                .identity_provider(object.key.realm(), &alias)
                .await
                .found()
            {
                Ok(found) => found.is_some(),
                Err(e) => {
                    errors.push(folder.error(&object.resource, e.into()));
                    return Err(FolderErrors(errors));
                }
            };
        if !exists {
            let missing = RefError::IdentityProviderNotFound { field, alias };
            errors.push(folder.error(&object.resource, missing.into()));
        }
    }
    let planned = plan(&desired, &observed);
    match planned {
        Ok(plan) if errors.is_empty() => Ok(FolderPlan {
            plan,
            notes,
            objects: desired,
        }),
        planned => {
            for e in planned.err().into_iter().flatten() {
                let resource = resource_of(&e).clone();
                errors.push(folder.error(&resource, e.into()));
            }
            Err(FolderErrors(errors))
        }
    }
}

/// Applies a plan in its order; `done` hears of every change that was made.
///
/// # Errors
/// The first change that failed; those before it were made.
pub async fn apply_plan(
    server: &AdminClient,
    plan: &Plan,
    mut done: impl FnMut(&Change),
) -> Result<(), SyncError> {
    for change in &plan.changes {
        apply(server, change).await?;
        done(change);
    }
    Ok(())
}

struct Folder<'l> {
    loaded: &'l Loaded,
    origins: BTreeMap<ObjectName, &'l Origin>,
    realms: BTreeMap<(String, String), &'l Realm>,
}

impl<'l> Folder<'l> {
    fn new(loaded: &'l Loaded) -> Self {
        let mut folder = Self {
            loaded,
            origins: BTreeMap::new(),
            realms: BTreeMap::new(),
        };
        for document in &loaded.documents {
            let name = document.resource.name();
            if let AnyResource::Realm(realm) = &document.resource {
                let key = (name.namespace.clone(), name.name.clone());
                folder.realms.insert(key, realm);
            }
            folder.origins.insert(name, &document.origin);
        }
        folder
    }

    fn notes(&self) -> Vec<String> {
        let servers = self.loaded.documents.iter().filter_map(|document| {
            let name = document.resource.name();
            let what = match document.resource {
                AnyResource::IdentityServer(_) => "describes the server itself",
                AnyResource::ExternalServer(_) => "tells the operator of a server",
                _ => return None,
            };
            Some(format!("{name} {what}: left out here"))
        });
        let others = self.loaded.skipped.iter().map(|skipped| {
            let (kind, origin) = (&skipped.kind, &skipped.origin);
            format!("{kind} in {origin} is not ours: left out")
        });
        servers.chain(others).collect()
    }

    /// What the resources declare, and the references that lead nowhere.
    fn desired(
        &self,
        secrets: &impl SecretSource,
        notes: &mut Vec<String>,
    ) -> (Vec<DesiredObject>, Vec<FolderError>) {
        let mut desired = Vec::new();
        let mut errors = self.servers();
        for document in &self.loaded.documents {
            let name = document.resource.name();
            let object = match &document.resource {
                AnyResource::Realm(realm) => self.realm(realm, &name, secrets),
                AnyResource::Client(client) => self.client(client, &name, secrets),
                AnyResource::IdentityProvider(provider) => self.provider(provider, &name, secrets),
                _ => continue,
            };
            match object {
                Ok(object) if object.lifecycle.suspend => {
                    notes.push(format!("{name} is suspended: left alone"));
                }
                Ok(object) => desired.push(object),
                Err(found) => errors.extend(found.into_iter().map(|e| self.error(&name, e))),
            }
        }
        (desired, errors)
    }

    /// Realms refer to one server, and to one of the folder's if it has any.
    fn servers(&self) -> Vec<FolderError> {
        let declared: BTreeSet<_> = self
            .loaded
            .documents
            .iter()
            .filter_map(|document| {
                let kind = match document.resource {
                    AnyResource::IdentityServer(_) => ServerKind::IdentityServer,
                    AnyResource::ExternalServer(_) => ServerKind::ExternalServer,
                    _ => return None,
                };
                let name = document.resource.name();
                Some((kind, name.namespace, name.name))
            })
            .collect();
        let mut errors = Vec::new();
        let mut first = None;
        for ((namespace, name), realm) in &self.realms {
            let resource = ObjectName {
                kind: "Realm",
                namespace: namespace.clone(),
                name: name.clone(),
            };
            let server = realm.spec.server_ref.resolve(namespace);
            let key = (server.kind, server.namespace.clone(), server.name.clone());
            if !declared.is_empty() && !declared.contains(&key) {
                let missing = RefError::ServerNotFound {
                    field: "spec.serverRef",
                    kind: match server.kind {
                        ServerKind::IdentityServer => "IdentityServer",
                        ServerKind::ExternalServer => "ExternalServer",
                    },
                    namespace: server.namespace,
                    name: server.name,
                };
                errors.push(self.error(&resource, missing.into()));
                continue;
            }
            match &first {
                None => first = Some((key, resource)),
                Some((expected, _)) if *expected == key => {}
                Some((_, other)) => {
                    let message = format!(
                        "spec.serverRef: names another server than {other}; one folder is applied \
                         to one server, so put them into two"
                    );
                    errors.push(self.error(&resource, SyncError::Denied(message)));
                }
            }
        }
        errors
    }

    fn realm(
        &self,
        realm: &Realm,
        name: &ObjectName,
        secrets: &impl SecretSource,
    ) -> Result<DesiredObject, Vec<SyncError>> {
        let mut inputs = SecretInputs::new();
        let smtp = realm.spec.smtp.as_ref();
        if let Some(credentials) = smtp.and_then(|smtp| smtp.credentials.as_ref()) {
            let selector = &credentials.password.secret_key_ref;
            let found = secrets.secret(&name.namespace, &selector.name);
            let field = "spec.smtp.credentials.password";
            let input = resolve_secret(field, &name.namespace, selector, found.as_ref());
            let input = input.map_err(|e| vec![e.into()])?;
            inputs.insert("smtpServer.password".into(), input);
        }
        Ok(realmkeep_plan::realm(realm, owner(name), inputs))
    }

    fn client(
        &self,
        client: &Client,
        name: &ObjectName,
        secrets: &impl SecretSource,
    ) -> Result<DesiredObject, Vec<SyncError>> {
        let realm = self.realm_of(&client.spec.realm_ref.resolve(&name.namespace), name);
        let mut errors = Vec::new();
        let mut inputs = SecretInputs::new();
        if let Some(ClientAuth::ClientSecret(secret)) = &client.spec.auth {
            let selector = &secret.value_from.secret_key_ref;
            let found = secrets.secret(&name.namespace, &selector.name);
            let field = "spec.auth.clientSecret.valueFrom";
            match resolve_secret(field, &name.namespace, selector, found.as_ref()) {
                Ok(input) => {
                    inputs.insert("secret".into(), input);
                }
                Err(e) => errors.push(e.into()),
            }
        }
        match realm {
            Ok(realm) => {
                let allowed = realm.spec.allowed_clients.as_ref();
                let admin = allowed.and_then(|a| a.admin_roles).unwrap_or_default();
                if admin == Permission::Deny
                    && let Some(privilege) = denied_privilege(client)
                {
                    errors.push(SyncError::Denied(privilege));
                }
                if errors.is_empty() {
                    let realm = realm.realm_name();
                    return Ok(realmkeep_plan::client(client, realm, owner(name), inputs));
                }
            }
            Err(e) => errors.push(e.into()),
        }
        Err(errors)
    }

    fn provider(
        &self,
        provider: &IdentityProvider,
        name: &ObjectName,
        secrets: &impl SecretSource,
    ) -> Result<DesiredObject, Vec<SyncError>> {
        let realm = self.realm_of(&provider.spec.realm_ref.resolve(&name.namespace), name);
        let mut errors = Vec::new();
        let mut inputs = SecretInputs::new();
        for (key, (field, value_from)) in provider.spec.secrets() {
            let selector = &value_from.secret_key_ref;
            let found = secrets.secret(&name.namespace, &selector.name);
            match resolve_secret(&field, &name.namespace, selector, found.as_ref()) {
                Ok(input) => {
                    inputs.insert(format!("config.{key}"), input);
                }
                Err(e) => errors.push(e.into()),
            }
        }
        match realm {
            Ok(realm) if errors.is_empty() => Ok(realmkeep_plan::identity_provider(
                provider,
                realm.realm_name(),
                owner(name),
                inputs,
            )),
            realm => {
                errors.extend(realm.err().map(SyncError::from));
                Err(errors)
            }
        }
    }

    fn realm_of(&self, key: &(String, String), name: &ObjectName) -> Result<&'l Realm, RefError> {
        let (namespace, realm_name) = key;
        let realm = self
            .realms
            .get(key)
            .ok_or_else(|| RefError::RealmNotFound {
                namespace: namespace.clone(),
                name: realm_name.clone(),
            })?;
        let own = AllowedNamespaces::default();
        let allowed = realm.spec.allowed_clients.as_ref();
        let allowed = allowed.and_then(|a| a.namespaces.as_ref()).unwrap_or(&own);
        // The one label that every namespace has.
        let labels =
            |key: &str| (key == "kubernetes.io/metadata.name").then_some(name.namespace.as_str());
        if allowed.admits(namespace, &name.namespace, labels) {
            Ok(realm)
        } else {
            Err(RefError::NotPermitted {
                field: "spec.realmRef",
                owner: format!("Realm {namespace}/{realm_name}"),
                namespace: name.namespace.clone(),
                grant: "spec.allowedClients.namespaces",
            })
        }
    }

    /// The identity providers that clients authenticate through, and the fields that say so.
    fn providers<'d>(
        &self,
        desired: &'d [DesiredObject],
    ) -> Vec<(&'d DesiredObject, &'static str, String)> {
        let fields = self.loaded.documents.iter().filter_map(|document| {
            let AnyResource::Client(client) = &document.resource else {
                return None;
            };
            let field = match client.spec.auth.as_ref()? {
                ClientAuth::ServiceAccount(_) => "spec.auth.serviceAccount.provider",
                ClientAuth::Federated(_) => "spec.auth.federated.provider",
                _ => return None,
            };
            Some((document.resource.name(), field))
        });
        let fields: BTreeMap<_, _> = fields.collect();
        desired
            .iter()
            .filter_map(|object| {
                let (alias, _) = object.federation.as_ref()?;
                Some((object, *fields.get(&object.resource)?, alias.clone()))
            })
            .collect()
    }

    fn error(&self, resource: &ObjectName, error: SyncError) -> FolderError {
        FolderError {
            origin: self.origins.get(resource).map(|origin| (*origin).clone()),
            resource: Some(resource.clone()),
            error,
        }
    }
}

fn owner(name: &ObjectName) -> Owner {
    Owner {
        cluster: None,
        namespace: name.namespace.clone(),
        kind: name.kind.to_owned(),
        name: name.name.clone(),
        uid: None,
    }
}

fn resource_of(error: &PlanError) -> &ObjectName {
    match error {
        PlanError::AdoptionRequired { resource, .. }
        | PlanError::OwnershipConflict { resource, .. }
        | PlanError::NothingToObserve { resource, .. }
        | PlanError::NoDefault { resource, .. }
        | PlanError::IdentityConflict { resource, .. }
        | PlanError::SubjectConflict { resource, .. } => resource,
    }
}

impl fmt::Display for FolderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        match (&self.resource, &self.error) {
            // A plan's error names its resource itself.
            (Some(resource), error) if !matches!(error, SyncError::Plan(_)) => {
                write!(f, "{resource}: {error}")
            }
            (_, error) => write!(f, "{error}"),
        }
    }
}

impl fmt::Display for FolderErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for FolderErrors {}
