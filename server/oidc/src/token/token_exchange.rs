//! A token for one service becomes one for another (RFC 8693), for the same user and session: narrower
//! in scope and audience, never wider than what the requesting client may have.

use http::StatusCode;
use realmkeep_events::Event;
use realmkeep_representations::ClientRepresentation;
use realmkeep_store::sessions::ClientSessionDetail;
use realmkeep_store::{Batch, Store, StoreError};

use super::{TokenRequest, external_exchange, issuer_exchange, offline};
use crate::bearer::{self, Bearer, BearerError};
use crate::binding::Binding;
use crate::error::{OAuthError, chain};
use crate::issue::{self, Extras, Grant, GrantKind, Place, Prepared, TokenResponse, client_id};
use crate::policies::{Check, Effects, PolicyEvent};
use crate::scopes::{OPENID, Scopes};

pub(super) const NAME: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// Client attributes: whether the client may exchange tokens, and get refresh tokens by it.
const ENABLED: &str = "standard.token.exchange.enabled";
const REFRESH: &str = "standard.token.exchange.enableRefreshRequestedTokenType";
/// Most audiences in a request.
const MAX_AUDIENCES: usize = 20;

/// What can be asked for (RFC 8693 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Access,
    Refresh,
    Id,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Access, Self::Refresh, Self::Id];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Access => "urn:ietf:params:oauth:token-type:access_token",
            Self::Refresh => "urn:ietf:params:oauth:token-type:refresh_token",
            Self::Id => "urn:ietf:params:oauth:token-type:id_token",
        }
    }
}

pub(super) async fn exchange(
    request: &TokenRequest<'_>,
    event: &mut Event,
) -> Result<TokenResponse, OAuthError> {
    let (context, client) = (request.context, request.client);
    let representation = &client.representation;
    if context.services.features.token_exchange {
        if request.form.value("requested_issuer").is_some() {
            return issuer_exchange::exchange(request, event).await;
        }
        let issuer = request.form.value("subject_issuer");
        if issuer.is_some_and(|issuer| issuer != context.issuer) {
            return external_exchange::exchange(request, event).await;
        }
    }
    check_client(representation)?;
    let kind = wanted(request)?;
    let audience = audience(request)?;
    for name in &audience {
        event.details.insert("audience", name.clone());
    }
    let (subject_token, binding) = subject_token(request).await?;
    event.user_id.clone_from(&subject_token.subject.user.id);
    let session = subject_token.session.as_ref();
    event.session_id = session.map(|session| session.id.clone());
    // Who does not ask for scopes keeps `openid`, and with it the way to userinfo.
    let openid = subject_token
        .token
        .str("scope")
        .is_some_and(|scope| scope.split(' ').any(|name| name == OPENID));
    let asked_for = request.form.value("scope").or(openid.then_some(OPENID));
    let policy = enforce(request, None).await?;
    let scopes = Scopes::resolve(&context.realm, representation, asked_for)?;
    let scopes = scopes.only(policy.scopes.as_ref());
    if offline::is_requested(&scopes) {
        return Err(OAuthError::invalid_request(
            "Scope offline_access not allowed for token exchange",
        ));
    }
    if kind == Kind::Id && !scopes.openid {
        return Err(OAuthError::invalid_request(
            "Scope openid is needed for an ID token",
        ));
    }
    if kind == Kind::Refresh && session.is_none_or(|session| session.detail.offline) {
        return Err(OAuthError::invalid_request(
            "Refresh token not valid as requested_token_type because the subject token belongs to no login",
        ));
    }
    // The client's part in the session, from now on if not before.
    let own_id = representation.id.as_deref().unwrap_or_default();
    let mut batch = Batch::new();
    let detail = match session {
        None => None,
        Some(session) => {
            let store = &context.services.store;
            let found = store
                .find_client_session(&context.realm.id, &session.id, own_id)
                .await?;
            Some(match found {
                Some((_, part)) => part.detail,
                None => {
                    let detail = ClientSessionDetail {
                        scope: scopes.all(),
                        ..ClientSessionDetail::default()
                    };
                    batch.push(Store::put_client_session(
                        &session.id,
                        own_id,
                        context.now,
                        &detail,
                    )?);
                    detail
                }
            })
        }
    };
    let extras = Extras {
        binding,
        no_refresh_token: kind != Kind::Refresh,
        no_id_token: kind != Kind::Id,
        audience,
        issued_token_type: Some(kind.name()),
        policy,
        ..Extras::default()
    };
    let grant = Grant {
        kind: GrantKind::TokenExchange,
        client,
        subject: &subject_token.subject,
        session,
        scopes,
        nonce: None,
        client_session: detail.as_ref(),
    };
    let prepared = issue::prepare(context, grant).await?.with(extras);
    check_audience(&prepared)?;
    if !batch.is_empty() {
        request.stage(event, &prepared, &mut batch);
        match context.services.store.commit(batch).await {
            Ok(_) => {}
            Err(StoreError::Conflict(_)) => return Err(invalid_token("the session has ended")),
            Err(e) => return Err(e.into()),
        }
    }
    sign(prepared, kind)
}

/// Asks the realm's policies; `alias` is the identity provider that the subject token is of.
pub(super) async fn enforce(
    request: &TokenRequest<'_>,
    alias: Option<&str>,
) -> Result<Effects, OAuthError> {
    let form = request.form;
    let check = Check {
        scope: Some(form.value("scope").unwrap_or_default()),
        assertion: form.value("subject_token"),
        identity_provider: alias,
        ..request.check(PolicyEvent::TokenExchange)
    };
    request.enforce(check).await
}

