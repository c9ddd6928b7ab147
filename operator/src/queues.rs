//! Which objects have to be looked at.

use futures::{
    Stream, StreamExt,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
};
use kube::runtime::controller::ReconcileRequest;
use realmkeep_crds::{Client, ExternalServer, IdentityProvider, IdentityServer, Realm};

use crate::{
    object::{Guarded, GuardedRef, GuardedStore, Kind},
    stores::Stores,
};

/// One queue; cheap to clone.
pub struct Queue<K: Kind>(UnboundedSender<GuardedRef<K>>);

pub struct Queues {
    pub identity_servers: Queue<IdentityServer>,
    pub external_servers: Queue<ExternalServer>,
    pub realms: Queue<Realm>,
    pub clients: Queue<Client>,
    pub identity_providers: Queue<IdentityProvider>,
}

/// The other ends.
pub struct Requests {
    pub identity_servers: UnboundedReceiver<GuardedRef<IdentityServer>>,
    pub external_servers: UnboundedReceiver<GuardedRef<ExternalServer>>,
    pub realms: UnboundedReceiver<GuardedRef<Realm>>,
    pub clients: UnboundedReceiver<GuardedRef<Client>>,
    pub identity_providers: UnboundedReceiver<GuardedRef<IdentityProvider>>,
}

impl<K: Kind> Queue<K> {
    pub fn push(&self, object: GuardedRef<K>) {
        // Closed while the program ends.
        let _ = self.0.unbounded_send(object);
    }

    pub fn push_all(&self, objects: impl IntoIterator<Item = GuardedRef<K>>) {
        for object in objects {
            self.push(object);
        }
    }

    fn push_store(&self, store: &GuardedStore<K>) {
        self.push_all(
            store
                .state()
                .iter()
                .map(|object| GuardedRef::<K>::from_obj(object)),
        );
    }
}

impl Queues {
    pub fn new() -> (Self, Requests) {
        let (identity_servers, identity_server_requests) = unbounded();
        let (external_servers, external_server_requests) = unbounded();
        let (realms, realm_requests) = unbounded();
        let (clients, client_requests) = unbounded();
        let (identity_providers, identity_provider_requests) = unbounded();
        let queues = Self {
            identity_servers: Queue(identity_servers),
            external_servers: Queue(external_servers),
            realms: Queue(realms),
            clients: Queue(clients),
            identity_providers: Queue(identity_providers),
        };
        let requests = Requests {
            identity_servers: identity_server_requests,
            external_servers: external_server_requests,
            realms: realm_requests,
            clients: client_requests,
            identity_providers: identity_provider_requests,
        };
        (queues, requests)
    }

    /// Everything there is.
    pub fn push_everything(&self, stores: &Stores) {
        self.identity_servers.push_store(&stores.identity_servers);
        self.external_servers.push_store(&stores.external_servers);
        self.realms.push_store(&stores.realms);
        self.identity_providers
            .push_store(&stores.identity_providers);
        self.clients.push_store(&stores.clients);
    }

    /// Lets what is under way finish and takes nothing more.
    pub fn close(&self) {
        self.identity_servers.0.close_channel();
        self.external_servers.0.close_channel();
        self.realms.0.close_channel();
        self.clients.0.close_channel();
        self.identity_providers.0.close_channel();
    }
}

/// As the runtime takes it.
pub fn requests<K: Kind>(
    receiver: UnboundedReceiver<GuardedRef<K>>,
) -> impl Stream<Item = Result<ReconcileRequest<Guarded<K>>, std::convert::Infallible>> {
    receiver.map(|object| Ok(object.into()))
}
