//! The realm that a client or an identity provider lives in.

use std::sync::Arc;

use realmkeep_crds::{Permission, Realm, RealmRef, Reason, ResolvedServerRef};
use realmkeep_sync::RefError;

use crate::{
    context::Context,
    object::{Guarded, Kind as _, namespace as namespace_of},
    problem::Problem,
    server_client::{Server, not_found},
    stores::{Stores, find},
};

/// A realm that may be referred to.
pub struct Parent {
    realm: Arc<Guarded<Realm>>,
    namespace: String,
    name: String,
}

impl Parent {
    /// The realm that `reference` of a resource in `from` leads to.
    ///
    /// # Errors
    /// There is none, or its owner does not admit the namespace.
    pub fn find(stores: &Stores, reference: &RealmRef, from: &str) -> Result<Self, RefError> {
        let (namespace, name) = reference.resolve(from);
        let Some(realm) = find(&stores.realms, &namespace, &name) else {
            return Err(RefError::RealmNotFound { namespace, name });
        };
        let parent = Self {
            realm,
            namespace,
            name,
        };
        if parent.admits(stores, from) {
            Ok(parent)
        } else {
            Err(RefError::NotPermitted {
                field: "spec.realmRef",
                owner: format!("Realm {}/{}", parent.namespace, parent.name),
                namespace: from.to_owned(),
                grant: "spec.allowedClients.namespaces",
            })
        }
    }

    pub fn admits(&self, stores: &Stores, from: &str) -> bool {
        let spec = self.realm.0.as_ref().ok().map(|realm| &realm.spec);
        let allowed = spec.and_then(|spec| spec.allowed_clients.as_ref()?.namespaces.as_ref());
        stores.admits(allowed, &self.namespace, from)
    }

    /// Whether `reference` of a resource in `from` leads here too.
    pub fn is(&self, reference: &RealmRef, from: &str) -> bool {
        let (namespace, name) = reference.resolve(from);
        namespace == self.namespace && name == self.name
    }

    pub fn grants_admin_roles(&self) -> bool {
        let spec = self.realm.0.as_ref().ok().map(|realm| &realm.spec);
        let allowed = spec.and_then(|spec| spec.allowed_clients.as_ref()?.admin_roles);
        allowed == Some(Permission::Allow)
    }

    /// The server and the realm's name on it, once the realm is there and its owner's.
    ///
    /// # Errors
    /// The realm is not ready for what lives in it.
    pub async fn open(
        &self,
        context: &Context,
    ) -> Result<(ResolvedServerRef, Server, String), Problem> {
        let waits = |why: &str| {
            let message = format!("waits for Realm {}/{}: {why}", self.namespace, self.name);
            Problem::programmed(Reason::Pending, message)
        };
        let realm = self
            .realm
            .0
            .as_ref()
            .map_err(|_| waits("it is not valid"))?;
        let status = realm.status.as_ref();
        let there = status
            .is_some_and(|s| s.id.is_some() && s.realm.as_deref() == Some(realm.realm_name()));
        if !there {
            let ready = realm.conditions().iter().find(|c| c.type_ == "Ready");
            let why = ready
                .map(|c| c.reason.clone())
                .unwrap_or_else(|| "Pending".into());
            return Err(waits(&why));
        }
        let namespace = namespace_of(&realm.metadata);
        let server_ref = realm.spec.server_ref.resolve(namespace);
        let server = context
            .servers
            .connect(&context.stores, &server_ref)
            .await?;
        let server = server.ok_or_else(|| waits(&not_found(&server_ref).to_string()))?;
        Ok((server_ref, server, realm.realm_name().to_owned()))
    }
}
