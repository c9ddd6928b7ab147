//! A token of the realm becomes the one that an identity provider gave for the same user (RFC 8693, as
//! Keycloak had it before). Tokens of providers are kept when users log in by them, which is not built:
//! until then the answer says how the user can link the account.

use http::StatusCode;
use realmkeep_authn::random;
use realmkeep_events::Event;
use realmkeep_jose::{base64url, sha256};
use url::Url;

use super::TokenRequest;
use super::external_exchange::{check_allowed, provider};
use super::token_exchange::{enforce, subject_token};
use crate::error::OAuthError;
use crate::issue::{TokenResponse, client_id};

pub(super) async fn exchange(
    request: &TokenRequest<'_>,
    event: &mut Event,
) -> Result<TokenResponse, OAuthError> {
    let named = request.form.value("requested_issuer").unwrap_or_default();
    let provider = provider(request, named).ok_or_else(|| {
        OAuthError::invalid_request("Invalid issuer")
            .event("unknown_identity_provider")
            .because("requested_issuer names no identity provider")
    })?;
    let alias = provider.alias.as_deref().unwrap_or_default();
    event.details.insert("requested_issuer", alias.to_owned());
    check_allowed(&request.client.representation, alias)?;
    enforce(request, Some(alias)).await?;
    let (subject, _) = subject_token(request).await?;
    event.user_id.clone_from(&subject.subject.user.id);
    let session = subject.session.as_ref();
    event.session_id = session.map(|session| session.id.clone());
    let mut links = subject.subject.user.federated_identities.iter().flatten();
    let linked = links.any(|link| link.identity_provider.as_deref() == Some(alias));
    let description = match linked {
        false => "identity provider is not linked",
        true => "identity provider is not linked, can only link to current user session",
    };
    let mut error = OAuthError::new(StatusCode::BAD_REQUEST, "not_linked", description);
    if let Some(session) = session {
        error.account_link_url = link_url(request, alias, &session.id).map(Box::new);
    }
    Err(error)
}

/// Where the user can link the account; the application adds `redirect_uri`. The hash proves that the
/// link was made for this session and client.
fn link_url(request: &TokenRequest<'_>, alias: &str, session_id: &str) -> Option<Url> {
    let own = client_id(request.client);
    let nonce = random::token(16);
    let hash = base64url(sha256(
        format!("{nonce}{session_id}{own}{alias}").as_bytes(),
    ));
    let mut url = Url::parse(&request.context.issuer).ok()?;
    url.path_segments_mut()
        .ok()?
        .extend(["broker", alias, "link"]);
    url.query_pairs_mut()
        .append_pair("nonce", &nonce)
        .append_pair("hash", &hash)
        .append_pair("client_id", own);
    Some(url)
}
