//! A JWT-SVID as the proof (draft-ietf-oauth-spiffe-client-auth): the SPIFFE ID in `sub` names the
//! trust domain, whose bundle has the keys. `iss` is neither needed nor looked at.

use realmkeep_jose::validate::{Audience, Checks};
use realmkeep_jose::{Algorithm, verify};
use realmkeep_representations::IdentityProviderRepresentation;
use realmkeep_store::workload_uses::Workload;
use realmkeep_workload_identity::spiffe::SpiffeId;

use super::federated_jwt::{ID, claim_failure, client_of, config, unproven};
use super::presented::{Assertion, Presented};
use super::{AssertionDetails, Authenticated, assertion_condition, workload_record};
use crate::context::Context;
use crate::error::OAuthError;

/// `providerId` of the identity provider.
const PROVIDER: &str = "spiffe";
/// Greatest age of a JWT-SVID where the provider does not set another, in seconds.
const MAX_AGE: u32 = 300;
/// Clock skew that is forgiven where the provider does not set another, in seconds.
const LEEWAY: u32 = 10;
/// JWT-SVID section 2.1.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Es512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
];

/// The client that the JWT-SVID proves.
pub(super) async fn authenticate(
    context: &Context,
    presented: &Presented,
    assertion: &Assertion,
    workload: &mut Workload,
) -> Result<Authenticated, OAuthError> {
    let jwt = &assertion.jwt;
    let id: SpiffeId = jwt
        .unverified_sub()
        .unwrap_or_default()
        .parse()
        .map_err(|e| unproven(format!("client_assertion: `sub` is no SPIFFE ID: {e}")))?;
    if id.path().is_empty() {
        return Err(unproven(
            "client_assertion: `sub` names a trust domain and no workload",
        ));
    }
    let provider = provider(context, &id)?;
    let alias = provider.alias.as_deref().unwrap_or_default();
    alias.clone_into(&mut workload.provider);
    if !ALGORITHMS.contains(&jwt.unverified_algorithm()) {
        return Err(OAuthError::invalid_assertion("Invalid signature algorithm")
            .because("client_assertion: a JWT-SVID is signed with RSA or ECDSA"));
    }
    // JWT-SVID section 2.3. Whatever else the trust domain's keys sign says so.
    if jwt
        .unverified_typ()
        .is_some_and(|typ| !["JWT", "JOSE"].contains(&typ))
    {
        return Err(OAuthError::invalid_assertion("Invalid token type")
            .because("`typ` of client_assertion is not that of a JWT-SVID"));
    }
    let bundle = config(provider, "bundleEndpoint")
        .ok_or_else(|| unproven(format!("identity provider {alias} has no bundleEndpoint")))?;
    let key = context
        .services
        .remote_keys
        .of_spiffe_bundle(bundle)
        .find(jwt.unverified_kid(), jwt.unverified_algorithm())
        .await
        .map_err(|e| unproven(format!("identity provider {alias}: {e}")))?;
    let verified = verify(jwt, &key).map_err(|e| unproven(format!("client_assertion: {e}")))?;
    workload_record::proven(workload, id.as_str(), &verified);

    let client = client_of(context, alias, id.as_str(), presented.client_id.as_deref()).await?;
    workload.client_id = client.representation.id.clone().unwrap_or_default();
    let own_id = client.representation.client_id.as_deref();
    if presented.client_id.is_some() && presented.client_id.as_deref() != own_id {
        return Err(OAuthError::invalid_assertion(
            "client_id parameter does not match authenticated client",
        ));
    }
    let seconds = |name: &str| config(provider, name).and_then(|value| value.parse::<u32>().ok());
    let audiences = [context.issuer.clone()];
    let checks = Checks {
        leeway: seconds("allowedClockSkew").unwrap_or(LEEWAY),
        audience: Audience::Sole(&audiences),
        max_age: Some(
            seconds("fedClientAssertionMaxExp")
                .filter(|max| *max > 0)
                .unwrap_or(MAX_AGE),
        ),
        ..Checks::new(context.now)
    };
    checks.check(&verified).map_err(claim_failure)?;
    assertion_condition::check(provider, &verified)?;
    let details = AssertionDetails {
        id: verified.jti().map(str::to_owned),
        issuer: format!("spiffe://{}", id.trust_domain()),
        subject: id.to_string(),
    };
    Ok(Authenticated {
        client,
        method: ID,
        assertion: Some(details),
        basic_realm: None,
    })
}

/// The one enabled provider of the workload's trust domain.
fn provider<'a>(
    context: &'a Context,
    id: &SpiffeId,
) -> Result<&'a IdentityProviderRepresentation, OAuthError> {
    let domain = format!("spiffe://{}", id.trust_domain());
    let mut matching = context.realm.identity_providers.iter().filter(|provider| {
        provider.enabled != Some(false)
            && provider.provider_id.as_deref() == Some(PROVIDER)
            && config(provider, "trustDomain") == Some(domain.as_str())
    });
    match (matching.next(), matching.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(unproven(format!(
            "no enabled identity provider of type spiffe has the trust domain {domain}"
        ))),
        (Some(_), Some(_)) => Err(unproven(format!(
            "several enabled identity providers have the trust domain {domain}; keep one"
        ))),
    }
}
