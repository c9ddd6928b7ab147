//! Who an external token is about: a JWT by the issuer's keys, any other access token by asking the
//! issuer's UserInfo endpoint with it.

use realmkeep_jose::validate::{Audience, Checks};
use realmkeep_jose::{UnverifiedJwt, Verified, verify};
use realmkeep_representations::IdentityProviderRepresentation;
use realmkeep_workload_identity::{RemoteKeys, Secret};
use serde_json::{Map, Value};

use super::TokenRequest;
use super::token_exchange::{Kind, invalid_token};
use crate::error::OAuthError;

const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// Longest external token, in bytes.
const MAX_TOKEN: usize = 64 * 1024;
/// Clock skew that is forgiven where the provider does not set another, in seconds.
const LEEWAY: u32 = 10;
/// Kinds of identity providers whose tokens can be exchanged.
const KINDS: [&str; 3] = ["oidc", "keycloak-oidc", "kubernetes"];

/// An account at an identity provider.
pub(super) struct ExternalIdentity {
    /// `sub`.
    pub(super) subject: String,
    claims: Map<String, Value>,
}

impl ExternalIdentity {
    pub(super) fn claim(&self, name: &str) -> Option<&str> {
        let text = self.claims.get(name)?.as_str()?.trim();
        Some(text).filter(|text| !text.is_empty())
    }

    fn of(claims: &Map<String, Value>) -> Result<Self, OAuthError> {
        let subject = claims.get("sub").and_then(Value::as_str);
        let subject = subject.filter(|subject| !subject.is_empty() && subject.len() <= 255);
        let subject = subject.ok_or_else(|| invalid_token("the external token has no `sub`"))?;
        Ok(Self {
            subject: subject.to_owned(),
            claims: claims.clone(),
        })
    }
}

/// # Errors
/// `invalid_request` when the provider's tokens cannot be exchanged, or when the token is not good.
pub(super) async fn identify(
    request: &TokenRequest<'_>,
    provider: &IdentityProviderRepresentation,
) -> Result<ExternalIdentity, OAuthError> {
    let form = request.form;
    let token = form
        .value("subject_token")
        .ok_or_else(|| OAuthError::invalid_request("Missing parameter: subject_token"))?;
    if token.len() > MAX_TOKEN {
        return Err(invalid_token("the external token is too long"));
    }
    let kind = provider.provider_id.as_deref().unwrap_or_default();
    if !KINDS.contains(&kind) {
        return Err(invalid_token(
            "tokens of this kind of identity provider cannot be exchanged",
        ));
    }
    let always_jwt = kind != "oidc" || config(provider, "isAccessTokenJWT") == Some("true");
    match form.value("subject_token_type") {
        Some(name) if name == Kind::Id.name() => by_keys(request, provider, token, true).await,
        Some(JWT) => by_keys(request, provider, token, false).await,
        None => by_access_token(request, provider, token, always_jwt).await,
        Some(name) if name == Kind::Access.name() => {
            by_access_token(request, provider, token, always_jwt).await
        }
        Some(_) => Err(
            OAuthError::invalid_request("subject_token_type is not supported")
                .event("invalid_token_type"),
        ),
    }
}

async fn by_access_token(
    request: &TokenRequest<'_>,
    provider: &IdentityProviderRepresentation,
    token: &str,
    is_jwt: bool,
) -> Result<ExternalIdentity, OAuthError> {
    if is_jwt {
        by_keys(request, provider, token, false).await
    } else {
        by_user_info(request, provider, token).await
    }
}

