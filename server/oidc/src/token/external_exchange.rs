//! A token of an identity provider becomes one of the realm, for the user who is linked to its subject
//! (RFC 8693, as Keycloak had it before). Who is not known yet gets an account.

use std::sync::Arc;

use http::StatusCode;
use realmkeep_authn::brute_force;
use realmkeep_authn::new_account::{NewAccount, new_user};
use realmkeep_events::Event;
use realmkeep_model::user_profile::Attributes;
use realmkeep_representations::{
    ClientRepresentation, FederatedIdentityRepresentation, IdentityProviderRepresentation,
};
use realmkeep_store::sessions::{ClientSessionDetail, UserSessionDetail};
use realmkeep_store::{Batch, Step, StoreError, Subject, Touch};

use super::external_identity::{ExternalIdentity, config, identify};
use super::token_exchange::{
    Kind, audience, check_audience, enforce, invalid_token, sign, unsupported,
};
use super::{TokenRequest, offline};
use crate::error::OAuthError;
use crate::issue::{self, Extras, Grant, GrantKind, TokenResponse};
use crate::scopes::Scopes;

/// Client attribute: aliases of the identity providers whose tokens the client may exchange, and that
/// it may get tokens of, separated by `##`.
const PROVIDERS: &str = "token.exchange.identity.providers";
/// Notes of a session that came from an identity provider.
const PROVIDER_NOTE: &str = "identity_provider";
const IDENTITY_NOTE: &str = "identity_provider_identity";
/// Longest name or address that is taken over, in bytes.
const MAX_NAME: usize = 255;

pub(super) async fn exchange(
    request: &TokenRequest<'_>,
    event: &mut Event,
) -> Result<TokenResponse, OAuthError> {
    let (context, client) = (request.context, request.client);
    let representation = &client.representation;
    for unsupported in [
        "actor_token",
        "actor_token_type",
        "resource",
        "requested_subject",
    ] {
        if request.form.value(unsupported).is_some() {
            return Err(OAuthError::invalid_request(format!(
                "Parameter '{unsupported}' is not supported for tokens of another issuer"
            )));
        }
    }
    let kind = wanted(request)?;
    let audience = audience(request)?;
    for name in &audience {
        event.details.insert("audience", name.clone());
    }
    let scopes = Scopes::resolve(&context.realm, representation, request.form.value("scope"))?;
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
    let named = request.form.value("subject_issuer").unwrap_or_default();
    let provider = provider(request, named).ok_or_else(|| {
        OAuthError::new(
            StatusCode::BAD_REQUEST,
            "invalid_issuer",
            "Invalid subject_issuer parameter",
        )
    })?;
    let alias = provider.alias.clone().unwrap_or_default();
    event.details.insert("identity_provider", alias.clone());
    check_allowed(representation, &alias)?;
    let policy = enforce(request, Some(&alias)).await?;
    let scopes = scopes.only(policy.scopes.as_ref());
    let identity = identify(request, provider).await?;
    event
        .details
        .insert("identity_provider_identity", identity.subject.clone());
    let (subject, mut steps) = user(request, provider, &identity).await?;
    let user_id = subject.user.id.clone().unwrap_or_default();
    event.user_id = Some(user_id.clone());
    let services = &context.services;
    if !brute_force::may_authenticate(services, &context.realm, &user_id).await? {
        return Err(invalid_token("the user is locked out").event("user_temporarily_disabled"));
    }
    let notes = [
        (PROVIDER_NOTE.to_owned(), alias),
        (IDENTITY_NOTE.to_owned(), identity.subject),
    ];
    let login = UserSessionDetail {
        ip_address: context.ip.clone(),
        notes: notes.into(),
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
        subject: &subject,
        session: Some(&session),
        scopes,
        nonce: None,
        client_session: Some(&detail),
    };
    let prepared = issue::prepare(context, grant).await?.with(extras);
    check_audience(&prepared)?;
    let mut batch = Batch::new();
    if !steps.is_empty() {
        batch.touch(Touch::User(context.realm.id.clone(), user_id));
    }
    for step in steps.drain(..) {
        batch.push(step);
    }
    let begun = (&session, &detail);
    match offline::write(request, event, &prepared, begun, batch).await {
        Ok(()) => {}
        // Somebody else made the account meanwhile.
        Err(StoreError::Conflict(_)) => return Err(exists("the username is taken by now")),
        Err(e) => return Err(e.into()),
    }
    sign(prepared, kind)
}

/// Without a wish: an access token, and one to refresh it with.
fn wanted(request: &TokenRequest<'_>) -> Result<Kind, OAuthError> {
    match request.form.value("requested_token_type") {
        None => Ok(Kind::Refresh),
        Some(name) => Kind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(unsupported),
    }
}

/// The one enabled provider with this alias, or else with this issuer.
pub(super) fn provider<'a>(
    request: &TokenRequest<'a>,
    named: &str,
) -> Option<&'a IdentityProviderRepresentation> {
    let realm = &request.context.realm;
    let mut enabled = realm
        .identity_providers
        .iter()
        .filter(|provider| provider.enabled != Some(false));
    if let Some(found) = enabled
        .clone()
        .find(|provider| provider.alias.as_deref() == Some(named))
    {
        return Some(found);
    }
    let mut matching = enabled
        .by_ref()
        .filter(|p| config(p, "issuer") == Some(named));
    let found = matching.next();
    found.filter(|_| matching.next().is_none())
}

