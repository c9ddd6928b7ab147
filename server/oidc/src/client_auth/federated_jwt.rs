//! An assertion that an identity provider of the realm signed for the workload: a Kubernetes service
//! account token, or a token of another OpenID Connect issuer. No secret exists on either side.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use realmkeep_authn::RemoteKeyCache;
use realmkeep_jose::validate::{Audience, Checks, ClaimError};
use realmkeep_jose::{Verified, sha256, verify};
use realmkeep_representations::IdentityProviderRepresentation;
use realmkeep_store::clients::{FEDERATED_ISSUER, FEDERATED_SUBJECT};
use realmkeep_store::single_use::Space;
use realmkeep_store::workload_uses::Workload;
use realmkeep_store::{Client, Realm};
use realmkeep_workload_identity::RemoteKeys;

use super::presented::{Assertion, Presented, bad_algorithm};
use super::{
    AssertionDetails, Authenticated, assertion_condition, attribute, enabled_client,
    workload_record,
};
use crate::context::Context;
use crate::error::OAuthError;

pub(super) const ID: &str = "federated-jwt";
/// Issuer of the service account tokens of a cluster that does not say otherwise.
const KUBERNETES_ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
/// Longest life of a service account token where the provider does not set another, in seconds.
const KUBERNETES_MAX: u32 = 3600;
/// Longest life of an assertion of an OpenID Connect provider, in seconds.
const OIDC_MAX: u32 = 300;
/// Clock skew that is forgiven where the provider does not set another, in seconds.
const LEEWAY: u32 = 10;
/// Explicit types (RFC 8725 section 3.11) that an assertion may have. Tokens made for other purposes
/// name theirs: `at+jwt`, `logout+jwt`, `dpop+jwt`, …
const TYPES: [&str; 3] = ["JWT", "JOSE", "client-authentication+jwt"];

/// What an identity provider allows its assertions.
struct Provider<'a> {
    representation: &'a IdentityProviderRepresentation,
    alias: &'a str,
    issuer: &'a str,
    keys: RemoteKeys,
    max_lifetime: u32,
    leeway: u32,
    /// `jti` is required and counts once.
    single_use: bool,
    /// Audience that is accepted beside the realm's issuer.
    other_audience: Option<&'a str>,
}

/// None when the assertion is not from an identity provider of the realm: the client may have signed
/// it itself.
pub(super) async fn authenticate(
    context: &Context,
    presented: &Presented,
    assertion: &Assertion,
    workload: &mut Workload,
) -> Result<Option<Authenticated>, OAuthError> {
    let jwt = &assertion.jwt;
    let Some(issuer) = jwt.unverified_iss() else {
        return Ok(None);
    };
    let Some(provider) = provider(&context.realm, &context.services.remote_keys, issuer)? else {
        return Ok(None);
    };
    provider.alias.clone_into(&mut workload.provider);
    // A provider's keys are public: none of them is a shared secret.
    if assertion.is_symmetric() {
        return Err(bad_algorithm());
    }
    // The signature comes before the client is looked up: only who holds the provider's key learns
    // what subjects are known, or makes us search.
    let key = provider
        .keys
        .find(jwt.unverified_kid(), jwt.unverified_algorithm())
        .await
        .map_err(|e| unproven(format!("identity provider {}: {e}", provider.alias)))?;
    let verified = verify(jwt, &key).map_err(|e| unproven(format!("client_assertion: {e}")))?;
    let subject = verified
        .sub()
        .filter(|subject| !subject.is_empty())
        .ok_or_else(|| unproven("client_assertion has no `sub`"))?;
    workload_record::proven(workload, subject, &verified);
    let given = presented.client_id.as_deref();
    let client = client_of(context, provider.alias, subject, given).await?;
    workload.client_id = client.representation.id.clone().unwrap_or_default();
    let own_id = client
        .representation
        .client_id
        .as_deref()
        .unwrap_or_default();
    if let Some(given) = &presented.client_id
        && given != own_id
    {
        enabled_client(context, given).await?;
        return Err(OAuthError::invalid_assertion(
            "client_id parameter does not match authenticated client",
        ));
    }
    check_type(verified.typ())?;
    let mut audiences = vec![context.issuer.clone()];
    audiences.extend(provider.other_audience.map(str::to_owned));
    let checks = Checks {
        leeway: provider.leeway,
        issuer: Some(provider.issuer),
        audience: Audience::Sole(&audiences),
        require_jti: provider.single_use,
        max_age: Some(provider.max_lifetime),
        max_lifetime: Some(provider.max_lifetime),
        ..Checks::new(context.now)
    };
    checks.check(&verified).map_err(claim_failure)?;
    assertion_condition::check(provider.representation, &verified)?;
    if provider.single_use {
        once(context, provider.issuer, &verified, provider.leeway).await?;
    }
    let details = AssertionDetails {
        id: verified.jti().map(str::to_owned),
        issuer: provider.issuer.to_owned(),
        subject: subject.to_owned(),
    };
    Ok(Some(Authenticated {
        client,
        method: ID,
        assertion: Some(details),
        basic_realm: None,
    }))
}

