//! What a client refers to: its realm, its secret, the identity provider it authenticates
//! through.

use kube::Resource;
use realmkeep_admin_client::FoundExt;
use realmkeep_crds::{Client, ClientAuth};
use realmkeep_plan::SecretInputs;
use realmkeep_sync::{RefError, SyncError, denied_privilege};

use crate::{
    conflict, context::Context, managed::Resolved, object::namespace, parent::Parent,
    problem::Problem, secrets,
};

pub async fn resolve(client: &Client, context: &Context) -> Result<Resolved, Problem> {
    let own = namespace(client.meta());
    let parent = Parent::find(&context.stores, &client.spec.realm_ref, own)?;

    let mut inputs = SecretInputs::new();
    if let Some(ClientAuth::ClientSecret(secret)) = &client.spec.auth {
        let field = "spec.auth.clientSecret.valueFrom";
        let input = secrets::resolve(&context.client, own, field, &secret.value_from).await?;
        inputs.insert("secret".into(), input);
    }

    if !parent.grants_admin_roles()
        && let Some(privilege) = denied_privilege(client)
    {
        return Err(SyncError::Denied(privilege).into());
    }
    refuse_conflicts(client, context, &parent)?;

    let (server_ref, server, realm) = parent.open(context).await?;
    if let Some((field, alias)) = provider(client) {
        let found = server
            .admin
            .identity_provider(&realm, &alias)
            .await
            .found()?;
        if found.is_none() {
            // Its resource may come later, and it may be made without one.
            let missing = RefError::IdentityProviderNotFound { field, alias };
            return Err(Problem::from(missing).transient());
        }
    }
    let owner = context.owner::<Client>(client.meta());
    Ok(Resolved {
        server_ref,
        server,
        desired: realmkeep_plan::client(client, &realm, owner, inputs),
    })
}

/// A client id and a federated subject belong to one client of the realm.
fn refuse_conflicts(client: &Client, context: &Context, parent: &Parent) -> Result<(), Problem> {
    let stores = &context.stores;
    let neighbour = |other: &Client| {
        let namespace = namespace(other.meta());
        parent.is(&other.spec.realm_ref, namespace) && parent.admits(stores, namespace)
    };
    conflict::refuse(
        client,
        &stores.clients,
        |other| other.client_id() == client.client_id() && neighbour(other),
        &format!("clientId {:?} of this realm", client.client_id()),
    )?;
    let subject = |client: &Client| {
        let namespace = namespace(client.meta());
        client
            .spec
            .auth
            .as_ref()
            .and_then(|auth| auth.federation(namespace))
    };
    let Some((provider, own)) = subject(client) else {
        return Ok(());
    };
    let wanted = Some((provider.clone(), own.clone()));
    conflict::refuse(
        client,
        &stores.clients,
        |other| subject(other) == wanted && neighbour(other),
        &format!(
            "subject {own:?} of identity provider {provider:?}, and a token could not tell the two apart"
        ),
    )
}

/// The identity provider that a client authenticates through, and the field that says so.
fn provider(client: &Client) -> Option<(&'static str, String)> {
    match client.spec.auth.as_ref()? {
        ClientAuth::ServiceAccount(account) => Some((
            "spec.auth.serviceAccount.provider",
            account.provider().to_owned(),
        )),
        ClientAuth::Federated(federated) => {
            Some(("spec.auth.federated.provider", federated.provider.clone()))
        }
        _ => None,
    }
}
