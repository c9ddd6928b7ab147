//! Dynamic client registration and management (RFC 7591, RFC 7592, OpenID Connect Dynamic Client
//! Registration), and the same with the server's own representation of clients.

mod access;
mod client_policies;
mod metadata;
mod nodes;
mod policies;
mod tokens;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use realmkeep_authn::{Services, random};
use realmkeep_events::EventType;
use realmkeep_model::fresh;
use realmkeep_model::redirect_uri::RedirectPattern;
use realmkeep_model::secret_rotation::{Occasion, SecretRotation};
use realmkeep_representations::{ClientRepresentation, SecretString, UserRepresentation};
use realmkeep_store::initial_access::RegistrationAccess;
use realmkeep_store::roles::Holder;
use realmkeep_store::{Batch, Client, Store, StoreError, Touch};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use access::Access;
use policies::{Policies, Request};

use crate::claims::{self, sector_differs};
use crate::client_auth;
use crate::context::Context;
use crate::cors;
use crate::error::{OAuthError, no_store};
use crate::form::Form;

pub use tokens::{initial_access_token, registration_access_token};

/// Longest clientId that may be chosen.
const MAX_CLIENT_ID: usize = 255;

/// The two forms in which clients are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    /// Client metadata.
    OpenIdConnect,
    /// The server's own representation.
    Default,
}

pub(crate) fn routes() -> Router<Arc<Services>> {
    let base = "/realms/{realm}/clients-registrations";
    let oidc = format!("{base}/openid-connect");
    let own = format!("{base}/default");
    use Wire::{Default, OpenIdConnect};
    Router::new()
        .route(
            &oidc,
            post(async |cx: Context, headers: HeaderMap, body: Bytes| {
                register(&cx, &headers, &body, OpenIdConnect).await
            })
            .options(cors::preflight_post),
        )
        .route(
            &format!("{oidc}/{{client}}"),
            get(
                async |cx: Context, Path((_, id)): Path<(String, String)>, headers: HeaderMap| {
                    read(&cx, &headers, &id, OpenIdConnect).await
                },
            )
            .put(
                async |cx: Context,
                       Path((_, id)): Path<(String, String)>,
                       headers: HeaderMap,
                       body: Bytes| {
                    update(&cx, &headers, &id, &body, OpenIdConnect).await
                },
            )
            .delete(
                async |cx: Context, Path((_, id)): Path<(String, String)>, headers: HeaderMap| {
                    delete(&cx, &headers, &id).await
                },
            )
            .options(cors::preflight_get),
        )
        .route(
            &own,
            post(async |cx: Context, headers: HeaderMap, body: Bytes| {
                register(&cx, &headers, &body, Default).await
            }),
        )
        .route(
            &format!("{own}/{{client}}"),
            get(
                async |cx: Context, Path((_, id)): Path<(String, String)>, headers: HeaderMap| {
                    read(&cx, &headers, &id, Default).await
                },
            )
            .put(
                async |cx: Context,
                       Path((_, id)): Path<(String, String)>,
                       headers: HeaderMap,
                       body: Bytes| {
                    update(&cx, &headers, &id, &body, Default).await
                },
            )
            .delete(
                async |cx: Context, Path((_, id)): Path<(String, String)>, headers: HeaderMap| {
                    delete(&cx, &headers, &id).await
                },
            ),
        )
        .route(&format!("{base}/install/{{client}}"), get(install))
        .merge(nodes::routes())
}

async fn register(context: &Context, headers: &HeaderMap, body: &Bytes, form: Wire) -> Response {
    let answer = async {
        let access = Access::of(context, headers).await?;
        access.require_create()?;
        let policies = Policies::of(context, access.policies()).await?;
        if matches!(access, Access::Anonymous) && policies.is_empty() {
            // Whoever removed the policies did not mean to let everybody in.
            let text = "No policy of the realm says who may register clients without a token";
            let mut error = problem("insufficient_scope", text.to_owned());
            error.status = StatusCode::FORBIDDEN;
            return Err(error.event("not_allowed"));
        }
        let given = object(body)?;
        let mut client = new_client(context);
        write(context, &given, &mut client, form)?;
        client_policies::register(context, &access, &given, &mut client).await?;
        let request = Request {
            client: &mut client,
            before: None,
        };
        policies.check(context, request).await?;
        check_sector(context, &client).await?;
        finish_secret(&mut client);
        client_policies::registered(context, &access, &mut client).await?;
        let (token, client) = insert(context, client, &access).await?;
        let mut event = context.event(EventType::ClientRegister);
        event.client_id.clone_from(&client.client_id);
        context.emit(&event);
        let url = address(context, &client, form);
        let body = shown(context, &client, Some(&token), form);
        let mut response = (StatusCode::CREATED, no_store(), axum::Json(body)).into_response();
        if let Ok(url) = HeaderValue::from_str(&url) {
            response.headers_mut().insert(header::LOCATION, url);
        }
        Ok(exposed(context, &policies, response))
    };
    finish(context, EventType::ClientRegister, answer.await)
}