/// The one enabled provider that vouches for clients with this issuer.
fn provider<'a>(
    realm: &'a Realm,
    keys: &RemoteKeyCache,
    issuer: &str,
) -> Result<Option<Provider<'a>>, OAuthError> {
    let mut matching = realm
        .identity_providers
        .iter()
        .filter(|provider| provider.enabled != Some(false) && issuer_of(provider) == Some(issuer));
    let Some(found) = matching.next() else {
        return Ok(None);
    };
    if matching.next().is_some() {
        return Err(unproven(
            "several enabled identity providers have this issuer; keep one",
        ));
    }
    let alias = found.alias.as_deref().unwrap_or_default();
    let set = |name: &str| config(found, name);
    let seconds = |name: &str| set(name).and_then(|value| value.parse::<u32>().ok());
    let leeway = seconds("allowedClockSkew").unwrap_or(LEEWAY);
    let max_lifetime = seconds("fedClientAssertionMaxExp").filter(|max| *max > 0);
    let own_issuer = issuer_of(found).unwrap_or_default();
    if found.provider_id.as_deref() == Some("kubernetes") {
        return Ok(Some(Provider {
            representation: found,
            alias,
            issuer: own_issuer,
            keys: keys.of_cluster(own_issuer),
            max_lifetime: max_lifetime.unwrap_or(KUBERNETES_MAX),
            leeway,
            // The kubelet keeps a token for minutes; each use of it is the same token.
            single_use: false,
            other_audience: None,
        }));
    }
    if set("validateSignature") == Some("false") {
        return Err(unproven(format!(
            "identity provider {alias} does not validate signatures (validateSignature); assertions need it"
        )));
    }
    let keys = match set("jwksUrl") {
        Some(url) if set("useJwksUrl") != Some("false") => keys.of_url(url),
        _ if set("publicKeySignatureVerifier").is_some() => {
            return Err(unproven(format!(
                "identity provider {alias}: publicKeySignatureVerifier is not supported yet; set useJwksUrl and jwksUrl"
            )));
        }
        _ => keys.of_issuer(own_issuer),
    };
    Ok(Some(Provider {
        representation: found,
        alias,
        issuer: own_issuer,
        keys,
        max_lifetime: OIDC_MAX,
        leeway,
        single_use: set("supportsClientAssertionReuse") != Some("true"),
        other_audience: set("clientId").filter(|_| set("allowClientIdAsAudience") == Some("true")),
    }))
}

/// The issuer whose tokens the provider accepts as client assertions, if it accepts any.
fn issuer_of(provider: &IdentityProviderRepresentation) -> Option<&str> {
    match provider.provider_id.as_deref()? {
        "kubernetes" => Some(config(provider, "issuer").unwrap_or(KUBERNETES_ISSUER)),
        "oidc" | "keycloak-oidc"
            if config(provider, "supportsClientAssertions") == Some("true") =>
        {
            config(provider, "issuer")
        }
        _ => None,
    }
}

pub(super) fn config<'a>(
    provider: &'a IdentityProviderRepresentation,
    name: &str,
) -> Option<&'a str> {
    provider
        .config
        .as_ref()?
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

