//! What the watches have seen.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Resource,
    core::PartialObjectMeta,
    runtime::reflector::{ObjectRef, Store, store::Writer},
};
use realmkeep_crds::{
    AllowedNamespaces, Client, ExternalServer, IdentityProvider, IdentityServer, Realm,
};

use crate::object::{Guarded, GuardedRef, GuardedStore, Kind, namespace};

/// Caches of the five kinds and of the labels of namespaces.
#[derive(Clone)]
pub struct Stores {
    pub identity_servers: GuardedStore<IdentityServer>,
    pub external_servers: GuardedStore<ExternalServer>,
    pub realms: GuardedStore<Realm>,
    pub clients: GuardedStore<Client>,
    pub identity_providers: GuardedStore<IdentityProvider>,
    pub namespaces: Store<PartialObjectMeta<Namespace>>,
}

/// The other ends, for the watches.
pub struct Writers {
    pub identity_servers: Writer<Guarded<IdentityServer>>,
    pub external_servers: Writer<Guarded<ExternalServer>>,
    pub realms: Writer<Guarded<Realm>>,
    pub clients: Writer<Guarded<Client>>,
    pub identity_providers: Writer<Guarded<IdentityProvider>>,
    pub namespaces: Writer<PartialObjectMeta<Namespace>>,
}

impl Stores {
    pub fn new() -> (Self, Writers) {
        let writers = Writers {
            identity_servers: Writer::default(),
            external_servers: Writer::default(),
            realms: Writer::default(),
            clients: Writer::default(),
            identity_providers: Writer::default(),
            namespaces: Writer::default(),
        };
        let stores = Self {
            identity_servers: writers.identity_servers.as_reader(),
            external_servers: writers.external_servers.as_reader(),
            realms: writers.realms.as_reader(),
            clients: writers.clients.as_reader(),
            identity_providers: writers.identity_providers.as_reader(),
            namespaces: writers.namespaces.as_reader(),
        };
        (stores, writers)
    }

    /// Waits until every watch has listed what there is.
    pub async fn ready(&self) {
        // An error means that the watch has ended, which ends the program.
        let _ = tokio::join!(
            self.identity_servers.wait_until_ready(),
            self.external_servers.wait_until_ready(),
            self.realms.wait_until_ready(),
            self.clients.wait_until_ready(),
            self.identity_providers.wait_until_ready(),
            self.namespaces.wait_until_ready(),
        );
    }

    /// Whether a namespace carries a label with the value `"true"`.
    pub fn has_label(&self, namespace: &str, label: &str) -> bool {
        let found = self.namespaces.get(&ObjectRef::new(namespace));
        let labels = found.as_ref().and_then(|ns| ns.metadata.labels.as_ref());
        labels
            .and_then(|labels| labels.get(label))
            .is_some_and(|value| value == "true")
    }

    /// Whether an owner in `owner` admits resources of the namespace `from`.
    pub fn admits(&self, allowed: Option<&AllowedNamespaces>, owner: &str, from: &str) -> bool {
        let own = AllowedNamespaces::default();
        let found = self.namespaces.get(&ObjectRef::new(from));
        let labels = found.as_ref().and_then(|ns| ns.metadata.labels.as_ref());
        allowed.unwrap_or(&own).admits(owner, from, |key| {
            labels
                .and_then(|labels| labels.get(key))
                .map(String::as_str)
        })
    }
}

/// The object, when it is there.
pub fn find<K: Kind>(
    store: &GuardedStore<K>,
    namespace: &str,
    name: &str,
) -> Option<Arc<Guarded<K>>> {
    store.get(&GuardedRef::<K>::new(name).within(namespace))
}

/// All objects that are what their definition says, but those that are being deleted.
pub fn living<K: Kind>(store: &GuardedStore<K>) -> Vec<Arc<Guarded<K>>> {
    let mut all = store.state();
    all.retain(|object| object.0.is_ok() && object.meta().deletion_timestamp.is_none());
    all
}

/// The objects of one namespace and valid ones everywhere that `wanted` picks.
pub fn picked<K: Kind>(
    store: &GuardedStore<K>,
    wanted: impl Fn(&K, &str) -> bool,
) -> Vec<GuardedRef<K>> {
    let all = store.state();
    all.iter()
        .filter(|object| {
            let valid = object.0.as_ref().ok();
            valid.is_some_and(|k| wanted(k, namespace(object.meta())))
        })
        .map(|object| GuardedRef::<K>::from_obj(object))
        .collect()
}
