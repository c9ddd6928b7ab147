//! An assertion of a trusted issuer about a user becomes an access token (RFC 7523 section 2.1). The
//! issuer is an identity provider of the realm, the user is linked to its subject.

use realmkeep_authn::brute_force;
use realmkeep_events::Event;
use realmkeep_jose::validate::{Audience, Checks};
use realmkeep_jose::{Algorithm, UnverifiedJwt, base64url, sha256, verify};
use realmkeep_representations::{ClientRepresentation, IdentityProviderRepresentation};
use realmkeep_store::Batch;
use realmkeep_store::sessions::{ClientSessionDetail, UserSessionDetail};
use realmkeep_store::single_use::Space;

use super::{TokenRequest, offline};
use crate::error::OAuthError;
use crate::issue::{self, Extras, Grant, GrantKind, Place, TokenResponse};
use crate::policies::{Check, Effects, PolicyEvent};
use crate::scopes::Scopes;

pub(super) const NAME: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Client attributes: whether the client may use the grant, and aliases of the identity providers that
/// it may use it with, separated by `##`.
const ENABLED: &str = "oauth2.jwt.authorization.grant.enabled";
const PROVIDERS: &str = "oauth2.jwt.authorization.grant.idp";
/// Identity provider of this kind, or one of another with this setting.
const KIND: &str = "jwt-authorization-grant";
const PROVIDER_ENABLED: &str = "jwtAuthorizationGrantEnabled";
/// Longest life of an assertion where the provider does not set another, in seconds.
const MAX_LIFETIME: u32 = 300;
/// Clock skew that is forgiven where the provider does not set another, in seconds.
const LEEWAY: u32 = 10;

pub(super) async fn redeem(
    request: &TokenRequest<'_>,
    event: &mut Event,
) -> Result<TokenResponse, OAuthError> {
    let (context, client) = (request.context, request.client);
    let representation = &client.representation;
    check_client(representation)?;
    let text = request
        .form
        .value("assertion")
        .ok_or_else(|| OAuthError::invalid_request("Missing parameter: assertion"))?;
    let scopes = Scopes::resolve(&context.realm, representation, request.form.value("scope"))?;
    if offline::is_requested(&scopes) {
        return Err(OAuthError::invalid_scope(
            "Scope offline_access not allowed for the JWT authorization grant",
        ));
    }
    let (user_id, policy) = vouched_for(request, text, event).await?;
    let scopes = scopes.only(policy.scopes.as_ref());
    event.user_id = Some(user_id.clone());
    let services = &context.services;
    let subject = services.store.subject(&context.realm, &user_id).await?;
    let subject = subject.ok_or_else(|| refused("the user is gone"))?;
    if !brute_force::may_authenticate(services, &context.realm, &user_id).await? {
        return Err(refused("the user is locked out").event("user_temporarily_disabled"));
    }
    let login = UserSessionDetail {
        ip_address: context.ip.clone(),
        ..UserSessionDetail::default()
    };
    let session = offline::online(context, &user_id, login);
    event.session_id = Some(session.id.clone());
    let detail = ClientSessionDetail {
        scope: scopes.all(),
        ..ClientSessionDetail::default()
    };
    let extras = Extras {
        binding: request.binding.clone(),
        // The client can come again with another assertion.
        no_refresh_token: true,
        policy,
        ..Extras::default()
    };
    let grant = Grant {
        kind: GrantKind::JwtAuthorization,
        client,
        subject: &subject,
        session: Some(&session),
        scopes,
        nonce: None,
        client_session: Some(&detail),
    };
    let prepared = issue::prepare(context, grant).await?.with(extras);
    let begun = (&session, &detail);
    offline::write(request, event, &prepared, begun, Batch::new()).await?;
    prepared.sign(&Place::first())
}

fn check_client(client: &ClientRepresentation) -> Result<(), OAuthError> {
    if client.public_client == Some(true) {
        return Err(OAuthError::new(
            http::StatusCode::BAD_REQUEST,
            "unauthorized_client",
            "Public client not allowed to use authorization grant",
        )
        .event("invalid_client"));
    }
    if attribute(client, ENABLED) != Some("true") {
        return Err(OAuthError::new(
            http::StatusCode::BAD_REQUEST,
            "unauthorized_client",
            "JWT Authorization Grant is not supported for the requested client",
        )
        .event("not_allowed")
        .because(format!("the client's attribute {ENABLED} is not true")));
    }
    Ok(())
}