/// The client that is bound to this subject of this provider; of several, the one that is named.
pub(super) async fn client_of(
    context: &Context,
    alias: &str,
    subject: &str,
    named: Option<&str>,
) -> Result<Arc<Client>, OAuthError> {
    let found = context
        .services
        .store
        .federated_clients(&context.realm, alias, subject)
        .await?;
    let client_id = match found.as_slice() {
        [one] => one,
        [] => {
            return Err(OAuthError::invalid_client().because(format!(
                "no client has {FEDERATED_ISSUER}={alias} and the assertion's subject as {FEDERATED_SUBJECT}"
            )));
        }
        several => match several.iter().find(|id| Some(id.as_str()) == named) {
            Some(one) => one,
            None => {
                return Err(unproven(format!(
                    "several clients are bound to the assertion's subject: {}; name one of them as client_id",
                    several.join(", ")
                )));
            }
        },
    };
    let client = enabled_client(context, client_id)
        .await
        .map_err(|e| OAuthError {
            // Outside, all of these look the same.
            event: e.event,
            reason: e.reason,
            ..OAuthError::invalid_client()
        })?;
    let bound = client.representation.client_authenticator_type.as_deref() == Some(ID)
        && client.representation.public_client != Some(true)
        && attribute(&client, FEDERATED_ISSUER) == Some(alias)
        && attribute(&client, FEDERATED_SUBJECT) == Some(subject);
    if !bound {
        return Err(unproven(format!(
            "client {client_id} is not set to authenticate with {ID}"
        )));
    }
    Ok(client)
}

/// Refuses tokens that say they are for something else.
pub(super) fn check_type(typ: Option<&str>) -> Result<(), OAuthError> {
    match typ {
        Some(typ) if !TYPES.iter().any(|known| known.eq_ignore_ascii_case(typ)) => {
            Err(OAuthError::invalid_assertion("Invalid token type").because(
                "`typ` of client_assertion names another purpose than client authentication",
            ))
        }
        _ => Ok(()),
    }
}

/// Counts an assertion once, by its `jti`, until it has ended.
pub(super) async fn once(
    context: &Context,
    issuer: &str,
    assertion: &Verified,
    leeway: u32,
) -> Result<(), OAuthError> {
    let jti = assertion.jti().unwrap_or_default();
    // Lengths keep the parts apart.
    let owner = format!("{}\n{}\n{issuer}\n{jti}", context.realm.id, issuer.len());
    let key = URL_SAFE_NO_PAD.encode(sha256(owner.as_bytes()));
    let until = assertion
        .exp()
        .unwrap_or(context.now)
        .saturating_add(i64::from(leeway) + 1);
    let first = context
        .services
        .store
        .mark_used(Space::ClientAssertion, &key, until)
        .await?;
    if first {
        Ok(())
    } else {
        Err(OAuthError::invalid_assertion("Token reuse detected"))
    }
}

/// The answers that existing clients know.
pub(super) fn claim_failure(error: ClaimError) -> OAuthError {
    let text = match error {
        ClaimError::MissingAudience | ClaimError::WrongAudience => "Invalid token audience",
        ClaimError::MultipleAudiences => "Multiple audiences not allowed",
        ClaimError::MissingExpiry => "Token exp claim is required",
        ClaimError::Expired | ClaimError::NotYetValid => "Token is not active",
        ClaimError::IssuedInFuture => "Token was issued in the future",
        ClaimError::TooOld => "Token was issued too far in the past to be used now",
        ClaimError::AgeUnknown => {
            "Token expiration is too far in the future and iat claim not present in token"
        }
        ClaimError::LifetimeTooLong => "Token lifetime is too long",
        ClaimError::MissingJti => "Token jti claim is required",
        ClaimError::MissingIssuer | ClaimError::WrongIssuer | ClaimError::MissingSubject => {
            return unproven(error.to_string());
        }
    };
    OAuthError::invalid_assertion(text).because(error.to_string())
}

/// A client or provider that is not found, and a signature that is not good, look alike outside.
pub(super) fn unproven(reason: impl Into<String>) -> OAuthError {
    OAuthError::invalid_client()
        .event("invalid_client_credentials")
        .because(reason)
}