async fn read(context: &Context, headers: &HeaderMap, client_id: &str, form: Wire) -> Response {
    let answer = async {
        let access = Access::of(context, headers).await?;
        let client = find(context, client_id).await?;
        let row = access.require(context, client.as_deref(), false).await?;
        let client = client.ok_or_else(not_found)?;
        if let (Access::Registration(_), Some(row)) = (&access, &row) {
            let policies = Policies::of(context, &row.auth).await?;
            policies.check_sender(context).await?;
        }
        // Who came with the client's own token keeps it.
        let token = match (&access, row) {
            (Access::Registration(_), Some(row)) => {
                let (services, realm) = (&context.services, &context.realm);
                Some(registration_access_token(services, realm, &row.token_id).await?)
            }
            _ => None,
        };
        let mut event = context.event(EventType::ClientInfo);
        event.client_id = Some(client_id.to_owned());
        context.emit(&event);
        let body = shown(context, &client.representation, token.as_deref(), form);
        Ok((StatusCode::OK, no_store(), axum::Json(body)).into_response())
    };
    finish(context, EventType::ClientInfo, answer.await)
}

async fn update(
    context: &Context,
    headers: &HeaderMap,
    client_id: &str,
    body: &Bytes,
    form: Wire,
) -> Response {
    let answer = async {
        let access = Access::of(context, headers).await?;
        let found = find(context, client_id).await?;
        let row = access.require(context, found.as_deref(), true).await?;
        let found = found.ok_or_else(not_found)?;
        let before = &found.representation;
        let given = object(body)?;
        let named = match form {
            Wire::OpenIdConnect => "client_id",
            Wire::Default => "clientId",
        };
        if given.get(named).and_then(Value::as_str) != Some(client_id) {
            return Err(problem(
                "invalid_client_metadata",
                format!("{named}: it has to be {client_id:.255}, and cannot be changed"),
            ));
        }
        let mut client = before.clone();
        write(context, &given, &mut client, form)?;
        client.id.clone_from(&before.id);
        client.client_id.clone_from(&before.client_id);
        if client.public_client != Some(true) && client.secret.is_none() {
            client.secret.clone_from(&before.secret);
        }
        let keeps_token = client_policies::update(context, &access, before, &mut client).await?;
        finish_secret(&mut client);
        if let Ok(Some(rotation)) = SecretRotation::of(&client) {
            let fresh = || SecretString::new(random::token(32));
            rotation.apply(&mut client, Occasion::Registration, context.now, fresh);
        }
        client_policies::updated(context, &access, &mut client).await?;
        // An administrator is bound by nothing here, a client by what it was registered under.
        if let (Access::Registration(_), Some(row)) = (&access, &row) {
            let policies = Policies::of(context, &row.auth).await?;
            let request = Request {
                client: &mut client,
                before: Some(before),
            };
            policies.check(context, request).await?;
        }
        if sector_differs(before, &client) {
            check_sector(context, &client).await?;
        }
        let kept = row.as_ref().map(|row| row.token_id.clone());
        let kept = kept.filter(|_| keeps_token && matches!(access, Access::Registration(_)));
        let row = row.filter(|_| kept.is_none());
        let mut token = replace(context, before, &client, &access, row).await?;
        if let Some(id) = kept {
            let (services, realm) = (&context.services, &context.realm);
            token = Some(registration_access_token(services, realm, &id).await?);
        }
        let mut event = context.event(EventType::ClientUpdate);
        event.client_id = Some(client_id.to_owned());
        context.emit(&event);
        let body = shown(context, &client, token.as_deref(), form);
        Ok((StatusCode::OK, no_store(), axum::Json(body)).into_response())
    };
    finish(context, EventType::ClientUpdate, answer.await)
}

