//! The reconcilers, one per kind, while this replica leads.

use std::{convert::Infallible, sync::Arc};

use futures::{FutureExt, StreamExt, channel::mpsc::UnboundedReceiver, future::BoxFuture};
use kube::runtime::controller::{Action, Config, Error, applier};
use realmkeep_crds::{Client, IdentityProvider, Realm};
use tokio::task::JoinSet;

use crate::{
    context::Context,
    external_server, identity_server,
    managed::reconcile,
    object::{Guarded, GuardedRef, GuardedStore, Kind},
    queues::{Requests, requests},
};

/// Objects of one kind that are looked at together.
const TOGETHER: u16 = 8;

type Reconciler<K> =
    fn(Arc<Guarded<K>>, Arc<Context>) -> BoxFuture<'static, Result<Action, Infallible>>;

/// Runs until the queues are closed and what is under way has finished.
pub async fn run(context: &Arc<Context>, wanted: Requests) {
    let stores = &context.stores;
    let mut running = JoinSet::new();
    start(
        &mut running,
        context,
        &stores.identity_servers,
        wanted.identity_servers,
        |o, c| identity_server::reconcile(o, c).map(Ok).boxed(),
    );
    start(
        &mut running,
        context,
        &stores.external_servers,
        wanted.external_servers,
        |o, c| external_server::reconcile(o, c).map(Ok).boxed(),
    );
    start(
        &mut running,
        context,
        &stores.realms,
        wanted.realms,
        |o, c| reconcile::<Realm>(o, c).map(Ok).boxed(),
    );
    start(
        &mut running,
        context,
        &stores.identity_providers,
        wanted.identity_providers,
        |o, c| reconcile::<IdentityProvider>(o, c).map(Ok).boxed(),
    );
    start(
        &mut running,
        context,
        &stores.clients,
        wanted.clients,
        |o, c| reconcile::<Client>(o, c).map(Ok).boxed(),
    );
    while running.join_next().await.is_some() {}
}

fn start<K: Kind>(
    running: &mut JoinSet<()>,
    context: &Arc<Context>,
    store: &GuardedStore<K>,
    wanted: UnboundedReceiver<GuardedRef<K>>,
    reconciler: Reconciler<K>,
) {
    let looks = applier(
        reconciler,
        |_, never: &Infallible, _| match *never {},
        context.clone(),
        store.clone(),
        requests(wanted),
        Config::default().concurrency(TOGETHER),
    );
    running.spawn(looks.for_each(|look| async move {
        match look {
            // It went before it was looked at.
            Ok(_) | Err(Error::ObjectNotFound(_)) => {}
            Err(e) => tracing::error!(kind = K::KIND, error = %e, "the reconciler failed"),
        }
    }));
}
