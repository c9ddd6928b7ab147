//! Who the client is (RFC 6749 section 2.3): one file per authenticator.
//!
//! The client says who it is; its own settings say how it has to prove it. A proof of another kind
//! is refused, however good it is.

mod assertion_condition;
mod certificate;
mod client_jwt;
mod client_secret;
mod client_secret_jwt;
mod client_x509;
mod federated_jwt;
mod federated_spiffe;
mod presented;
mod public;
mod secrets;
mod workload_record;

use std::sync::Arc;

use http::HeaderMap;
use realmkeep_store::Client;
use realmkeep_store::workload_uses::Workload;

use crate::context::Context;
use crate::error::OAuthError;
use crate::form::Form;

use presented::{Assertion, Presented};

pub(crate) use client_jwt::key as client_key;

/// Names of the methods that work, as metadata lists them (RFC 8414 section 2).
pub const METHODS: [&str; 6] = [
    "private_key_jwt",
    "client_secret_basic",
    "client_secret_post",
    "tls_client_auth",
    "client_secret_jwt",
    "none",
];

/// A client that proved who it is, or a public one that only said so.
#[derive(Debug)]
pub struct Authenticated {
    pub client: Arc<Client>,
    /// The authenticator's id: `client-secret`, `federated-jwt`, …; `none` for a public client.
    pub method: &'static str,
    /// What the assertion said, for the event.
    pub assertion: Option<AssertionDetails>,
    /// Realm to name in `WWW-Authenticate` when HTTP Basic was used.
    pub basic_realm: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct AssertionDetails {
    pub id: Option<String>,
    pub issuer: String,
    pub subject: String,
}

/// Authenticates the client of a request to the token endpoint or one of its siblings.
///
/// # Errors
/// `invalid_client` and its like; the reason is in the error for the event.
pub async fn authenticate(
    context: &Context,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Authenticated, OAuthError> {
    let presented = Presented::read(headers, form)?;
    let basic_realm = presented.basic.then(|| context.realm.name.clone());
    match prove(context, &presented).await {
        Ok(mut authenticated) => {
            authenticated.basic_realm = basic_realm;
            Ok(authenticated)
        }
        Err(mut error) => {
            error.basic_realm = basic_realm.map(Into::into);
            Err(error)
        }
    }
}

async fn prove(context: &Context, presented: &Presented) -> Result<Authenticated, OAuthError> {
    if let Some(assertion) = &presented.assertion
        && let Some(federated) = federated(context, presented, assertion).await?
    {
        return Ok(federated);
    }
    let client_id = match (&presented.client_id, &presented.assertion) {
        (Some(id), _) => id.clone(),
        (None, Some(assertion)) => client_jwt::client_id(assertion)?,
        (None, None) => {
            return Err(OAuthError::invalid_client()
                .event("client_not_found")
                .because(
                    "the request names no client: no client_id, no HTTP Basic, no client_assertion",
                ));
        }
    };
    let client = enabled_client(context, &client_id).await?;
    let representation = &client.representation;
    if presented
        .assertion
        .as_ref()
        .is_some_and(Assertion::is_symmetric)
        && !client_secret_jwt::is_for(&client)
    {
        return Err(presented::bad_algorithm());
    }
    if representation.bearer_only == Some(true) {
        return Err(refused("a bearer-only client gets no tokens"));
    }
    if representation.public_client == Some(true) {
        return public::authenticate(presented, client);
    }
    let authenticator = representation
        .client_authenticator_type
        .as_deref()
        .unwrap_or(client_secret::ID);
    match authenticator {
        client_secret::ID => client_secret::authenticate(context, presented, client),
        client_secret_jwt::ID => client_secret_jwt::authenticate(context, presented, client).await,
        client_x509::ID => client_x509::authenticate(context, presented, client),
        client_jwt::ID => client_jwt::authenticate(context, presented, client).await,
        federated_jwt::ID => Err(OAuthError::invalid_client()
            .event("invalid_client_credentials")
            .because("the client authenticates with an assertion of a registered identity provider, and none was sent, or of another issuer")),
        other => Err(refused(format!(
            "clientAuthenticatorType {other} is not supported yet; choose client-secret, client-secret-jwt, client-jwt, client-x509 or federated-jwt"
        ))),
    }
}

/// The client whose workload an identity provider of the realm vouches for; None when the assertion is
/// of none of them.
async fn federated(
    context: &Context,
    presented: &Presented,
    assertion: &Assertion,
) -> Result<Option<Authenticated>, OAuthError> {
    let mut workload = Workload::default();
    let outcome = if assertion.spiffe {
        federated_spiffe::authenticate(context, presented, assertion, &mut workload)
            .await
            .map(Some)
    } else {
        federated_jwt::authenticate(context, presented, assertion, &mut workload).await
    };
    let known = outcome.as_ref().map(Option::as_ref);
    workload_record::remember(context, &workload, known).await;
    outcome
}

/// The client with this clientId, if it may act at all.
async fn enabled_client(context: &Context, client_id: &str) -> Result<Arc<Client>, OAuthError> {
    let client = context
        .services
        .store
        .client(&context.realm, client_id)
        .await?
        .ok_or_else(|| OAuthError::invalid_client().because("there is no such client"))?;
    let representation = &client.representation;
    if representation.enabled == Some(false) {
        return Err(OAuthError::invalid_client()
            .event("client_disabled")
            .because("the client is disabled"));
    }
    if representation
        .protocol
        .as_deref()
        .is_some_and(|protocol| protocol != "openid-connect")
    {
        return Err(refused("the client is not an OpenID Connect client"));
    }
    Ok(client)
}

/// A client that is known and did not prove itself.
fn refused(reason: impl Into<String>) -> OAuthError {
    OAuthError::unauthorized_client("Invalid client or Invalid client credentials")
        .event("invalid_client_credentials")
        .because(reason)
}

fn attribute<'a>(client: &'a Client, name: &str) -> Option<&'a str> {
    client
        .representation
        .attributes
        .as_ref()?
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}