async fn delete(context: &Context, headers: &HeaderMap, client_id: &str) -> Response {
    let answer = async {
        let access = Access::of(context, headers).await?;
        let client = find(context, client_id).await?;
        let row = access.require(context, client.as_deref(), true).await?;
        let client = client.ok_or_else(not_found)?;
        if let (Access::Registration(_), Some(row)) = (&access, &row) {
            let policies = Policies::of(context, &row.auth).await?;
            policies.check_sender(context).await?;
        }
        let realm_id = &context.realm.id;
        let store = &context.services.store;
        let id = client.representation.id.as_deref().unwrap_or_default();
        let mut batch = Batch::new();
        if let Some(account) = store.service_account(&context.realm, id).await?
            && let Some(user) = &account.user.id
        {
            batch.push(Store::delete_user(realm_id, user));
            batch.touch(Touch::User(realm_id.clone(), user.clone()));
        }
        batch.push(Store::delete::<ClientRepresentation>(realm_id, id));
        batch.touch(Touch::Client(realm_id.clone(), client_id.to_owned()));
        store.commit(batch).await?;
        let mut event = context.event(EventType::ClientDelete);
        event.client_id = Some(client_id.to_owned());
        context.emit(&event);
        Ok((StatusCode::NO_CONTENT, no_store()).into_response())
    };
    finish(context, EventType::ClientDelete, answer.await)
}

