//! `client_secret_jwt`: the client signs its assertion with its secret (OpenID Connect Core section 9).

use std::sync::Arc;

use realmkeep_jose::{Algorithm, VerifyingKey, verify};
use realmkeep_store::Client;

use super::presented::Presented;
use super::{Authenticated, attribute, client_jwt, refused, secrets};
use crate::context::Context;
use crate::error::OAuthError;

pub(super) const ID: &str = "client-secret-jwt";

pub(super) async fn authenticate(
    context: &Context,
    presented: &Presented,
    client: Arc<Client>,
) -> Result<Authenticated, OAuthError> {
    let jwt = match &presented.assertion {
        Some(assertion) => &assertion.jwt,
        None => {
            return Err(refused(
                "the client authenticates with a JWT signed with its secret, and no client_assertion was sent",
            ));
        }
    };
    client_jwt::check_owner(jwt, &client)?;
    let algorithm = jwt.unverified_algorithm();
    // The key decides: a public key's algorithm is never one for a secret.
    if !Algorithm::SYMMETRIC.contains(&algorithm) {
        return Err(OAuthError::invalid_assertion("Invalid signature algorithm")
            .because("client_assertion is not signed with the client's secret"));
    }
    client_jwt::check_algorithm(jwt, &client)?;
    let live = secrets::live(&client, context.now).map_err(refused)?;
    let mut verified = None;
    let mut reason = String::new();
    for secret in &live {
        let key = VerifyingKey::from_secret(algorithm, "", secret.expose().as_bytes());
        match key.map_err(Into::into).and_then(|key| verify(jwt, &key)) {
            Ok(token) => verified = Some(token),
            Err(e) => reason = e.to_string(),
        }
    }
    let verified = verified.ok_or_else(|| refused(format!("client_assertion: {reason}")))?;
    let assertion = client_jwt::check_claims(context, &client, &verified).await?;
    Ok(Authenticated {
        client,
        method: ID,
        assertion: Some(assertion),
        basic_realm: None,
    })
}

/// Whether a request with a symmetric signature may be for this client at all.
pub(super) fn is_for(client: &Client) -> bool {
    let own = client.representation.client_authenticator_type.as_deref();
    own == Some(ID)
        && attribute(client, "token.endpoint.auth.signing.alg").is_none_or(|alg| {
            alg == "any" || alg.parse().is_ok_and(|alg: Algorithm| alg.is_symmetric())
        })
}
