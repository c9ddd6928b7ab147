//! What an identity provider refers to: its realm, its secrets.

use kube::Resource;
use realmkeep_crds::IdentityProvider;
use realmkeep_plan::SecretInputs;

use crate::{
    conflict, context::Context, managed::Resolved, object::namespace, parent::Parent,
    problem::Problem, secrets,
};

pub async fn resolve(provider: &IdentityProvider, context: &Context) -> Result<Resolved, Problem> {
    let own = namespace(provider.meta());
    let parent = Parent::find(&context.stores, &provider.spec.realm_ref, own)?;

    let mut inputs = SecretInputs::new();
    for (key, (field, from)) in provider.spec.secrets() {
        let input = secrets::resolve(&context.client, own, &field, &from).await?;
        inputs.insert(format!("config.{key}"), input);
    }

    conflict::refuse(
        provider,
        &context.stores.identity_providers,
        |other| {
            let namespace = namespace(other.meta());
            other.alias() == provider.alias()
                && parent.is(&other.spec.realm_ref, namespace)
                && parent.admits(&context.stores, namespace)
        },
        &format!("alias {:?} of this realm", provider.alias()),
    )?;

    let (server_ref, server, realm) = parent.open(context).await?;
    let owner = context.owner::<IdentityProvider>(provider.meta());
    Ok(Resolved {
        server_ref,
        server,
        desired: realmkeep_plan::identity_provider(provider, &realm, owner, inputs),
    })
}