/// The configuration of an adapter: for the client itself, by its credentials or its registration
/// access token.
async fn install(
    context: Context,
    Path((_, client_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let answer = async {
        let bearer = crate::bearer::of_header(&headers).is_some();
        let client = if bearer {
            let access = Access::of(&context, &headers).await?;
            let client = find(&context, &client_id).await?;
            access.require(&context, client.as_deref(), false).await?;
            client.ok_or_else(not_found)?
        } else {
            let form = Form::parse(format!("client_id={client_id}").as_bytes())?;
            let form = if headers.contains_key(header::AUTHORIZATION) {
                Form::default()
            } else {
                form
            };
            client_auth::authenticate(&context, &headers, &form)
                .await?
                .client
        };
        let client = &client.representation;
        if client.client_id.as_deref() != Some(client_id.as_str()) {
            return Err(OAuthError::invalid_client());
        }
        Ok((
            StatusCode::OK,
            no_store(),
            axum::Json(adapter(&context, client)),
        )
            .into_response())
    };
    let answer = answer.await;
    finish(&context, EventType::ClientInfo, answer)
}

fn adapter(context: &Context, client: &ClientRepresentation) -> Value {
    let settings = &context.realm.settings;
    let mut config = Map::new();
    config.insert("realm".to_owned(), context.realm.name.as_str().into());
    let base = context.services.base_url.as_str();
    config.insert("auth-server-url".to_owned(), format!("{base}/").into());
    let ssl = settings.ssl_required.as_deref().unwrap_or("external");
    config.insert("ssl-required".to_owned(), ssl.into());
    config.insert("resource".to_owned(), json!(client.client_id));
    if client.public_client == Some(true) {
        config.insert("public-client".to_owned(), true.into());
    } else if let Some(secret) = &client.secret {
        config.insert("credentials".to_owned(), json!({"secret": secret.expose()}));
    }
    config.insert("confidential-port".to_owned(), 0.into());
    Value::Object(config)
}

/// A client as it is before anything is said about it.
fn new_client(context: &Context) -> ClientRepresentation {
    let settings = &context.realm.settings;
    let id = Uuid::new_v4().to_string();
    let mut client = ClientRepresentation {
        client_id: Some(id.clone()),
        id: Some(id),
        protocol: Some("openid-connect".to_owned()),
        full_scope_allowed: Some(true),
        ..fresh::client_defaults()
    };
    let of_protocol = |names: &Option<Vec<String>>| -> Vec<String> {
        let known = |name: &&String| {
            let scope = context.realm.client_scope(name);
            scope.is_some_and(|scope| scope.protocol.as_deref() != Some("saml"))
        };
        names.iter().flatten().filter(known).cloned().collect()
    };
    client.default_client_scopes = Some(of_protocol(&settings.default_default_client_scopes));
    client.optional_client_scopes = Some(of_protocol(&settings.default_optional_client_scopes));
    client
}

/// Writes what is given over the client, and checks what comes out.
fn write(
    context: &Context,
    given: &Map<String, Value>,
    client: &mut ClientRepresentation,
    form: Wire,
) -> Result<(), OAuthError> {
    match form {
        Wire::OpenIdConnect => {
            let scopes = client.optional_client_scopes.clone();
            metadata::apply(given, client)?;
            let defaults = client.default_client_scopes.clone().unwrap_or_default();
            if given.contains_key("scope") {
                let list = client.optional_client_scopes.get_or_insert_default();
                list.retain(|name| name != "openid" && !defaults.contains(name));
            } else {
                client.optional_client_scopes = scopes;
            }
        }
        Wire::Default => overlay(given, client)?,
    }
    if client.service_accounts_enabled == Some(true)
        && context.realm.client_scope("service_account").is_some()
    {
        let scopes = client.default_client_scopes.get_or_insert_default();
        if !scopes.iter().any(|name| name == "service_account") {
            scopes.push("service_account".to_owned());
        }
    }
    check(context, client)
}

/// The members that are given, over those of the client. What only an administrator may say is left
/// out: what binds a client to an identity elsewhere, and what belongs to the server.
fn overlay(
    given: &Map<String, Value>,
    client: &mut ClientRepresentation,
) -> Result<(), OAuthError> {
    const KEPT: [&str; 8] = [
        "id",
        "access",
        "origin",
        "registrationAccessToken",
        "registeredNodes",
        "authenticationFlowBindingOverrides",
        "authorizationSettings",
        "notBefore",
    ];
    let malformed =
        |e: &serde_json::Error| problem("invalid_client_metadata", format!("not a client: {e}"));
    let mut all = match serde_json::to_value(&*client).map_err(|e| malformed(&e))? {
        Value::Object(all) => all,
        _ => Map::new(),
    };
    for (name, value) in given {
        if KEPT.contains(&name.as_str()) || value.is_null() {
            continue;
        }
        match (all.get_mut(name), value) {
            (Some(Value::Object(there)), Value::Object(more)) if name == "attributes" => {
                let mut more = more.clone();
                more.retain(|attribute, _| !is_kept_attribute(attribute));
                there.extend(more);
            }
            (None, Value::Object(more)) if name == "attributes" => {
                let mut more = more.clone();
                more.retain(|attribute, _| !is_kept_attribute(attribute));
                all.insert(name.clone(), Value::Object(more));
            }
            _ => {
                all.insert(name.clone(), value.clone());
            }
        }
    }
    *client = serde_json::from_value(Value::Object(all)).map_err(|e| malformed(&e))?;
    Ok(())
}

/// Whether only administrators and the server set the attribute: what the client authenticates by,
/// whose tokens it may exchange, how it proves its keys, and how long its secrets are good.
fn is_kept_attribute(name: &str) -> bool {
    const BEGINNINGS: [&str; 4] = [
        "jwt.credential.",
        "client.secret.",
        "token.exchange.",
        "dpop.nonce.",
    ];
    BEGINNINGS
        .iter()
        .any(|beginning| name.starts_with(beginning))
}

async fn check_sector(context: &Context, client: &ClientRepresentation) -> Result<(), OAuthError> {
    let http = context.services.remote_keys.http();
    let checked = claims::check_sector(http, client).await;
    checked.map_err(|text| problem("invalid_client_metadata", text))
}

fn check(context: &Context, client: &ClientRepresentation) -> Result<(), OAuthError> {
    let invalid = |text: String| problem("invalid_client_metadata", text);
    let id = client.client_id.as_deref().unwrap_or_default();
    if id.is_empty() || id.len() > MAX_CLIENT_ID || id.chars().any(char::is_control) {
        return Err(invalid(
            "clientId: it is empty, too long or has control characters".to_owned(),
        ));
    }
    if client.protocol.as_deref() != Some("openid-connect") {
        return Err(invalid(
            "protocol: only openid-connect clients can be registered".to_owned(),
        ));
    }
    let root = client.root_url.as_deref().filter(|url| !url.is_empty());
    for uri in client.redirect_uris.iter().flatten() {
        if RedirectPattern::parse(uri, root).is_err() {
            let text = format!("redirect URI {uri:.200} cannot be registered");
            return Err(problem("invalid_redirect_uri", text));
        }
    }
    let attribute = |name: &str| client.attributes.as_ref().and_then(|all| all.get(name));
    let addresses = [
        client.root_url.as_ref(),
        client.base_url.as_ref(),
        client.admin_url.as_ref(),
        attribute("logoUri"),
        attribute("policyUri"),
        attribute("tosUri"),
        attribute("jwks.url"),
        attribute("backchannel.logout.url"),
        attribute("frontchannel.logout.url"),
    ];
    for address in addresses
        .into_iter()
        .flatten()
        .filter(|text| !text.is_empty())
    {
        let web = url::Url::parse(address).is_ok_and(|u| matches!(u.scheme(), "http" | "https"));
        if !web && !address.starts_with('/') {
            return Err(invalid(format!("{address:.200} is not a web address")));
        }
    }
    let scopes = [
        &client.default_client_scopes,
        &client.optional_client_scopes,
    ];
    for name in scopes.into_iter().flatten().flatten() {
        if context.realm.client_scope(name).is_none() {
            return Err(invalid(format!("there is no client scope {name:.100}")));
        }
    }
    Ok(())
}

/// A client that authenticates with a secret has one, a public one has none.
fn finish_secret(client: &mut ClientRepresentation) {
    let uses_secret = matches!(
        client.client_authenticator_type.as_deref(),
        Some("client-secret" | "client-secret-jwt")
    );
    let usable = |secret: &SecretString| !secret.expose().is_empty() && !secret.is_masked();
    if client.public_client == Some(true) {
        client.secret = None;
    } else if uses_secret && !client.secret.as_ref().is_some_and(usable) {
        client.secret = Some(SecretString::new(random::token(32)));
    }
}

/// Writes a new client with all that belongs to it; its registration access token.
async fn insert(
    context: &Context,
    client: ClientRepresentation,
    access: &Access,
) -> Result<(String, ClientRepresentation), OAuthError> {
    let store = &context.services.store;
    let realm = &context.realm;
    let id = client.id.clone().unwrap_or_default();
    let client_id = client.client_id.clone().unwrap_or_default();
    if store.client(realm, &client_id).await?.is_some() {
        return Err(in_use());
    }
    let row = RegistrationAccess {
        token_id: Uuid::new_v4().to_string(),
        auth: access.policies().to_owned(),
    };
    let mut batch = Batch::new();
    if let Access::Initial(initial) = access {
        batch.push(Store::use_initial_access(
            &realm.id,
            &initial.id,
            context.now,
        ));
    }
    batch.push(store.insert(&realm.id, &client)?);
    batch.push(Store::put_registration_access(&id, &row));
    batch.touch(Touch::Client(realm.id.clone(), client_id));
    if client.service_accounts_enabled == Some(true) {
        service_account(context, &client, &mut batch)?;
    }
    match store.commit(batch).await {
        Ok(_) => {}
        // Of many who use the last one of a token's clients, one gets it.
        Err(StoreError::Guard(_)) => {
            return Err(OAuthError::new(
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                "No remaining count on initial access token",
            ));
        }
        Err(StoreError::Conflict(_)) => return Err(in_use()),
        Err(error) => return Err(error.into()),
    }
    let token = registration_access_token(&context.services, realm, &row.token_id).await?;
    Ok((token, client))
}

/// Writes a changed client; the token that replaces the one that was used.
async fn replace(
    context: &Context,
    before: &ClientRepresentation,
    client: &ClientRepresentation,
    access: &Access,
    row: Option<RegistrationAccess>,
) -> Result<Option<String>, OAuthError> {
    let store = &context.services.store;
    let realm = &context.realm;
    let id = client.id.clone().unwrap_or_default();
    let mut batch = Batch::new();
    let mut next = None;
    if let (Access::Registration(_), Some(row)) = (access, row) {
        let fresh = Uuid::new_v4().to_string();
        batch.push(Store::rotate_registration_access(
            &id,
            &row.token_id,
            &fresh,
        ));
        next = Some(fresh);
    }
    batch.push(store.update(&realm.id, client)?);
    let client_id = client.client_id.clone().unwrap_or_default();
    batch.touch(Touch::Client(realm.id.clone(), client_id));
    let starts = client.service_accounts_enabled == Some(true)
        && before.service_accounts_enabled != Some(true);
    if starts && store.service_account(realm, &id).await?.is_none() {
        service_account(context, client, &mut batch)?;
    }
    match store.commit(batch).await {
        Ok(_) => {}
        Err(StoreError::Guard(_)) => {
            return Err(OAuthError::new(
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                "Failed decode token",
            ));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(match next {
        Some(next) => Some(registration_access_token(&context.services, realm, &next).await?),
        None => None,
    })
}

/// The user that the client is when it acts for itself.
fn service_account(
    context: &Context,
    client: &ClientRepresentation,
    batch: &mut Batch,
) -> Result<(), OAuthError> {
    let realm = &context.realm;
    let client_id = client.client_id.clone().unwrap_or_default();
    let user_id = Uuid::new_v4().to_string();
    let user = UserRepresentation {
        id: Some(user_id.clone()),
        username: Some(format!("service-account-{}", client_id.to_lowercase())),
        enabled: Some(true),
        created_timestamp: Some(context.services.clock.now_millis()),
        service_account_client_id: Some(client_id),
        ..UserRepresentation::default()
    };
    let store = &context.services.store;
    batch.push(store.insert_user(&realm.id, &user, client.id.as_deref())?);
    let role = realm
        .roles
        .realm_role(&fresh::default_role_name(&realm.name));
    if let Some(role) = role.and_then(|role| role.id.as_deref()) {
        batch.push(Store::grant_role(Holder::User, &user_id, role));
    }
    Ok(())
}

async fn find(context: &Context, client_id: &str) -> Result<Option<Arc<Client>>, OAuthError> {
    let store = &context.services.store;
    Ok(store.client(&context.realm, client_id).await?)
}

fn shown(
    context: &Context,
    client: &ClientRepresentation,
    token: Option<&str>,
    form: Wire,
) -> Value {
    match form {
        Wire::OpenIdConnect => {
            let mut all = metadata::of(client);
            all.insert("client_id_issued_at".to_owned(), context.now.into());
            if let Some(token) = token {
                all.insert("registration_access_token".to_owned(), token.into());
                let url = address(context, client, form);
                all.insert("registration_client_uri".to_owned(), url.into());
            }
            Value::Object(all)
        }
        Wire::Default => {
            let mut all = json!(client);
            if let (Some(token), Some(all)) = (token, all.as_object_mut()) {
                all.insert("registrationAccessToken".to_owned(), token.into());
            }
            all
        }
    }
}

/// Where the client is managed.
fn address(context: &Context, client: &ClientRepresentation, form: Wire) -> String {
    let kind = match form {
        Wire::OpenIdConnect => "openid-connect",
        Wire::Default => "default",
    };
    let id = client.client_id.as_deref().unwrap_or_default();
    let id = percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC);
    // The usual characters stay readable.
    let id = id
        .to_string()
        .replace("%2D", "-")
        .replace("%2E", ".")
        .replace("%5F", "_");
    format!("{}/clients-registrations/{kind}/{id}", context.issuer)
}

/// A page may read the answer when it is of an origin that the realm trusts with registrations.
fn exposed(context: &Context, policies: &Policies, response: Response) -> Response {
    let trusted = context.origin.as_deref().is_some_and(|origin| {
        policies
            .origins()
            .iter()
            .any(|known| *known == "*" || *known == origin)
    });
    if trusted {
        cors::expose(context, response)
    } else {
        response
    }
}

fn object(body: &Bytes) -> Result<Map<String, Value>, OAuthError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(problem(
            "invalid_client_metadata",
            "the body has to be a JSON object".to_owned(),
        )),
    }
}

fn problem(code: &'static str, description: String) -> OAuthError {
    OAuthError::new(StatusCode::BAD_REQUEST, code, description).event("invalid_registration")
}

fn in_use() -> OAuthError {
    problem(
        "invalid_client_metadata",
        "Client Identifier in use".to_owned(),
    )
}

fn not_found() -> OAuthError {
    OAuthError::new(StatusCode::NOT_FOUND, "invalid_request", "Client not found")
        .event("client_not_found")
}

fn finish(context: &Context, kind: EventType, answer: Result<Response, OAuthError>) -> Response {
    answer.unwrap_or_else(|error| {
        crate::token::refuse(context, context.event(kind), &error);
        let challenge = access::challenge(&error);
        let mut response = error.into_response();
        if let Some(challenge) = challenge {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    })
}
