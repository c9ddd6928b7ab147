//! The key that encrypts a server's secrets at rest: made once, never changed.

use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Resource,
    api::{ObjectMeta, PostParams},
};
use realmkeep_crds::{IdentityServer, Reason};
use zeroize::Zeroizing;

use super::manifests::{self, MASTER_KEY, labels, master_key_name};
use crate::{
    context::Context,
    object::{is_owned_by, namespace, owner_reference},
    problem::Problem,
};

/// Makes the Secret when there is none; one that is there is used as it is.
///
/// # Errors
/// The Secret has no such key, or the API server refuses.
pub async fn ensure(server: &IdentityServer, context: &Context) -> Result<(), Problem> {
    let api: Api<Secret> = Api::namespaced(context.client.clone(), namespace(server.meta()));
    let name = master_key_name(server);
    if let Some(found) = api.get_opt(&name).await? {
        return check(server, &name, &found);
    }
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            labels: Some(labels(server)),
            // Without this key a volume that is kept cannot be read again.
            owner_references: (!manifests::keeps_data(server))
                .then(|| vec![owner_reference::<IdentityServer>(server.meta())]),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".into()),
        data: Some([(MASTER_KEY.to_owned(), ByteString(generate()?))].into()),
        ..Secret::default()
    };
    match api.create(&PostParams::default(), &secret).await {
        Ok(_) => {
            tracing::info!(
                server = server.meta().name,
                secret = name,
                "made the master key; keep a copy of it apart from the database"
            );
            Ok(())
        }
        // Somebody was faster; the next look checks it.
        Err(kube::Error::Api(e)) if e.code == 409 => Ok(()),
        Err(e) => Err(e.into()),
    }
}

fn check(server: &IdentityServer, name: &str, found: &Secret) -> Result<(), Problem> {
    let usable = found
        .data
        .as_ref()
        .is_some_and(|data| data.contains_key(MASTER_KEY));
    if !usable {
        let message =
            format!("Secret {name} has no key {MASTER_KEY}; put the server's master key back");
        return Err(Problem::programmed(Reason::KeyMissing, message));
    }
    let ours = is_owned_by(found.meta(), server.meta());
    let elsewhere = found
        .metadata
        .owner_references
        .iter()
        .flatten()
        .next()
        .is_some()
        && !ours;
    if elsewhere {
        // It would go with its owner, and the database with it.
        let message = format!(
            "Secret {name} belongs to another object; delete it, or name the server otherwise"
        );
        return Err(Problem::programmed(Reason::ForeignObject, message));
    }
    Ok(())
}

fn generate() -> Result<Vec<u8>, Problem> {
    let mut key = Zeroizing::new([0_u8; 32]);
    rand::fill(&mut *key).map_err(|_| {
        Problem::programmed(Reason::Pending, "no random bytes for a master key").transient()
    })?;
    Ok(STANDARD.encode(*key).into_bytes())
}
