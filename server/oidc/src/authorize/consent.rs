//! Consent: what an application may have of a user is the user's to say (OpenID Connect Core
//! §3.1.2.4), asked once and remembered until it is revoked.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::response::Response;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use realmkeep_authn::authorization_request::AuthorizationRequest;
use realmkeep_authn::{Services, random};
use realmkeep_events::EventType;
use realmkeep_pages::page::{GrantedScope, LoginOauthGrant};
use realmkeep_representations::{ClientRepresentation, ClientScopeRepresentation};
use realmkeep_store::single_use::Space;
use realmkeep_store::{Client, Realm, Step, Store, StoreError};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use crate::browser::{PageError, page};
use crate::context::Context;
use crate::form::Form;
use crate::scopes::Scopes;

use super::finish::{LoggedIn, Login, begin, hand_out, remember};
use super::login::{Shown, alive_session, show_form};
use super::redirect::still_allowed;
use super::request::Refused;
use super::response::Destination;
use super::{attribute, device_verification, refuse, refused_by_page};

/// How long a screen may be looked at where the realm does not say, in seconds.
const LIFESPAN: i64 = 1_800;

/// What has to be asked.
#[derive(Debug)]
pub(crate) struct Question {
    items: Vec<Item>,
}

/// One line of the screen.
#[derive(Clone, Debug)]
struct Item {
    /// The client scope's id, or the client's own.
    id: String,
    /// May be `${key}`.
    text: String,
}

/// A screen as it travels with its form.
#[derive(Serialize, Deserialize)]
struct Asked {
    #[serde(rename = "q")]
    request: AuthorizationRequest,
    /// The session that was asked.
    #[serde(rename = "s")]
    session_id: String,
    /// Ids of what was on the screen.
    #[serde(rename = "d")]
    items: Vec<String>,
    /// Seconds since 1970.
    #[serde(rename = "i")]
    issued: i64,
}

/// What the user has to be asked before the client gets what it asks for; None when nothing.
pub(super) async fn question(
    context: &Context,
    client: &Client,
    request: &AuthorizationRequest,
    user_id: &str,
) -> Result<Option<Question>, StoreError> {
    let representation = &client.representation;
    let required = representation.consent_required == Some(true);
    // A device is let in by nothing but a person's word (RFC 8628 §5.4).
    let always = request.prompt.consent || request.device.is_some();
    if !required && !always {
        return Ok(None);
    }
    let scopes = Scopes::granted(&context.realm, representation, &request.scope);
    let items = items(representation, &scopes);
    let client_uuid = representation.id.as_deref().unwrap_or_default();
    let granted = context.services.store.consent(user_id, client_uuid).await?;
    if always {
        return Ok(Some(Question { items }));
    }
    let granted = granted.map(|consent| consent.scopes).unwrap_or_default();
    let open: Vec<Item> = items
        .into_iter()
        .filter(|item| !granted.contains(&item.id))
        .collect();
    // A client without anything to list has no screen, as nothing could be granted on it.
    Ok((!open.is_empty()).then_some(Question { items: open }))
}

/// Whether the user still allows all that tokens of these scopes give; always so for a client that
/// needs no consent.
///
/// # Errors
/// When the database fails.
pub(crate) async fn is_granted(
    context: &Context,
    client: &ClientRepresentation,
    scopes: &Scopes<'_>,
    user_id: &str,
) -> Result<bool, StoreError> {
    if client.consent_required != Some(true) {
        return Ok(true);
    }
    let items = items(client, scopes);
    if items.is_empty() {
        return Ok(true);
    }
    let client_uuid = client.id.as_deref().unwrap_or_default();
    let granted = context.services.store.consent(user_id, client_uuid).await?;
    let granted = granted.map(|consent| consent.scopes).unwrap_or_default();
    Ok(items.iter().all(|item| granted.contains(&item.id)))
}

