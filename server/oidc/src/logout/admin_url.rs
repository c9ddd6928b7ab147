//! A client's admin URL: where older adapters take orders from the server, as signed tokens.

use std::sync::Arc;

use realmkeep_authn::Services;
use realmkeep_authn::session_end::admin_url;
use realmkeep_jose::Algorithm;
use realmkeep_representations::ClientRepresentation;
use realmkeep_store::Realm;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::error::{OAuthError, chain};

/// Seconds that an order is good for.
const LIFESPAN: i64 = 30;

/// An order to the client.
pub(super) fn action(
    services: &Services,
    client: &ClientRepresentation,
    name: &str,
) -> Map<String, Value> {
    let mut action = Map::new();
    let expiry = services.clock.now().saturating_add(LIFESPAN);
    action.insert("id".to_owned(), Uuid::new_v4().to_string().into());
    action.insert("expiration".to_owned(), expiry.into());
    action.insert("resource".to_owned(), json!(client.client_id));
    action.insert("action".to_owned(), name.into());
    action
}

/// # Errors
/// When the realm has no key to sign with.
pub(super) async fn signed(
    services: &Services,
    realm: &Arc<Realm>,
    action: &Map<String, Value>,
) -> Result<String, OAuthError> {
    let default = realm.settings.default_signature_algorithm.as_deref();
    let algorithm = default
        .and_then(|name| name.parse::<Algorithm>().ok())
        .unwrap_or(Algorithm::Rs256);
    let key = services.keys.active_signing(realm, algorithm).await?;
    key.sign("JWT", action)
        .map_err(|e| OAuthError::internal(&e))
}

/// Who was told, and who could not be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    pub succeeded: Vec<String>,
    pub failed: Vec<String>,
}

impl Pushed {
    /// Takes in what another client came to.
    pub fn add(&mut self, other: Self) {
        self.succeeded.extend(other.succeeded);
        self.failed.extend(other.failed);
    }
}

/// Tells a client by its admin URL that tokens from before `not_before` (seconds since 1970) are good
/// no more. Nobody is told when it has no such URL.
pub async fn push_not_before(
    services: &Services,
    realm: &Arc<Realm>,
    client: &ClientRepresentation,
    not_before: i64,
) -> Pushed {
    let order = ("PUSH_NOT_BEFORE", "k_push_not_before");
    push(services, realm, client, order, not_before).await
}

/// Tells a client by its admin URL that all logins from before `not_before` (seconds since 1970) have
/// ended. Nobody is told when it has no such URL.
pub async fn push_logout(
    services: &Services,
    realm: &Arc<Realm>,
    client: &ClientRepresentation,
    not_before: i64,
) -> Pushed {
    let order = ("LOGOUT", "k_logout");
    push(services, realm, client, order, not_before).await
}

async fn push(
    services: &Services,
    realm: &Arc<Realm>,
    client: &ClientRepresentation,
    (name, path): (&str, &str),
    not_before: i64,
) -> Pushed {
    let mut pushed = Pushed::default();
    let Some(url) = admin_url(client) else {
        return pushed;
    };
    let address = format!("{url}/{path}");
    let mut order = action(services, client, name);
    order.insert("notBefore".to_owned(), not_before.into());
    let answer = match signed(services, realm, &order).await {
        Ok(token) => {
            let http = services.remote_keys.http();
            let answer = http.post_text(&address, "text/plain", token).await;
            answer.map_err(|error| chain(&error)).and_then(|answer| {
                let good = (200..300).contains(&answer.status);
                good.then_some(())
                    .ok_or_else(|| format!("it answered with status {}", answer.status))
            })
        }
        Err(error) => Err(error.description.into_owned()),
    };
    match answer {
        Ok(()) => pushed.succeeded.push(url),
        Err(reason) => {
            let client = client.client_id.as_deref();
            tracing::warn!(client, order = name, reason, "an order was not pushed");
            pushed.failed.push(url);
        }
    }
    pushed
}