/// What is sent for the wanted kind.
pub(super) fn sign(prepared: Prepared<'_>, kind: Kind) -> Result<TokenResponse, OAuthError> {
    let mut tokens = prepared.sign(&Place::first())?;
    if kind == Kind::Id {
        // RFC 8693 section 2.2.1: whatever it is, it is called an access token, and is none.
        tokens.access_token = tokens.id_token.take().unwrap_or_default();
        tokens.token_type = "N_A";
    }
    Ok(tokens)
}

/// # Errors
/// `invalid_request` when the token would not be for all that was asked for.
pub(super) fn check_audience(prepared: &Prepared<'_>) -> Result<(), OAuthError> {
    match prepared.missing_audience() {
        None => Ok(()),
        Some(missing) => {
            let shown: String = missing.chars().take(200).collect();
            Err(OAuthError::invalid_request(format!(
                "Requested audience not available: {shown}"
            )))
        }
    }
}

fn check_client(client: &ClientRepresentation) -> Result<(), OAuthError> {
    if client.public_client == Some(true) {
        return Err(OAuthError::new(
            StatusCode::BAD_REQUEST,
            "unauthorized_client",
            "Public client is not allowed to exchange token",
        )
        .event("invalid_client"));
    }
    if attribute(client, ENABLED) != Some("true") {
        return Err(OAuthError::invalid_request(
            "Standard token exchange is not enabled for the requested client",
        ));
    }
    Ok(())
}

/// The wanted kind of token. Parameters that ask for what is not done are refused: whoever left them
/// out silently would hand out another token than was asked for.
fn wanted(request: &TokenRequest<'_>) -> Result<Kind, OAuthError> {
    let form = request.form;
    for unsupported in [
        "actor_token",
        "actor_token_type",
        "resource",
        "requested_subject",
        "requested_issuer",
        "subject_issuer",
    ] {
        if form.value(unsupported).is_some() {
            return Err(OAuthError::invalid_request(format!(
                "Parameter '{unsupported}' is not supported for standard token exchange"
            )));
        }
    }
    match form.value("subject_token_type") {
        Some(name) if name == Kind::Access.name() => {}
        Some(_) => {
            return Err(OAuthError::invalid_request(
                "Parameter 'subject_token_type' supports access tokens only",
            ));
        }
        None => {
            return Err(OAuthError::invalid_request(
                "Missing parameter: subject_token_type",
            ));
        }
    }
    let kind = match form.value("requested_token_type") {
        None => Kind::Access,
        Some(name) => Kind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(unsupported)?,
    };
    let refresh = attribute(&request.client.representation, REFRESH) == Some("SAME_SESSION");
    if kind == Kind::Refresh && !refresh {
        return Err(unsupported());
    }
    Ok(kind)
}

pub(super) fn unsupported() -> OAuthError {
    OAuthError::invalid_request("requested_token_type unsupported")
}

pub(super) fn audience(request: &TokenRequest<'_>) -> Result<Vec<String>, OAuthError> {
    let names: Vec<String> = request.form.values("audience").map(str::to_owned).collect();
    if names.len() > MAX_AUDIENCES {
        return Err(OAuthError::invalid_request("Too many audiences"));
    }
    Ok(names)
}

/// The token that stands for the user, good now and meant for the requesting client; with what the new
/// tokens are bound to: a binding is kept (RFC 9449 section 5).
pub(super) async fn subject_token(
    request: &TokenRequest<'_>,
) -> Result<(Bearer, Binding), OAuthError> {
    let context = request.context;
    let text = request
        .form
        .value("subject_token")
        .ok_or_else(|| OAuthError::invalid_request("Missing parameter: subject_token"))?;
    let token = match bearer::signed_by_us(&context.services, &context.realm, text).await {
        Ok(token) if token.str("typ") == Some("Bearer") => token,
        Ok(_) => return Err(invalid_token("the subject token is not an access token")),
        Err(BearerError::Invalid(reason)) => return Err(invalid_token(reason)),
        Err(e) => return Err(OAuthError::internal(&chain(&e))),
    };
    let bound = Binding::of_token(&token);
    let proven = Binding {
        jkt: request.binding.jkt.clone(),
        x5t: context.certificate.as_ref().map(|c| c.thumbprint()),
    };
    if !proven.satisfies(&bound) {
        return Err(invalid_token(
            "the subject token is bound to a key or certificate that the request does not prove",
        ));
    }
    let found = match bearer::active(&context.services, &context.realm, token).await {
        Ok(found) => found,
        Err(BearerError::NotActive(reason)) => return Err(invalid_token(reason)),
        Err(e) => return Err(OAuthError::internal(&chain(&e))),
    };
    let own = client_id(request.client);
    if found.token.str("azp") != Some(own) && !found.token.aud().contains(&own) {
        return Err(OAuthError::new(
            StatusCode::FORBIDDEN,
            "access_denied",
            "Client is not within the token audience",
        )
        .event("not_allowed"));
    }
    let binding = Binding {
        jkt: request.binding.jkt.clone(),
        x5t: request.binding.x5t.clone().or(bound.x5t),
    };
    Ok((found, binding))
}

pub(super) fn invalid_token(reason: impl Into<String>) -> OAuthError {
    OAuthError::invalid_request("Invalid token")
        .event("invalid_token")
        .because(reason)
}

fn attribute<'a>(client: &'a ClientRepresentation, name: &str) -> Option<&'a str> {
    client.attributes.as_ref()?.get(name).map(String::as_str)
}
