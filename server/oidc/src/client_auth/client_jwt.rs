//! `private_key_jwt`: the client signs its assertion with its own key (RFC 7523 section 2.2,
//! RFC 10070 for the audience).

use std::sync::Arc;

use realmkeep_jose::validate::{Audience, Checks};
use realmkeep_jose::{JwkSet, KeySet, UnverifiedJwt, Verified, VerifyingKey, verify};
use realmkeep_store::Client;

use super::federated_jwt::{check_type, claim_failure, once};
use super::presented::{Assertion, Presented};
use super::{AssertionDetails, Authenticated, attribute, certificate, refused};
use crate::context::Context;
use crate::error::OAuthError;

pub(super) const ID: &str = "client-jwt";
/// Longest life of an assertion where the client does not set another, in seconds.
const MAX_LIFETIME: u32 = 300;
/// Clock skew that is forgiven, in seconds.
const LEEWAY: u32 = 10;

/// The client that the assertion says it is from.
pub(super) fn client_id(assertion: &Assertion) -> Result<String, OAuthError> {
    assertion
        .jwt
        .unverified_sub()
        .filter(|subject| !subject.is_empty() && subject.len() <= 512)
        .map(str::to_owned)
        .ok_or_else(|| OAuthError::invalid_client().because("client_assertion has no `sub`"))
}

pub(super) async fn authenticate(
    context: &Context,
    presented: &Presented,
    client: Arc<Client>,
) -> Result<Authenticated, OAuthError> {
    let jwt = match &presented.assertion {
        Some(assertion) => &assertion.jwt,
        None => {
            return Err(refused(
                "the client authenticates with a signed JWT, and no client_assertion was sent",
            ));
        }
    };
    check_owner(jwt, &client)?;
    if jwt.unverified_algorithm().is_symmetric() {
        return Err(OAuthError::invalid_assertion("Invalid signature algorithm")
            .because("client_assertion is not signed with an asymmetric algorithm"));
    }
    check_algorithm(jwt, &client)?;
    let key = key(context, &client, jwt).await?;
    let verified = verify(jwt, &key).map_err(|e| refused(format!("client_assertion: {e}")))?;
    let assertion = check_claims(context, &client, &verified).await?;
    Ok(Authenticated {
        client,
        method: ID,
        assertion: Some(assertion),
        basic_realm: None,
    })
}

/// The assertion has to be by the client about itself.
pub(super) fn check_owner(jwt: &UnverifiedJwt, client: &Client) -> Result<(), OAuthError> {
    let own_id = client.representation.client_id.as_deref();
    let own_id = own_id.unwrap_or_default();
    if jwt.unverified_sub() == Some(own_id) && jwt.unverified_iss() == Some(own_id) {
        return Ok(());
    }
    Err(refused(
        "`iss` and `sub` of client_assertion are not both the client's clientId",
    ))
}

/// The algorithm that the client is bound to, if it is.
pub(super) fn check_algorithm(jwt: &UnverifiedJwt, client: &Client) -> Result<(), OAuthError> {
    let pinned = attribute(client, "token.endpoint.auth.signing.alg")
        .filter(|algorithm| *algorithm != "any");
    if pinned.is_some_and(|algorithm| algorithm != jwt.unverified_algorithm().as_str()) {
        return Err(OAuthError::invalid_assertion("Invalid signature algorithm")
            .because("client_assertion is not signed with the algorithm the client is bound to"));
    }
    Ok(())
}

/// Type, audience (RFC 10070), times, and that it comes once.
pub(super) async fn check_claims(
    context: &Context,
    client: &Client,
    verified: &Verified,
) -> Result<AssertionDetails, OAuthError> {
    let own_id = client.representation.client_id.as_deref();
    let own_id = own_id.unwrap_or_default();
    check_type(verified.typ())?;
    let audience = [context.issuer.clone()];
    let max_lifetime = attribute(client, "token.endpoint.auth.signing.max.exp")
        .and_then(|seconds| seconds.parse().ok())
        .filter(|seconds| *seconds > 0)
        .unwrap_or(MAX_LIFETIME);
    let checks = Checks {
        leeway: LEEWAY,
        audience: Audience::Sole(&audience),
        require_jti: true,
        max_age: Some(max_lifetime),
        max_lifetime: Some(max_lifetime),
        ..Checks::new(context.now)
    };
    checks.check(verified).map_err(claim_failure)?;
    once(context, own_id, verified, LEEWAY).await?;
    Ok(AssertionDetails {
        id: verified.jti().map(str::to_owned),
        issuer: own_id.to_owned(),
        subject: own_id.to_owned(),
    })
}

pub(crate) async fn key(
    context: &Context,
    client: &Client,
    jwt: &UnverifiedJwt,
) -> Result<VerifyingKey, OAuthError> {
    let (kid, algorithm) = (jwt.unverified_kid(), jwt.unverified_algorithm());
    let on = |name: &str| attribute(client, name) == Some("true");
    if on("use.jwks.url") {
        let url = attribute(client, "jwks.url")
            .ok_or_else(|| refused("the client's attribute jwks.url is empty"))?;
        let keys = context.services.remote_keys.of_url(url);
        return keys
            .find(kid, algorithm)
            .await
            .map_err(|e| refused(format!("the client's keys: {e}")));
    }
    if on("use.jwks.string") {
        let text = attribute(client, "jwks.string")
            .ok_or_else(|| refused("the client's attribute jwks.string is empty"))?;
        let jwks: JwkSet = serde_json::from_str(text)
            .map_err(|_| refused("the client's attribute jwks.string is not a JWK set"))?;
        return KeySet::from_jwks(&jwks)
            .find(kid, algorithm)
            .cloned()
            .map_err(|e| refused(format!("the client's keys: {e}")));
    }
    if let Some(text) = attribute(client, "jwt.credential.certificate") {
        return certificate::of_certificate(text).map_err(refused);
    }
    if let Some(text) = attribute(client, "jwt.credential.public.key") {
        return certificate::of_public_key(text).map_err(refused);
    }
    Err(refused(
        "the client has no keys; upload its certificate (jwt.credential.certificate), or set use.jwks.url and jwks.url, or use.jwks.string and jwks.string",
    ))
}