/// The issuer's signature says it.
async fn by_keys(
    request: &TokenRequest<'_>,
    provider: &IdentityProviderRepresentation,
    token: &str,
    is_id_token: bool,
) -> Result<ExternalIdentity, OAuthError> {
    let context = request.context;
    let jwt = UnverifiedJwt::parse(token).map_err(|e| invalid_token(e.to_string()))?;
    if jwt.unverified_algorithm().is_symmetric() {
        return Err(invalid_token("an issuer's keys are public"));
    }
    let (issuer, keys) = keys(request, provider)?;
    let key = keys
        .find(jwt.unverified_kid(), jwt.unverified_algorithm())
        .await;
    let key = key.map_err(|e| invalid_token(e.to_string()))?;
    let verified = verify(&jwt, &key).map_err(|e| invalid_token(e.to_string()))?;
    check_type(&verified, is_id_token)?;
    let seconds = |name: &str| config(provider, name).and_then(|value| value.parse::<u32>().ok());
    let checks = Checks {
        leeway: seconds("allowedClockSkew").unwrap_or(LEEWAY),
        issuer: Some(issuer),
        audience: Audience::Unchecked,
        require_subject: true,
        ..Checks::new(context.now)
    };
    checks
        .check(&verified)
        .map_err(|e| invalid_token(e.to_string()))?;
    // For us, or for the client that we are there: otherwise any application of the issuer's could
    // log its users in here.
    let client_id = config(provider, "clientId");
    let audience = verified.aud();
    let ours = client_id.is_some_and(|id| audience.contains(&id));
    let for_realm = !is_id_token && audience.contains(&context.issuer.as_str());
    let issued_to_us = !is_id_token && client_id.is_some() && verified.str("azp") == client_id;
    if !ours && !for_realm && !issued_to_us {
        return Err(invalid_token("the external token is not for this realm"));
    }
    ExternalIdentity::of(verified.claims())
}

/// A token names its purpose where it has one (RFC 8725 section 3.11).
fn check_type(token: &Verified, is_id_token: bool) -> Result<(), OAuthError> {
    let known: &[&str] = match is_id_token {
        true => &["JWT", "id_token+jwt"],
        false => &["JWT", "at+jwt", "application/at+jwt"],
    };
    let fits = token
        .typ()
        .is_none_or(|typ| known.iter().any(|known| known.eq_ignore_ascii_case(typ)));
    // Keycloak's tokens name their kind in a claim.
    let kind = token.str("typ");
    let other = match is_id_token {
        true => kind.is_some_and(|kind| kind != "ID"),
        false => matches!(kind, Some("Refresh" | "Offline" | "Logout")),
    };
    if fits && !other {
        Ok(())
    } else {
        Err(invalid_token("the external token is for another purpose"))
    }
}

/// The issuer's identifier and keys.
fn keys<'a>(
    request: &TokenRequest<'_>,
    provider: &'a IdentityProviderRepresentation,
) -> Result<(&'a str, RemoteKeys), OAuthError> {
    let issuer = config(provider, "issuer")
        .ok_or_else(|| invalid_token("the identity provider has no issuer set"))?;
    let cache = &request.context.services.remote_keys;
    if provider.provider_id.as_deref() == Some("kubernetes") {
        return Ok((issuer, cache.of_cluster(issuer)));
    }
    if config(provider, "validateSignature") == Some("false") {
        return Err(invalid_token(
            "the identity provider does not validate signatures (validateSignature)",
        ));
    }
    let keys = match config(provider, "jwksUrl") {
        Some(url) if config(provider, "useJwksUrl") != Some("false") => cache.of_url(url),
        _ if config(provider, "publicKeySignatureVerifier").is_some() => {
            return Err(invalid_token(
                "publicKeySignatureVerifier is not supported; set useJwksUrl and jwksUrl",
            ));
        }
        _ => cache.of_issuer(issuer),
    };
    Ok((issuer, keys))
}

/// The issuer says it, asked with the token.
async fn by_user_info(
    request: &TokenRequest<'_>,
    provider: &IdentityProviderRepresentation,
    token: &str,
) -> Result<ExternalIdentity, OAuthError> {
    let url = config(provider, "userInfoUrl")
        .filter(|_| config(provider, "disableUserInfo") != Some("true"))
        .ok_or_else(|| invalid_token("the identity provider has no UserInfo endpoint set"))?;
    // It stands in a header.
    if !token.bytes().all(|c| c.is_ascii_graphic()) {
        return Err(invalid_token("the external token is not one line of ASCII"));
    }
    let http = request.context.services.remote_keys.http();
    let bearer = Secret::new(token);
    let answer = http
        .get_json::<Map<String, Value>>(url, "application/json", Some(&bearer))
        .await;
    let (claims, _) = answer.map_err(|e| invalid_token(format!("UserInfo endpoint: {e}")))?;
    ExternalIdentity::of(&claims)
}

pub(super) fn config<'a>(
    provider: &'a IdentityProviderRepresentation,
    name: &str,
) -> Option<&'a str> {
    let value = provider.config.as_ref()?.get(name)?;
    Some(value.as_str()).filter(|value| !value.is_empty())
}