/// The step that remembers what a user allowed on another device; None for a client that needs no
/// consent.
///
/// # Errors
/// When the database fails.
pub(crate) async fn remember_step(
    context: &Context,
    client: &ClientRepresentation,
    scopes: &Scopes<'_>,
    user_id: &str,
) -> Result<Option<Step>, StoreError> {
    if client.consent_required != Some(true) {
        return Ok(None);
    }
    let client_uuid = client.id.as_deref().unwrap_or_default();
    let services = &context.services;
    let before = services.store.consent(user_id, client_uuid).await?;
    let mut all = before.map(|consent| consent.scopes).unwrap_or_default();
    all.extend(items(client, scopes).into_iter().map(|item| item.id));
    let now = services.clock.now_millis();
    Store::put_consent(user_id, client_uuid, &all, now).map(Some)
}

/// What the screen lists: the client itself where it is set to, then its scopes in their order.
fn items(client: &ClientRepresentation, scopes: &Scopes<'_>) -> Vec<Item> {
    let mut listed: Vec<&ClientScopeRepresentation> = scopes
        .client_scopes
        .iter()
        .copied()
        .filter(|scope| scope_attribute(scope, "display.on.consent.screen") != Some("false"))
        .collect();
    listed.sort_by_key(|scope| {
        let order = scope_attribute(scope, "gui.order").and_then(|order| order.parse().ok());
        (order.unwrap_or(i64::MAX), scope.name.as_deref())
    });
    let own = |name: &str| attribute(client, name);
    let itself = (own("display.on.consent.screen") == Some("true")).then(|| Item {
        id: client.id.clone().unwrap_or_default(),
        text: own("consent.screen.text")
            .unwrap_or(display_name(client))
            .to_owned(),
    });
    let scopes = listed.into_iter().map(|scope| Item {
        id: scope.id.clone().unwrap_or_default(),
        text: scope_attribute(scope, "consent.screen.text")
            .or(scope.name.as_deref())
            .unwrap_or_default()
            .to_owned(),
    });
    itself.into_iter().chain(scopes).collect()
}

/// Shows the screen. Who has proven themselves just now is signed in by it, so that the answer to the
/// screen comes from a session.
pub(super) async fn ask(
    context: &Context,
    client: &Client,
    request: AuthorizationRequest,
    login: Login,
    question: Question,
    headers: &HeaderMap,
) -> Result<Response, PageError> {
    let services = &context.services;
    if login.acted {
        match services.store.commit(login.batch).await {
            Ok(_) => {
                for event in &login.events {
                    context.emit(event);
                }
            }
            Err(StoreError::Guard(_)) => {
                let shown = Shown {
                    notice: Some("login-used"),
                };
                return show_form(context, headers, request, None, shown).await;
            }
            Err(e) => return Err(e.into()),
        }
    }
    let code = random::token(32);
    let tab_id = random::token(8);
    let asked = Asked {
        session_id: login.session.id.clone(),
        items: question.items.iter().map(|item| item.id.clone()).collect(),
        issued: context.now,
        request,
    };
    let client_id = asked.request.client_id.as_str();
    let seal = seal(&context.realm, &code, client_id, &tab_id);
    let client_data = services.cookies.seal(&seal, &asked)?;
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", client_id)
        .append_pair("tab_id", &tab_id)
        .append_pair("client_data", &client_data)
        .finish();
    let action = format!(
        "{}/realms/{}/login-actions/consent?{query}",
        services.base_url.path(),
        context.realm.name
    );
    let representation = &client.representation;
    let address = |name: &str| {
        let address = attribute(representation, name).filter(|text| is_web_address(text));
        address.map(str::to_owned)
    };
    let look = context.look(Some(representation), Some(&login.subject.user));
    let asks = LoginOauthGrant {
        client: services
            .pages
            .translator(&look)
            .label(display_name(representation)),
        scopes: question
            .items
            .into_iter()
            .map(|item| GrantedScope {
                text: item.text,
                parameter: None,
            })
            .collect(),
        code,
        logo_uri: address("logoUri"),
        policy_uri: address("policyUri"),
        tos_uri: address("tosUri"),
    };
    let frame = context.frame(look, &action);
    let made = services.pages.render(&frame, asks)?;
    let mut response = page(context, StatusCode::OK, made);
    if login.fresh {
        remember(context, &mut response, &login.session)?;
    }
    Ok(response)
}

/// `…/login-actions/consent`.
pub(super) fn routes() -> Router<Arc<Services>> {
    Router::new().route("/realms/{realm}/login-actions/consent", post(answered))
}