/// # Errors
/// `access_denied` when the client may have nothing to do with the provider's tokens.
pub(super) fn check_allowed(client: &ClientRepresentation, alias: &str) -> Result<(), OAuthError> {
    let denied = |reason: String| {
        Err(OAuthError::new(
            StatusCode::FORBIDDEN,
            "access_denied",
            "Client not allowed to exchange",
        )
        .event("not_allowed")
        .because(reason))
    };
    if client.public_client == Some(true) {
        return denied("the client is public".to_owned());
    }
    let attributes = client.attributes.as_ref();
    let allowed = attributes.and_then(|all| all.get(PROVIDERS));
    if allowed.is_some_and(|all| all.split("##").any(|name| name == alias)) {
        return Ok(());
    }
    denied(format!(
        "the client's attribute {PROVIDERS} does not name the identity provider"
    ))
}

/// The user who is linked to the identity; or a new one, with the steps that write it.
async fn user(
    request: &TokenRequest<'_>,
    provider: &IdentityProviderRepresentation,
    identity: &ExternalIdentity,
) -> Result<(Arc<Subject>, Vec<Step>), OAuthError> {
    let context = request.context;
    let store = &context.services.store;
    let alias = provider.alias.as_deref().unwrap_or_default();
    let linked = store
        .federated_users(&context.realm.id, alias, &identity.subject)
        .await?;
    match linked.as_slice() {
        [] => import(request, provider, identity).await,
        [one] => {
            let found = store.subject(&context.realm, one).await?;
            let found = found.ok_or_else(|| invalid_token("the user is gone"))?;
            Ok((found, Vec::new()))
        }
        _ => Err(invalid_token(
            "several users are linked to the external subject; keep one link",
        )),
    }
}

/// An account for somebody who comes for the first time. It never becomes that of a user who is there:
/// an issuer's word about a name or an address is no proof of owning the account here.
async fn import(
    request: &TokenRequest<'_>,
    provider: &IdentityProviderRepresentation,
    identity: &ExternalIdentity,
) -> Result<(Arc<Subject>, Vec<Step>), OAuthError> {
    let context = request.context;
    let (realm, store) = (&context.realm, &context.services.store);
    let alias = provider.alias.as_deref().unwrap_or_default();
    if provider.link_only == Some(true) {
        return Err(invalid_token("the identity provider is for linking only"));
    }
    let email = taken_over(identity, "email")?.filter(|email| email.contains('@'));
    let preferred = taken_over(identity, "preferred_username")?;
    let own = format!("{alias}.{}", identity.subject);
    let by_email = realm.settings.registration_email_as_username == Some(true);
    let username = match (&email, preferred) {
        (Some(email), _) if by_email => email.clone(),
        (_, Some(name)) => name,
        (_, None) => own,
    };
    let username = username.to_lowercase();
    if store.find_user_named(&realm.id, &username).await?.is_some() {
        return Err(exists("the username is taken"));
    }
    if let Some(email) = &email
        && realm.settings.duplicate_emails_allowed != Some(true)
        && store.others_have_email(&realm.id, email, "").await?
    {
        return Err(exists("the address is taken"));
    }
    let trusted = provider.trust_email == Some(true) && email.is_some();
    let all = [
        ("username", Some(username.clone())),
        ("email", email.map(|email| email.to_lowercase())),
        ("firstName", taken_over(identity, "given_name")?),
        ("lastName", taken_over(identity, "family_name")?),
    ];
    let attributes: Attributes = all
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), vec![value?])))
        .collect();
    let mut user = new_user(realm, &attributes, context.services.clock.now_millis());
    user.email_verified = Some(trusted);
    user.federated_identities = Some(vec![FederatedIdentityRepresentation {
        identity_provider: Some(alias.to_owned()),
        user_id: Some(identity.subject.clone()),
        user_name: Some(username),
    }]);
    // What a new user has to do at a login is for a login to ask.
    let account = NewAccount::of(store, realm, user, Vec::new())?;
    Ok((account.subject, account.steps))
}

/// A claim that becomes part of an account.
fn taken_over(identity: &ExternalIdentity, claim: &str) -> Result<Option<String>, OAuthError> {
    let value = identity.claim(claim);
    let bad = value.is_some_and(|text| {
        text.len() > MAX_NAME
            || text
                .chars()
                .any(|c| c.is_control() || matches!(c, '<' | '>'))
    });
    if bad {
        return Err(invalid_token(format!(
            "`{claim}` is too long, or holds what no account may have"
        )));
    }
    Ok(value.map(str::to_owned))
}

fn exists(reason: &'static str) -> OAuthError {
    OAuthError::new(
        StatusCode::BAD_REQUEST,
        "invalid_token",
        "User already exists",
    )
    .event("federated_identity_exists")
    .because(reason)
}