/// The id of the user whom a good assertion is about, and what the realm's policies wish of the answer.
async fn vouched_for(
    request: &TokenRequest<'_>,
    text: &str,
    event: &mut Event,
) -> Result<(String, Effects), OAuthError> {
    let context = request.context;
    let jwt = UnverifiedJwt::parse(text).map_err(|e| refused(e.to_string()))?;
    let issuer = jwt
        .unverified_iss()
        .ok_or_else(|| refused("the assertion has no `iss`"))?;
    let provider = provider(request, issuer)?;
    let alias = provider.alias.as_deref().unwrap_or_default();
    event.details.insert("identity_provider", alias.to_owned());
    let algorithm = jwt.unverified_algorithm();
    let pinned = config(provider, "jwtAuthorizationGrantAssertionSignatureAlg");
    if algorithm.is_symmetric()
        || pinned.is_some_and(|pinned| pinned.parse::<Algorithm>().ok() != Some(algorithm))
    {
        return Err(refused("the assertion is signed with another algorithm"));
    }
    let cache = &context.services.remote_keys;
    let keys = match config(provider, "jwksUrl") {
        Some(url) if config(provider, "useJwksUrl") != Some("false") => cache.of_url(url),
        _ => cache.of_issuer(issuer),
    };
    let key = keys.find(jwt.unverified_kid(), algorithm).await;
    let key = key.map_err(|e| refused(format!("identity provider {alias}: {e}")))?;
    let token = verify(&jwt, &key).map_err(|e| refused(e.to_string()))?;
    // An assertion is no token of another purpose (RFC 8725 section 3.11).
    if token.typ().is_some_and(|typ| {
        !["JWT", "authorization-grant+jwt", "oauth-id-jag+jwt"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(typ))
    }) {
        return Err(refused("`typ` of the assertion names another purpose"));
    }
    let seconds = |name: &str| config(provider, name).and_then(|value| value.parse::<u32>().ok());
    let leeway = seconds("jwtAuthorizationGrantAllowedClockSkew").unwrap_or(LEEWAY);
    let longest = seconds("jwtAuthorizationGrantMaxAllowedAssertionExpiration")
        .filter(|longest| *longest > 0)
        .unwrap_or(MAX_LIFETIME);
    let audience = [
        context.issuer.clone(),
        format!("{}/protocol/openid-connect/token", context.issuer),
    ];
    let reuse = config(provider, "jwtAuthorizationGrantAssertionReuseAllowed") == Some("true");
    let checks = Checks {
        leeway,
        issuer: Some(issuer),
        audience: Audience::Sole(&audience),
        require_subject: true,
        require_jti: !reuse,
        max_age: Some(longest),
        max_lifetime: Some(longest),
        ..Checks::new(context.now)
    };
    checks.check(&token).map_err(|e| refused(e.to_string()))?;
    let check = Check {
        assertion: Some(text),
        identity_provider: Some(alias),
        ..request.check(PolicyEvent::JwtAuthorizationGrant)
    };
    let policy = request.enforce(check).await?;
    let subject = token.sub().unwrap_or_default();
    let store = &context.services.store;
    let users = store
        .federated_users(&context.realm.id, alias, subject)
        .await?;
    let user = match users.as_slice() {
        [one] => one.clone(),
        [] => {
            return Err(
                refused("no user is linked to the assertion's subject").event("user_not_found")
            );
        }
        _ => {
            return Err(refused(
                "several users are linked to the assertion's subject; keep one link",
            ));
        }
    };
    if !reuse {
        // Counted last: a refused assertion is still good for who may use it.
        let jti = token.jti().unwrap_or_default();
        let owner = format!("{}\n{}\n{issuer}\n{jti}", context.realm.id, issuer.len());
        let key = base64url(sha256(owner.as_bytes()));
        let until = token.exp().unwrap_or(context.now);
        let until = until.saturating_add(i64::from(leeway) + 1);
        if !store.mark_used(Space::GrantAssertion, &key, until).await? {
            return Err(refused("the assertion was used before"));
        }
    }
    Ok((user, policy))
}

/// The one enabled provider with this issuer, if the client may use it.
fn provider<'a>(
    request: &TokenRequest<'a>,
    issuer: &str,
) -> Result<&'a IdentityProviderRepresentation, OAuthError> {
    let realm = &request.context.realm;
    let mut matching = realm.identity_providers.iter().filter(|provider| {
        let kind = provider.provider_id.as_deref();
        let grants = kind == Some(KIND) || config(provider, PROVIDER_ENABLED) == Some("true");
        provider.enabled != Some(false) && grants && config(provider, "issuer") == Some(issuer)
    });
    let found = match (matching.next(), matching.next()) {
        (Some(one), None) => one,
        (None, _) => {
            return Err(refused(
                "no enabled identity provider has the assertion's issuer and the JWT authorization grant",
            ));
        }
        (Some(_), Some(_)) => {
            return Err(refused(
                "several identity providers have the assertion's issuer; keep one",
            ));
        }
    };
    let alias = found.alias.as_deref();
    let allowed = attribute(&request.client.representation, PROVIDERS).unwrap_or_default();
    if allowed.split("##").any(|name| Some(name) == alias) {
        return Ok(found);
    }
    Err(refused(format!(
        "the client's attribute {PROVIDERS} does not name the identity provider"
    )))
}

fn config<'a>(provider: &'a IdentityProviderRepresentation, name: &str) -> Option<&'a str> {
    let value = provider.config.as_ref()?.get(name)?;
    Some(value.as_str()).filter(|value| !value.is_empty())
}

fn attribute<'a>(client: &'a ClientRepresentation, name: &str) -> Option<&'a str> {
    client.attributes.as_ref()?.get(name).map(String::as_str)
}

/// One answer for everything that can be wrong with an assertion; the event has the reason.
fn refused(reason: impl Into<String>) -> OAuthError {
    OAuthError::invalid_grant("Invalid assertion")
        .event("invalid_token")
        .because(reason)
}
