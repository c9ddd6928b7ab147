//! What goes out: the delegation of an authentication to the trusted entity, and the notification of
//! a client that its user answered.

use http::StatusCode;
use realmkeep_jose::{Algorithm, UnverifiedJwt, verify};
use realmkeep_store::Client;
use realmkeep_store::pending::PendingGrant;
use realmkeep_workload_identity::Secret;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::CibaRequest;
use crate::context::Context;
use crate::error::OAuthError;

/// Realm attribute: the entity that asks users, by its address.
const CHANNEL: &str = "cibaHttpAuthenticationChannelUri";
/// `typ` of the token that the entity answers with.
const TOKEN: &str = "CibaAuthenticationChannel";
/// What sealed notifications are for.
const SEAL: &str = "ciba-ping";

/// What the entity is told.
#[derive(Debug, Serialize)]
pub(super) struct Delegation {
    /// The username.
    pub(super) login_hint: String,
    pub(super) scope: String,
    pub(super) is_consent_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) binding_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) acr_values: Option<String>,
}

/// Who is to be notified, and how it knows that it is us.
#[derive(Serialize, Deserialize)]
struct Ping {
    endpoint: String,
    token: String,
    auth_req_id: String,
}

/// Hands the authentication over to the entity of the realm.
///
/// # Errors
/// `server_error` when there is none, or it does not accept.
pub(super) async fn delegate(
    context: &Context,
    client: &Client,
    grant: &PendingGrant<CibaRequest>,
    delegation: &Delegation,
) -> Result<(), OAuthError> {
    let failed = |reason: String| {
        OAuthError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "server_error",
            "Failed to send authentication request",
        )
        .because(reason)
    };
    let attributes = context.realm.settings.attributes.as_ref();
    let channel = attributes
        .and_then(|all| all.get(CHANNEL))
        .filter(|uri| !uri.is_empty())
        .ok_or_else(|| failed(format!("the realm attribute {CHANNEL} is not set")))?;
    let keys = &context.services.keys;
    let key = keys
        .active_signing(&context.realm, Algorithm::Hs512)
        .await?;
    let token = json!({
        "exp": grant.expires,
        "iat": context.now,
        "jti": Uuid::new_v4().to_string(),
        "iss": context.issuer,
        "aud": context.issuer,
        "sub": grant.id,
        "typ": TOKEN,
        "azp": client.representation.client_id,
    });
    let token = key
        .sign("JWT", &token)
        .map_err(|e| OAuthError::internal(&e))?;
    let http = context.services.remote_keys.http();
    let answer = http
        .post_json(channel, Some(&Secret::new(token)), delegation)
        .await
        .map_err(|e| failed(e.to_string()))?;
    if answer.status == 201 {
        Ok(())
    } else {
        Err(failed(format!(
            "the authentication channel answered with status {}",
            answer.status
        )))
    }
}

/// The id of the grant that a token of [`delegate`] is for.
///
/// # Errors
/// `access_denied` when it is another token, or has expired.
pub(super) async fn grant_of(context: &Context, token: &str) -> Result<String, OAuthError> {
    let refused = |reason: String| {
        OAuthError::new(
            StatusCode::FORBIDDEN,
            "access_denied",
            "Invalid authentication channel token",
        )
        .event("invalid_token")
        .because(reason)
    };
    let jwt = UnverifiedJwt::parse(token).map_err(|e| refused(e.to_string()))?;
    let keys = context.services.keys.internal_set(&context.realm).await?;
    let key = keys
        .find(jwt.unverified_kid(), jwt.unverified_algorithm())
        .map_err(|e| refused(e.to_string()))?;
    let token = verify(&jwt, key).map_err(|e| refused(e.to_string()))?;
    if token.str("typ") != Some(TOKEN) || token.iss() != Some(context.issuer.as_str()) {
        return Err(refused("it is a token for something else".to_owned()));
    }
    if token.exp().is_none_or(|exp| exp <= context.now) {
        return Err(refused("it has expired".to_owned()));
    }
    token
        .sub()
        .map(str::to_owned)
        .ok_or_else(|| refused("it names no request".to_owned()))
}

/// The notification's token and the request's id are credentials: sealed until they are used.
pub(super) fn seal_ping(
    context: &Context,
    auth_req_id: &str,
    (endpoint, token): (&str, String),
) -> Result<String, OAuthError> {
    let ping = Ping {
        endpoint: endpoint.to_owned(),
        token,
        auth_req_id: auth_req_id.to_owned(),
    };
    let seal = &context.services.cookies;
    Ok(seal.seal(&[SEAL, &context.realm.id], &ping)?)
}

/// Tells the client that its user answered (CIBA Core section 10.2), once; a client that misses it
/// polls.
pub(super) fn notify(context: &Context, sealed: &str) {
    let seal = &context.services.cookies;
    let Some(ping) = seal.open::<Ping>(&[SEAL, &context.realm.id], sealed) else {
        tracing::warn!(realm = %context.realm.name, "a CIBA notification cannot be unsealed");
        return;
    };
    let http = context.services.remote_keys.http().clone();
    tokio::spawn(async move {
        let body = json!({ "auth_req_id": ping.auth_req_id });
        let token = Secret::new(ping.token);
        match http.post_json(&ping.endpoint, Some(&token), &body).await {
            Ok(answer) if (200..300).contains(&answer.status) => {}
            Ok(answer) => {
                tracing::warn!(endpoint = %ping.endpoint, status = answer.status, "a CIBA notification was refused");
            }
            Err(e) => {
                tracing::warn!(endpoint = %ping.endpoint, error = %e, "a CIBA notification was not delivered");
            }
        }
    });
}