async fn answered(
    context: Context,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answer = decide(&context, query.as_deref(), &headers, &body).await;
    refused_by_page(&context, "", answer)
}

async fn decide(
    context: &Context,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Response, PageError> {
    let lost = || PageError::bad_request("page-state-lost", "invalid_code");
    let query = Form::parse(query.unwrap_or_default().as_bytes()).map_err(|_| lost())?;
    let form = Form::from_body(headers, body).map_err(|_| lost())?;
    let services = &context.services;
    let realm = &context.realm;
    let code = form.value("code").ok_or_else(lost)?;
    let client_id = query.value("client_id").unwrap_or_default();
    let tab_id = query.value("tab_id").unwrap_or_default();
    let sealed = query.value("client_data").unwrap_or_default();
    let asked: Asked = services
        .cookies
        .open(&seal(realm, code, client_id, tab_id), sealed)
        .ok_or_else(lost)?;
    let Asked {
        request,
        session_id,
        items,
        issued,
    } = asked;
    let client = still_allowed(context, &request).await?;
    let found = alive_session(context, headers)
        .await?
        .filter(|found| found.session.id == session_id);
    let until = issued + lifespan(realm);
    // Another user's screen, or one that was left open too long: from the start.
    let Some(found) = found.filter(|_| context.now <= until) else {
        let shown = Shown {
            notice: Some("login-used"),
        };
        return show_form(context, headers, request, None, shown).await;
    };
    let status = StatusCode::SEE_OTHER;
    let accepted = match (form.is_sent("accept"), form.is_sent("cancel")) {
        (true, false) => true,
        (false, true) => false,
        _ => return Err(lost()),
    };
    if !accepted {
        if let Some(id) = &request.device {
            device_verification::deny(context, id).await?;
        }
        let refused = Refused::new("access_denied", Some("The user did not consent"))
            .event("rejected_by_user");
        return refuse(
            context,
            &client,
            &Destination::of(&request),
            refused,
            status,
        )
        .await;
    }
    let client_uuid = client.representation.id.clone().unwrap_or_default();
    let user_id = found.session.user_id.clone();
    let before = services.store.consent(&user_id, &client_uuid).await?;
    let known = before.is_some();
    let mut scopes: BTreeSet<String> = before.map(|consent| consent.scopes).unwrap_or_default();
    scopes.extend(items);
    let mut login = begin(context, LoggedIn::Again(found)).await?;
    login
        .batch
        .push(Store::put_single_use(Space::Consent, code, until + 1, &())?);
    login.batch.push(Store::put_consent(
        &user_id,
        &client_uuid,
        &scopes,
        services.clock.now_millis(),
    )?);
    let kind = if known {
        EventType::UpdateConsent
    } else {
        EventType::GrantConsent
    };
    let event = context
        .event(kind)
        .client(&request.client_id)
        .user(&user_id)
        .session(&session_id)
        .detail("redirect_uri", request.redirect_uri.as_str())
        .detail("consent", "consent_granted");
    login.events.push(event);
    hand_out(context, &client, request, login, headers, status).await
}

fn seal<'a>(realm: &'a Realm, code: &'a str, client_id: &'a str, tab_id: &'a str) -> [&'a str; 5] {
    ["consent", &realm.id, code, client_id, tab_id]
}

/// Seconds that the screen may be looked at before it is answered.
fn lifespan(realm: &Realm) -> i64 {
    let set = realm.settings.access_code_lifespan_user_action;
    let login = realm.settings.access_code_lifespan_login;
    set.max(login)
        .map(i64::from)
        .filter(|s| *s > 0)
        .unwrap_or(LIFESPAN)
}

/// What the screen calls the application.
fn display_name(client: &ClientRepresentation) -> &str {
    client
        .name
        .as_deref()
        .filter(|name| !name.trim().is_empty())
        .or(client.client_id.as_deref())
        .unwrap_or_default()
}

fn scope_attribute<'a>(scope: &'a ClientScopeRepresentation, name: &str) -> Option<&'a str> {
    let attributes = scope.attributes.as_ref()?;
    attributes
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

/// Clients write these addresses themselves; a script is not one.
fn is_web_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
}
