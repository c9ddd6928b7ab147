//! What has to be looked at again when something else changes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use realmkeep_crds::{Client, ConditionType, IdentityProvider, Realm, ResolvedServerRef};

use crate::{
    context::Context,
    object::{Kind, name, namespace as namespace_of},
    queues::Queues,
    status::status_of,
    stores::{find, picked},
};

/// A server: its realms.
pub fn server(context: &Context, queues: &Queues, server: &ResolvedServerRef) {
    let realms = picked(&context.stores.realms, |realm, namespace| {
        realm.spec.server_ref.resolve(namespace) == *server
    });
    queues.realms.push_all(realms);
    // Others may have lost their URL to it.
    queues
        .identity_servers
        .push_all(picked(&context.stores.identity_servers, |other, _| {
            !is_ready(other)
        }));
    queues
        .external_servers
        .push_all(picked(&context.stores.external_servers, |other, _| {
            !is_ready(other)
        }));
}

/// A realm: what lives in it, and others that declare the same one.
pub fn realm(context: &Context, queues: &Queues, meta: &ObjectMeta) {
    let key = (namespace_of(meta).to_owned(), name(meta).to_owned());
    let stores = &context.stores;
    queues
        .identity_providers
        .push_all(picked(&stores.identity_providers, |p, namespace| {
            p.spec.realm_ref.resolve(namespace) == key
        }));
    queues
        .clients
        .push_all(picked(&stores.clients, |c, namespace| {
            c.spec.realm_ref.resolve(namespace) == key
        }));
    queues
        .realms
        .push_all(picked(&stores.realms, |other: &Realm, _| {
            other.meta().uid != meta.uid && !is_ready(other)
        }));
}

/// A client: others that may have lost their id or their subject to it.
pub fn client(context: &Context, queues: &Queues, meta: &ObjectMeta) {
    queues
        .clients
        .push_all(picked(&context.stores.clients, |other: &Client, _| {
            other.meta().uid != meta.uid && !is_ready(other)
        }));
}

/// An identity provider: the clients that authenticate through it, and others of its alias.
pub fn identity_provider(context: &Context, queues: &Queues, meta: &ObjectMeta) {
    let stores = &context.stores;
    let found = find(&stores.identity_providers, namespace_of(meta), name(meta));
    let alias = match found.as_ref().and_then(|p| p.0.as_ref().ok()) {
        Some(provider) => provider.alias().to_owned(),
        None => name(meta).to_owned(),
    };
    queues
        .clients
        .push_all(picked(&stores.clients, |client, namespace| {
            let federation = client
                .spec
                .auth
                .as_ref()
                .and_then(|a| a.federation(namespace));
            federation.is_some_and(|(provider, _)| provider == alias)
        }));
    queues.identity_providers.push_all(picked(
        &stores.identity_providers,
        |other: &IdentityProvider, _| other.meta().uid != meta.uid && !is_ready(other),
    ));
}

/// A Secret: whatever names it.
pub fn secret(context: &Context, queues: &Queues, in_namespace: &str, secret: &str) {
    fn names<K: Kind>(object: &K, namespace: &str, wanted: (&str, &str)) -> bool {
        namespace == wanted.0 && object.secret_names().contains(&wanted.1)
    }
    let wanted = (in_namespace, secret);
    let stores = &context.stores;
    queues
        .external_servers
        .push_all(picked(&stores.external_servers, |o, ns| {
            names(o, ns, wanted)
        }));
    queues
        .realms
        .push_all(picked(&stores.realms, |o, ns| names(o, ns, wanted)));
    queues
        .identity_providers
        .push_all(picked(&stores.identity_providers, |o, ns| {
            names(o, ns, wanted)
        }));
    queues
        .clients
        .push_all(picked(&stores.clients, |o, ns| names(o, ns, wanted)));
}

/// A namespace, whose labels decide who admits it: what in it refers to another one.
pub fn namespace(context: &Context, queues: &Queues, name: &str) {
    let stores = &context.stores;
    queues
        .external_servers
        .push_all(picked(&stores.external_servers, |_, own| own == name));
    let elsewhere = |other: &Option<String>, own: &str| {
        own == name && other.as_ref().is_some_and(|other| other != name)
    };
    queues.realms.push_all(picked(&stores.realms, |realm, own| {
        elsewhere(&realm.spec.server_ref.namespace, own)
    }));
    queues
        .identity_providers
        .push_all(picked(&stores.identity_providers, |p, own| {
            elsewhere(&p.spec.realm_ref.namespace, own)
        }));
    queues
        .clients
        .push_all(picked(&stores.clients, |client, own| {
            elsewhere(&client.spec.realm_ref.namespace, own)
        }));
}

fn is_ready(object: &impl Kind) -> bool {
    status_of(object.conditions(), ConditionType::Ready) == Some(true)
}
