//! What a realm refers to: its server, its mail server's password.

use kube::Resource;
use realmkeep_crds::{AllowedNamespaces, Realm, ResolvedServerRef, ServerKind};
use realmkeep_plan::SecretInputs;
use realmkeep_sync::RefError;

use crate::{
    conflict,
    context::Context,
    managed::Resolved,
    object::namespace,
    problem::Problem,
    secrets,
    server_client::not_found,
    stores::{Stores, find},
};

pub async fn resolve(realm: &Realm, context: &Context) -> Result<Resolved, Problem> {
    let own = namespace(realm.meta());
    let server_ref = realm.spec.server_ref.resolve(own);
    permitted(&context.stores, &server_ref, own)?;

    let mut inputs = SecretInputs::new();
    let smtp = realm.spec.smtp.as_ref();
    if let Some(credentials) = smtp.and_then(|smtp| smtp.credentials.as_ref()) {
        let field = "spec.smtp.credentials.password";
        let input = secrets::resolve(&context.client, own, field, &credentials.password).await?;
        inputs.insert("smtpServer.password".into(), input);
    }

    conflict::refuse(
        realm,
        &context.stores.realms,
        |other| {
            let namespace = namespace(other.meta());
            other.realm_name() == realm.realm_name()
                && other.spec.server_ref.resolve(namespace) == server_ref
                && permitted(&context.stores, &server_ref, namespace).is_ok()
        },
        &format!("realm {:?} of this server", realm.realm_name()),
    )?;

    let server = context
        .servers
        .connect(&context.stores, &server_ref)
        .await?;
    let server = server.ok_or_else(|| not_found(&server_ref))?;
    let owner = context.owner::<Realm>(realm.meta());
    Ok(Resolved {
        server_ref,
        server,
        desired: realmkeep_plan::realm(realm, owner, inputs),
    })
}

/// Whether a realm in `from` may be on the server.
fn permitted(stores: &Stores, server: &ResolvedServerRef, from: &str) -> Result<(), RefError> {
    let ResolvedServerRef {
        kind,
        namespace,
        name,
    } = server;
    let allowed: Option<Option<AllowedNamespaces>> = match kind {
        ServerKind::IdentityServer => find(&stores.identity_servers, namespace, name).map(|s| {
            let spec = s.0.as_ref().ok().map(|s| &s.spec);
            spec.and_then(|spec| spec.allowed_realms.as_ref()?.namespaces.clone())
        }),
        ServerKind::ExternalServer => find(&stores.external_servers, namespace, name).map(|s| {
            let spec = s.0.as_ref().ok().map(|s| &s.spec);
            spec.and_then(|spec| spec.allowed_realms.as_ref()?.namespaces.clone())
        }),
    };
    let Some(allowed) = allowed else {
        return Err(not_found(server));
    };
    if stores.admits(allowed.as_ref(), namespace, from) {
        Ok(())
    } else {
        Err(RefError::NotPermitted {
            field: "spec.serverRef",
            owner: format!("{kind:?} {namespace}/{name}"),
            namespace: from.to_owned(),
            grant: "spec.allowedRealms.namespaces",
        })
    }
}
