//! What the realm's client policies say to clients that register and manage themselves; the registration
//! policies are asked as well (002:8733).

use realmkeep_authn::random;
use realmkeep_model::secret_rotation::{Occasion, SecretRotation};
use realmkeep_representations::{ClientRepresentation, SecretString};
use serde_json::{Map, Value};

use super::access::Access;
use crate::context::Context;
use crate::error::OAuthError;
use crate::policies::{Check, PolicyEvent, enforce};

/// Before the client is complete. `given` is what it said of itself.
pub(super) async fn register(
    context: &Context,
    access: &Access,
    given: &Map<String, Value>,
    client: &mut ClientRepresentation,
) -> Result<(), OAuthError> {
    // Policies may have another default.
    let names = ["token_endpoint_auth_method", "clientAuthenticatorType"];
    let method = client.client_authenticator_type.clone();
    if !names.iter().any(|name| given.contains_key(*name)) {
        client.client_authenticator_type = None;
    }
    enforce(Check {
        proposed: Some(&mut *client),
        author: Some(access.author()),
        ..Check::new(PolicyEvent::Register, context)
    })
    .await?;
    if client.client_authenticator_type.is_none() {
        client.client_authenticator_type = method;
    }
    super::check(context, client)
}

/// Once the client is complete.
pub(super) async fn registered(
    context: &Context,
    access: &Access,
    client: &mut ClientRepresentation,
) -> Result<(), OAuthError> {
    written(context, access, client, PolicyEvent::Registered).await
}

/// Before a change is complete; whether the client keeps its registration access token.
pub(super) async fn update(
    context: &Context,
    access: &Access,
    before: &ClientRepresentation,
    client: &mut ClientRepresentation,
) -> Result<bool, OAuthError> {
    let effects = enforce(Check {
        client: Some(before),
        proposed: Some(&mut *client),
        author: Some(access.author()),
        ..Check::new(PolicyEvent::Update, context)
    })
    .await?;
    super::check(context, client)?;
    Ok(effects.keep_registration_token)
}

/// Once the change is complete.
pub(super) async fn updated(
    context: &Context,
    access: &Access,
    client: &mut ClientRepresentation,
) -> Result<(), OAuthError> {
    written(context, access, client, PolicyEvent::Updated).await
}

async fn written(
    context: &Context,
    access: &Access,
    client: &mut ClientRepresentation,
    event: PolicyEvent,
) -> Result<(), OAuthError> {
    let effects = enforce(Check {
        proposed: Some(&mut *client),
        author: Some(access.author()),
        ..Check::new(event, context)
    })
    .await?;
    // The client's own rules count first.
    let own = SecretRotation::of(client).ok().flatten();
    if let Some(rotation) = effects.rotation.filter(|_| own.is_none()) {
        let fresh = || SecretString::new(random::token(32));
        rotation.apply(client, Occasion::Registration, context.now, fresh);
    }
    Ok(())
}
