//! The watches: they fill the caches and say what has to be looked at.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    pin::pin,
    sync::Arc,
};

use futures::{Stream, StreamExt};
use k8s_openapi::{
    api::{
        apps::v1::StatefulSet,
        core::v1::{Namespace, Secret},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Client as KubeClient, Resource, ResourceExt,
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt,
        reflector::store::Writer,
        watcher::{self, Config, Event, watcher},
    },
};
use realmkeep_crds::{ALLOW_OPERATOR_LABEL, ResolvedServerRef, ServerKind};

use crate::{
    context::Context,
    dependents as of,
    identity_server::MANAGED_BY,
    object::{Guarded, GuardedRef, Kind, name, namespace},
    queues::{Queue, Queues},
    stores::Writers,
};

/// A person sets this annotation to have a resource looked at now.
const REQUESTED_AT: &str = "realmkeep.dev/reconcile-requested-at";

/// Starts every watch; they end with the runtime.
pub fn start(context: &Arc<Context>, writers: Writers) {
    let client = &context.client;
    start_kind(
        context,
        writers.identity_servers,
        |queues| &queues.identity_servers,
        |context, queues, meta| {
            of::server(
                context,
                queues,
                &server_ref(ServerKind::IdentityServer, meta),
            );
        },
    );
    start_kind(
        context,
        writers.external_servers,
        |queues| &queues.external_servers,
        |context, queues, meta| {
            of::server(
                context,
                queues,
                &server_ref(ServerKind::ExternalServer, meta),
            );
        },
    );
    start_kind(context, writers.realms, |queues| &queues.realms, of::realm);
    start_kind(
        context,
        writers.clients,
        |queues| &queues.clients,
        of::client,
    );
    start_kind(
        context,
        writers.identity_providers,
        |queues| &queues.identity_providers,
        of::identity_provider,
    );

    let api: Api<PartialObjectMeta<Namespace>> = Api::all(client.clone());
    let stream = watcher(api, Config::default())
        .default_backoff()
        .modify(|o| lighten(o.meta_mut()));
    follow(
        context,
        "Namespace",
        stream.reflect(writers.namespaces),
        |context, queues, meta| {
            of::namespace(context, queues, name(meta));
        },
    );
    // Without their values, and only those that we may read.
    let api: Api<PartialObjectMeta<Secret>> = Api::all(client.clone());
    let allowed = Config::default().labels(&format!("{ALLOW_OPERATOR_LABEL}=true"));
    let stream = watcher(api, allowed).default_backoff();
    follow(context, "Secret", stream, |context, queues, meta| {
        of::secret(context, queues, namespace(meta), name(meta));
    });
    let api: Api<PartialObjectMeta<StatefulSet>> = Api::all(client.clone());
    let ours = Config::default().labels(MANAGED_BY);
    let stream = watcher(api, ours).default_backoff();
    follow(context, "StatefulSet", stream, |_, queues, meta| {
        // It has the server's name.
        queues
            .identity_servers
            .push(GuardedRef::new(name(meta)).within(namespace(meta)));
    });
}

/// Watches one of the five kinds: the object itself is looked at when what a person writes has
/// changed, its dependents also when what they need of it has.
fn start_kind<K: Kind>(
    context: &Arc<Context>,
    writer: Writer<Guarded<K>>,
    queue: fn(&Queues) -> &Queue<K>,
    dependents: fn(&Context, &Queues, &ObjectMeta),
) {
    let context = context.clone();
    tokio::spawn(async move {
        let api: Api<Guarded<K>> = Api::all(KubeClient::clone(&context.client));
        let stream = watcher(api, Config::default())
            .default_backoff()
            .modify(|object| lighten(object.meta_mut()))
            .reflect(writer);
        let mut stream = pin!(stream);
        let mut seen: HashMap<String, (u64, u64)> = HashMap::new();
        while let Some(event) = stream.next().await {
            let event = match event {
                Ok(event) => event,
                Err(e) => {
                    tracing::warn!(kind = K::KIND, error = %e, "a watch failed and is started again");
                    continue;
                }
            };
            let queues = context.queues.get();
            match event {
                Event::Init => seen.clear(),
                Event::InitApply(object) => {
                    seen.insert(object.uid().unwrap_or_default(), prints(&object));
                }
                // What went while nobody watched has no event of its own.
                Event::InitDone => {
                    if let Some(queues) = queues {
                        queues.push_everything(&context.stores);
                    }
                }
                Event::Apply(object) => {
                    let prints = prints(&object);
                    let before = seen.insert(object.uid().unwrap_or_default(), prints);
                    let Some(queues) = queues else { continue };
                    if before.is_none_or(|before| before.0 != prints.0) {
                        queue(queues).push(GuardedRef::<K>::from_obj(&object));
                    }
                    if before != Some(prints) {
                        dependents(&context, queues, object.meta());
                    }
                }
                Event::Delete(object) => {
                    seen.remove(&object.uid().unwrap_or_default());
                    context.forget(object.meta());
                    if let Some(queues) = queues {
                        dependents(&context, queues, object.meta());
                    }
                }
            }
        }
        tracing::error!(kind = K::KIND, "a watch has ended");
    });
}

/// Watches something that others depend on and that is not looked at itself.
fn follow<K: Resource + Send + 'static>(
    context: &Arc<Context>,
    what: &'static str,
    stream: impl Stream<Item = Result<Event<K>, watcher::Error>> + Send + 'static,
    dependents: fn(&Context, &Queues, &ObjectMeta),
) {
    let context = context.clone();
    tokio::spawn(async move {
        let mut stream = pin!(stream);
        while let Some(event) = stream.next().await {
            let Some(queues) = context.queues.get() else {
                continue;
            };
            match event {
                Ok(Event::Apply(object) | Event::Delete(object)) => {
                    dependents(&context, queues, object.meta());
                }
                Ok(Event::InitDone) => queues.push_everything(&context.stores),
                Ok(Event::Init | Event::InitApply(_)) => {}
                Err(e) => {
                    tracing::warn!(kind = what, error = %e, "a watch failed and is started again")
                }
            }
        }
        tracing::error!(kind = what, "a watch has ended");
    });
}

/// What of an object concerns itself, and what its dependents.
fn prints<K: Kind>(object: &Guarded<K>) -> (u64, u64) {
    let hash = |value: &dyn Fn(&mut DefaultHasher)| {
        let mut hasher = DefaultHasher::new();
        value(&mut hasher);
        hasher.finish()
    };
    let meta = object.meta();
    let own = hash(&|hasher| {
        meta.generation.hash(hasher);
        meta.deletion_timestamp.is_some().hash(hasher);
        object.annotations().get(REQUESTED_AT).hash(hasher);
        meta.labels.hash(hasher);
    });
    let outward = object.0.as_ref().map(Kind::outward).unwrap_or_default();
    let outward = hash(&|hasher| (own, &outward).hash(hasher));
    (own, outward)
}

/// Leaves out what nobody reads, to keep the caches small.
fn lighten(meta: &mut ObjectMeta) {
    meta.managed_fields = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
}

fn server_ref(kind: ServerKind, meta: &ObjectMeta) -> ResolvedServerRef {
    ResolvedServerRef {
        kind,
        namespace: namespace(meta).into(),
        name: name(meta).into(),
    }
}
