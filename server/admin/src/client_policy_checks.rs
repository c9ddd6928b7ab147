//! What the realm's client policies say to clients that administrators make, change and look at.

use realmkeep_model::secret_rotation::{Occasion, SecretRotation};
use realmkeep_oidc::context::Context;
use realmkeep_oidc::policies::{
    Author, Check, Effects, PolicyEvent, Violation, Writer, enforce, is_in_use,
};
use realmkeep_representations::ClientRepresentation;
use serde_json::json;

use crate::clients::new_secret;
use crate::error::{ApiError, ApiResult};
use crate::request::Cx;

impl From<Violation> for ApiError {
    fn from(violation: Violation) -> Self {
        let body = json!({
            "error": violation.error, "error_description": violation.description,
        });
        Self::with(violation.status, body)
    }
}

/// Before a client is complete: policies may set it up.
///
/// # Errors
/// What a policy refuses the client with.
pub async fn register(cx: &Cx, client: &mut ClientRepresentation) -> ApiResult<()> {
    ask(cx, PolicyEvent::Register, None, Some(client)).await?;
    Ok(())
}

/// Once a new client is complete.
///
/// # Errors
/// As [`register`].
pub async fn registered(cx: &Cx, client: &mut ClientRepresentation) -> ApiResult<()> {
    let effects = ask(cx, PolicyEvent::Registered, None, Some(client)).await?;
    rotate(cx, &effects, client, Occasion::Change);
    Ok(())
}

/// Before a change is complete.
///
/// # Errors
/// As [`register`].
pub async fn update(
    cx: &Cx,
    old: &ClientRepresentation,
    new: &mut ClientRepresentation,
) -> ApiResult<()> {
    ask(cx, PolicyEvent::Update, Some(old), Some(new)).await?;
    Ok(())
}

/// Once a change is complete.
///
/// # Errors
/// As [`register`].
pub async fn updated(cx: &Cx, new: &mut ClientRepresentation) -> ApiResult<()> {
    let effects = ask(cx, PolicyEvent::Updated, None, Some(new)).await?;
    rotate(cx, &effects, new, Occasion::Change);
    Ok(())
}

/// The rules that policies have for the secret of the client, which gets a new one.
///
/// # Errors
/// As [`register`].
pub async fn rotation(cx: &Cx, client: &ClientRepresentation) -> ApiResult<Option<SecretRotation>> {
    let mut client = client.clone();
    let effects = ask(cx, PolicyEvent::Updated, None, Some(&mut client)).await?;
    Ok(effects.rotation)
}

/// Before a client is shown, or deleted.
///
/// # Errors
/// As [`register`].
pub async fn seen(cx: &Cx, event: PolicyEvent, client: &ClientRepresentation) -> ApiResult<()> {
    ask(cx, event, Some(client), None).await?;
    Ok(())
}

async fn ask(
    cx: &Cx,
    event: PolicyEvent,
    client: Option<&ClientRepresentation>,
    proposed: Option<&mut ClientRepresentation>,
) -> ApiResult<Effects> {
    if !is_in_use(&cx.realm) {
        return Ok(Effects::default());
    }
    let ip = cx.ip_address().to_owned();
    let context = Context::beside(cx.services.clone(), cx.realm.clone(), ip);
    let author = Author {
        writer: Writer::AuthenticatedUser,
        subject: Some(cx.actor.subject.clone()),
    };
    let check = Check {
        client,
        proposed,
        author: Some(author),
        ..Check::new(event, &context)
    };
    Ok(enforce(check).await?)
}

/// The client's own rules count first.
fn rotate(cx: &Cx, effects: &Effects, client: &mut ClientRepresentation, occasion: Occasion) {
    let own = SecretRotation::of(client).ok().flatten();
    if let Some(rotation) = effects.rotation.filter(|_| own.is_none()) {
        rotation.apply(client, occasion, cx.services.clock.now(), new_secret);
    }
}
