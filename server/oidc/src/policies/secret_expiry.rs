//! A client that comes for tokens under rules for the rotation of its secret, for the first time: from
//! now on the secret ends.

use realmkeep_model::secret_rotation::{self, SecretRotation};
use realmkeep_representations::ClientRepresentation;
use realmkeep_store::{Batch, StoreError, Touch};

use crate::context::Context;

/// Gives the client's secret an end, when it has none.
pub(crate) async fn begin(
    context: &Context,
    client: &ClientRepresentation,
    rotation: &SecretRotation,
) -> Result<(), StoreError> {
    if client.secret.is_none() || secret_rotation::expiration(client).is_some() {
        return Ok(());
    }
    let (store, realm) = (&context.services.store, &context.realm);
    let id = client.id.as_deref().unwrap_or_default();
    // As it is now: the one in memory may be older.
    let Some(mut fresh) = store.find::<ClientRepresentation>(&realm.id, id).await? else {
        return Ok(());
    };
    if secret_rotation::expiration(&fresh).is_some() {
        return Ok(());
    }
    let end = context.now.saturating_add(rotation.expiration);
    let attributes = fresh.attributes.get_or_insert_default();
    attributes.insert(secret_rotation::EXPIRATION.to_owned(), end.to_string());
    let mut batch = Batch::new();
    batch.push(store.update(&realm.id, &fresh)?);
    let client_id = fresh.client_id.clone().unwrap_or_default();
    batch.touch(Touch::Client(realm.id.clone(), client_id));
    store.commit(batch).await?;
    Ok(())
}
