//! Clients.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use realmkeep_authn::Services;
use realmkeep_model::fresh;
use realmkeep_model::secret_rotation::{
    self, CREATION, EXPIRATION, Occasion, ROTATED, SecretRotation,
};
use realmkeep_oidc::claims::sector_differs;
use realmkeep_oidc::docker;
use realmkeep_oidc::policies::PolicyEvent;
use realmkeep_representations::{
    ClientRepresentation, ClientScopeRepresentation, CredentialRepresentation, RealmRepresentation,
    RoleRepresentation, SecretString, UserRepresentation,
};
use realmkeep_store::clients::{FEDERATED_ISSUER, FEDERATED_SUBJECT};
use realmkeep_store::documents::Page;
use realmkeep_store::{Batch, Realm, Store, Touch};
use serde_json::{Value, json};
use url::Url;

use crate::declarative::SecretDigests;
use crate::error::{ApiError, ApiResult};
use crate::merge::merged;
use crate::names::Names;
use crate::request::{Cx, Given, new_id};
use crate::rights::Right;
use crate::whole_realm::number_mappers;
use crate::{
    client_certificates, client_evaluation, client_nodes, client_policy_checks,
    client_registration, client_secrets, client_urls, installation, protocol_mappers, realms,
    role_mappings, roles, sessions, steps, users,
};

pub const VIEW: &[Right] = &[Right::VIEW_CLIENTS];
pub const MANAGE: &[Right] = &[Right::MANAGE_CLIENTS];

/// Name of the scope that a client gets with its service account.
const SERVICE_ACCOUNT_SCOPE: &str = "service_account";

/// Clients of every realm, which the server's own pages and interfaces need.
const BUILT_IN: [&str; 5] = [
    "account",
    "account-console",
    "admin-cli",
    "broker",
    "security-admin-console",
];
/// Characters of an id at most.
const LONGEST_ID: usize = 36;

pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/", get(list).post(create))
        .route("/{client}", get(read).put(update).delete(delete))
        .route("/{client}/client-secret", get(secret).post(regenerate))
        .route(
            "/{client}/client-secret/rotated",
            get(client_secrets::rotated).delete(client_secrets::forget_rotated),
        )
        .route(
            "/{client}/registration-access-token",
            post(client_registration::regenerate),
        )
        .route(
            "/{client}/certificates/{attr}",
            get(client_certificates::read),
        )
        .route(
            "/{client}/certificates/{attr}/generate",
            post(client_certificates::generate),
        )
        .route(
            "/{client}/certificates/{attr}/upload",
            post(client_certificates::upload),
        )
        .route(
            "/{client}/certificates/{attr}/upload-certificate",
            post(client_certificates::upload),
        )
        .route(
            "/{client}/certificates/{attr}/download",
            post(client_certificates::download),
        )
        .route(
            "/{client}/certificates/{attr}/generate-and-download",
            post(client_certificates::download),
        )
        .route("/{client}/nodes", post(client_nodes::register))
        .route(
            "/{client}/nodes/{node}",
            axum::routing::delete(client_nodes::unregister),
        )
        .route("/{client}/test-nodes-available", get(client_nodes::test))
        .route("/{client}/service-account-user", get(service_account))
        .route("/{client}/default-client-scopes", get(default_scopes))
        .route(
            "/{client}/default-client-scopes/{scope}",
            put(add_default_scope).delete(remove_default_scope),
        )
        .route("/{client}/optional-client-scopes", get(optional_scopes))
        .route(
            "/{client}/optional-client-scopes/{scope}",
            put(add_optional_scope).delete(remove_optional_scope),
        )
        .route("/{client}/session-count", get(sessions::count_of_client))
        .route("/{client}/user-sessions", get(sessions::of_client))
        .route(
            "/{client}/offline-session-count",
            get(sessions::count_offline_of_client),
        )
        .route(
            "/{client}/offline-sessions",
            get(sessions::offline_of_client),
        )
        .route("/{client}/push-revocation", post(sessions::push_revocation))
        .route(
            "/{client}/installation/providers/{provider}",
            get(installation::file),
        )
        .nest("/{client}/evaluate-scopes", client_evaluation::routes())
        .nest("/{client}/roles", roles::routes_of_client())
        .nest("/{client}/protocol-mappers", protocol_mappers::routes())
        .nest("/{client}/scope-mappings", role_mappings::scope_routes())
}

/// What a client without scopes of its own is linked to.
#[derive(Debug)]
pub struct ScopeDefaults<'a> {
    scopes: &'a [ClientScopeRepresentation],
    default: &'a [String],
    optional: &'a [String],
}

impl<'a> ScopeDefaults<'a> {
    /// Of a complete representation.
    pub fn of(realm: &'a RealmRepresentation) -> Self {
        Self {
            scopes: realm.client_scopes.as_deref().unwrap_or_default(),
            default: realm
                .default_default_client_scopes
                .as_deref()
                .unwrap_or_default(),
            optional: realm
                .default_optional_client_scopes
                .as_deref()
                .unwrap_or_default(),
        }
    }

    /// Of a stored realm.
    pub fn of_stored(realm: &'a Realm) -> Self {
        Self {
            scopes: &realm.client_scopes,
            ..Self::of(&realm.settings)
        }
    }

    fn for_protocol(&self, names: &[String], protocol: &str) -> Vec<String> {
        names
            .iter()
            .filter(|name| {
                self.scopes.iter().any(|s| {
                    s.name.as_ref() == Some(name)
                        && s.protocol.as_deref().unwrap_or("openid-connect") == protocol
                })
            })
            .cloned()
            .collect()
    }

    /// # Errors
    /// 400 when the realm names a scope for new clients that does not exist.
    pub fn check_realm(&self, realm: &RealmRepresentation) -> ApiResult<()> {
        let (default, optional) = (
            realm.default_default_client_scopes.as_ref(),
            realm.default_optional_client_scopes.as_ref(),
        );
        self.check(default, "defaultDefaultClientScopes")?;
        self.check(optional, "defaultOptionalClientScopes")
    }

    fn check(&self, names: Option<&Vec<String>>, field: &str) -> ApiResult<()> {
        let unknown = names
            .into_iter()
            .flatten()
            .find(|name| !self.scopes.iter().any(|s| s.name.as_ref() == Some(name)));
        match unknown {
            Some(name) => Err(ApiError::bad_request(format!(
                "{field}: there is no client scope '{name}'"
            ))),
            None => Ok(()),
        }
    }
}

/// The client as it is stored for the first time: defaults filled in, a secret made where one is
/// needed, everything checked. `now` is in seconds since 1970.
///
/// # Errors
/// 400 names the field.
pub fn completed(
    mut given: ClientRepresentation,
    scopes: &ScopeDefaults,
    now: i64,
) -> ApiResult<ClientRepresentation> {
    given.access = None;
    given.origin = None;
    if given
        .client_id
        .as_ref()
        .is_some_and(|id| id.trim().is_empty())
    {
        return Err(ApiError::invalid_input("clientId: it must not be blank"));
    }
    if given.client_id.as_deref().unwrap_or_default().is_empty() {
        given.client_id = Some(given.id.clone().unwrap_or_else(new_id));
    }
    let defaults = fresh::client_defaults();
    let value = serde_json::to_value(&given).map_err(ApiError::internal)?;
    let maps = ["attributes", "authenticationFlowBindingOverrides"];
    let mut client = merged(&defaults, &value, &maps)?;
    if given.web_origins.is_none() {
        client.web_origins = Some(origins_of(client.redirect_uris.as_deref()));
    }
    let protocol = client.protocol.clone().unwrap_or_default();
    if given.default_client_scopes.is_none() {
        client.default_client_scopes = Some(scopes.for_protocol(scopes.default, &protocol));
    }
    if given.optional_client_scopes.is_none() {
        let taken = client.default_client_scopes.clone().unwrap_or_default();
        let mut optional = scopes.for_protocol(scopes.optional, &protocol);
        optional.retain(|name| !taken.contains(name));
        client.optional_client_scopes = Some(optional);
    }
    if client.service_accounts_enabled == Some(true) {
        add_service_account_scope(&mut client, scopes);
    }
    if protocol == docker::PROTOCOL && given.protocol_mappers.is_none() {
        client.protocol_mappers = Some(vec![docker::allow_all::of_new_client()]);
    }
    if protocol == "openid-connect" && given.attributes.is_none() {
        client.attributes.get_or_insert_default();
    }
    let attributes = client.attributes.get_or_insert_default();
    attributes
        .entry("realm_client".to_owned())
        .or_insert_with(|| "false".to_owned());
    finish_secret(&mut client, None, now)?;
    number_mappers(client.protocol_mappers.as_mut());
    check(&client, scopes)?;
    Ok(client)
}

/// Puts the secret in order: none for public clients, the old one for a masked one, a new one where
/// the client authenticates with it and has none, or where its time is over.
///
/// # Errors
/// 400 when the rules of its rotation do not agree.
fn finish_secret(
    client: &mut ClientRepresentation,
    old: Option<&ClientRepresentation>,
    now: i64,
) -> ApiResult<()> {
    // Made here, and kept by its id only.
    client.registration_access_token = None;
    if client
        .secret
        .as_ref()
        .is_some_and(|s| s.is_masked() || s.expose().is_empty())
    {
        client.secret = old.and_then(|o| o.secret.clone());
    }
    if client.public_client == Some(true) {
        client.secret = None;
        return Ok(());
    }
    let uses_secret = matches!(
        client.client_authenticator_type.as_deref(),
        Some("client-secret" | "client-secret-jwt")
    ) && client.protocol.as_deref() != Some("saml");
    let changed = old.is_some_and(|old| old.secret != client.secret);
    let end = old.and_then(secret_rotation::expiration);
    if uses_secret && client.secret.is_none() {
        set_new_secret(client, now);
    } else if changed && end == secret_rotation::expiration(client) {
        // The end of another secret is not that of this one.
        if let Some(attributes) = &mut client.attributes {
            attributes.remove(EXPIRATION);
        }
    }
    // What is imported stays as it is.
    if let Some(rotation) = rotation(client)?
        && (old.is_some() || secret_rotation::expiration(client).is_none())
    {
        rotation.apply(client, Occasion::Change, now, new_secret);
    }
    Ok(())
}

fn rotation(client: &ClientRepresentation) -> ApiResult<Option<SecretRotation>> {
    SecretRotation::of(client).map_err(|e| ApiError::bad_request(format!("attributes: {e}")))
}

/// A new secret in the place of the old one, if any, which is good for nothing from now on.
fn set_new_secret(client: &mut ClientRepresentation, now: i64) {
    client.secret = Some(new_secret());
    secret_rotation::forget_rotated(client);
    let attributes = client.attributes.get_or_insert_default();
    attributes.insert(CREATION.to_owned(), now.to_string());
    attributes.remove(EXPIRATION);
}

/// A secret that nobody can guess.
pub fn new_secret() -> SecretString {
    SecretString::new(realmkeep_authn::random::token(64))
}

fn add_service_account_scope(client: &mut ClientRepresentation, scopes: &ScopeDefaults) {
    let known = scopes
        .scopes
        .iter()
        .any(|s| s.name.as_deref() == Some(SERVICE_ACCOUNT_SCOPE));
    let list = client.default_client_scopes.get_or_insert_default();
    if known && !list.iter().any(|n| n == SERVICE_ACCOUNT_SCOPE) {
        list.push(SERVICE_ACCOUNT_SCOPE.to_owned());
    }
}

fn origins_of(redirect_uris: Option<&[String]>) -> Vec<String> {
    let origins: BTreeSet<String> = redirect_uris
        .into_iter()
        .flatten()
        .filter_map(|uri| Url::parse(uri.trim_end_matches('*')).ok())
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .map(|url| url.origin().ascii_serialization())
        .collect();
    origins.into_iter().collect()
}

fn check(client: &ClientRepresentation, scopes: &ScopeDefaults) -> ApiResult<()> {
    client_urls::check(client)?;
    scopes.check(client.default_client_scopes.as_ref(), "defaultClientScopes")?;
    scopes.check(
        client.optional_client_scopes.as_ref(),
        "optionalClientScopes",
    )?;
    let bad = client
        .client_id
        .iter()
        .flat_map(|id| id.chars())
        .any(char::is_control);
    if bad {
        return Err(ApiError::bad_request(
            "clientId: control characters are not allowed",
        ));
    }
    if client.id.as_ref().is_some_and(|id| id.len() > LONGEST_ID) {
        return Err(ApiError::bad_request(format!(
            "id: at most {LONGEST_ID} characters were expected"
        )));
    }
    let mut names = BTreeSet::new();
    for mapper in client.protocol_mappers.iter().flatten() {
        protocol_mappers::check(mapper)?;
        if !names.insert((mapper.protocol.as_deref(), mapper.name.as_deref())) {
            return Err(ApiError::invalid_input(format!(
                "Cannot add protocol mapper '{}'. Protocol mapper name must be unique per protocol",
                mapper.name.as_deref().unwrap_or_default()
            )));
        }
    }
    let is_on = |name: &str| {
        let attributes = client.attributes.as_ref();
        attributes
            .and_then(|a| a.get(name))
            .is_some_and(|v| v == "true")
    };
    if is_on("use.jwks.url") && is_on("use.jwks.string") {
        return Err(ApiError::invalid_input(
            "Illegal to use both jwks_uri and jwks_string",
        ));
    }
    Ok(())
}

/// # Errors
/// 400 when the client's own time limits of sessions are beyond those of the realm.
fn check_session_limits(
    client: &ClientRepresentation,
    realm: &RealmRepresentation,
) -> ApiResult<()> {
    let own = |name: &str| {
        let attributes = client.attributes.as_ref()?;
        attributes.get(name)?.parse::<i32>().ok().filter(|s| *s > 0)
    };
    realms::check_session_limits(
        realm,
        (
            own("client.session.idle.timeout"),
            own("client.session.max.lifespan"),
        ),
    )
    .map_err(ApiError::invalid_input)
}

/// As it is shown to who may only look, or may change it as well.
pub fn shown(mut client: ClientRepresentation, cx: &Cx) -> ClientRepresentation {
    let manage = cx.rights.has(Right::MANAGE_CLIENTS);
    let changeable = manage && client.client_id.as_deref() != Some(fresh::REALM_MANAGEMENT);
    client.access = Some(BTreeMap::from([
        ("view".to_owned(), true),
        ("configure".to_owned(), changeable),
        ("manage".to_owned(), changeable),
    ]));
    client.registration_access_token = None;
    if !manage {
        mask(&mut client);
    }
    client
}

/// Puts masks in the place of the client's secrets.
pub fn mask(client: &mut ClientRepresentation) {
    if client.secret.is_some() {
        client.secret = Some(SecretString::masked());
    }
    client.registration_access_token = None;
    if let Some(attributes) = &mut client.attributes {
        attributes.remove(ROTATED);
    }
}

/// The client in the request's path.
///
/// # Errors
/// 404 when the realm has none with this id.
pub async fn here(cx: &Cx) -> ApiResult<ClientRepresentation> {
    cx.store()
        .find::<ClientRepresentation>(&cx.realm.id, cx.param("client"))
        .await?
        .ok_or_else(|| ApiError::not_found("Could not find client"))
}

/// The client in the request's path, for a change: acting for the client's service account must not
/// give the actor more than they have.
///
/// # Errors
/// 404, or 403 when the client's service account has rights that the actor lacks.
pub async fn here_to_manage(cx: &Cx) -> ApiResult<ClientRepresentation> {
    cx.require(MANAGE)?;
    let client = here(cx).await?;
    require_manageable(cx, &client).await?;
    Ok(client)
}

/// # Errors
/// 403 when the client's service account has rights that the actor lacks.
pub async fn require_manageable(cx: &Cx, client: &ClientRepresentation) -> ApiResult<()> {
    let id = client.id.as_deref().unwrap_or_default();
    if let Some(account) = cx.store().find_service_account(&cx.realm.id, id).await? {
        users::require_within_rights(cx, account.id.as_deref().unwrap_or_default()).await?;
    }
    Ok(())
}

async fn list(cx: Cx) -> ApiResult<Json<Vec<ClientRepresentation>>> {
    cx.require(&[Right::VIEW_CLIENTS, Right::QUERY_CLIENTS])?;
    if !cx.rights.has(Right::VIEW_CLIENTS) {
        return Ok(Json(Vec::new()));
    }
    let store = cx.store();
    let asked = cx.page()?;
    let wanted = attribute_query(cx.query("q"));
    // The page is one of those that match.
    let page = if wanted.is_empty() { asked } else { Page::ALL };
    let found = match cx.query("clientId") {
        Some(id) if cx.flag("search") => store.search(&cx.realm.id, "", id, page).await?,
        Some(id) => store
            .find_named(&cx.realm.id, "", id)
            .await?
            .into_iter()
            .collect(),
        None => {
            store
                .search::<ClientRepresentation>(&cx.realm.id, "", "", page)
                .await?
        }
    };
    let matching = found.into_iter().filter(|client| {
        let attributes = client.attributes.as_ref();
        wanted
            .iter()
            .all(|(key, value)| attributes.and_then(|a| a.get(key)) == Some(value))
    });
    let matching: Vec<_> = if wanted.is_empty() {
        matching.collect()
    } else {
        matching
            .skip(usize::try_from(asked.first).unwrap_or(0))
            .take(usize::try_from(asked.max).unwrap_or(usize::MAX))
            .collect()
    };
    let mut listed = Vec::with_capacity(matching.len());
    for client in matching {
        listed.push(shown_within_rights(client, &cx).await?);
    }
    Ok(Json(listed))
}

/// `key:value "key 2":"value 2"` of the `q` parameter; in quotes, `\\"` stands for a quote.
pub fn attribute_query(query: Option<&str>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = query.unwrap_or_default().chars().peekable();
    loop {
        while rest.next_if_eq(&' ').is_some() {}
        if rest.peek().is_none() {
            return pairs;
        }
        let key = word(&mut rest, true);
        // A word without a value asks for nothing.
        if rest.next_if_eq(&':').is_some() {
            pairs.push((key, word(&mut rest, false)));
        }
    }
}

/// The next word, up to a blank, or to a colon where it is a key.
fn word(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, key: bool) -> String {
    let mut word = String::new();
    let mut quoted = false;
    while let Some(c) = rest.peek().copied() {
        if !quoted && (c == ' ' || (key && c == ':')) {
            break;
        }
        rest.next();
        match c {
            '\\' => word.extend(rest.next_if(|next| matches!(next, '"' | '\\')).or(Some(c))),
            // Quotes stand around a word; within one they are part of it.
            '"' if quoted && rest.peek().is_none_or(|next| matches!(next, ' ' | ':')) => {
                quoted = false;
            }
            '"' if word.is_empty() && !quoted => quoted = true,
            c => word.push(c),
        }
    }
    word
}

async fn create(cx: Cx, given: Given<ClientRepresentation>) -> ApiResult<Response> {
    cx.require(&[Right::CREATE_CLIENT])?;
    let mut given = given.value;
    client_policy_checks::register(&cx, &mut given).await?;
    let mut client = completed(
        given,
        &ScopeDefaults::of_stored(&cx.realm),
        cx.services.clock.now(),
    )?;
    let id = client.id.get_or_insert_with(new_id).clone();
    check_session_limits(&client, &cx.realm.settings)?;
    check_protocol(&cx, &client)?;
    check_federated(&cx, &client).await?;
    check_sector(&cx, &client).await?;
    client_policy_checks::registered(&cx, &mut client).await?;
    let names = Names::without_clients(&cx.realm);
    let mut batch = Batch::new();
    steps::add_client(&cx.services, &mut batch, &names, &client, true)?;
    cx.commit_created(batch, &id).await
}

/// # Errors
/// 400 when the client has pairwise subjects and its redirect URIs are not those of one sector.
pub async fn check_sector(cx: &Cx, client: &ClientRepresentation) -> ApiResult<()> {
    let http = cx.services.remote_keys.http();
    let checked = realmkeep_oidc::claims::check_sector(http, client).await;
    checked.map_err(ApiError::invalid_input)
}

/// A protocol that is switched off could not be used.
fn check_protocol(cx: &Cx, client: &ClientRepresentation) -> ApiResult<()> {
    let docker = client.protocol.as_deref() == Some(docker::PROTOCOL);
    if docker && !cx.services.features.docker {
        return Err(ApiError::invalid_input("Invalid protocol: docker-v2"));
    }
    Ok(())
}

/// Two clients with one identity at an issuer could not be told apart when they authenticate.
async fn check_federated(cx: &Cx, client: &ClientRepresentation) -> ApiResult<()> {
    let attribute = |name: &str| {
        let attributes = client.attributes.as_ref()?;
        attributes.get(name).filter(|v| !v.is_empty())
    };
    let (Some("federated-jwt"), Some(issuer), Some(subject)) = (
        client.client_authenticator_type.as_deref(),
        attribute(FEDERATED_ISSUER),
        attribute(FEDERATED_SUBJECT),
    ) else {
        return Ok(());
    };
    let bound = cx
        .store()
        .federated_clients(&cx.realm, issuer, subject)
        .await?;
    for other in bound.iter() {
        let Some(other) = cx.store().client(&cx.realm, other).await? else {
            continue;
        };
        let other = &other.representation;
        if other.id != client.id
            && other.client_authenticator_type.as_deref() == Some("federated-jwt")
        {
            return Err(ApiError::bad_request(format!(
                "attributes: the client '{}' has the same {FEDERATED_ISSUER} and \
                 {FEDERATED_SUBJECT}; a workload can be one client only",
                other.client_id.as_deref().unwrap_or_default()
            )));
        }
    }
    Ok(())
}

async fn read(cx: Cx) -> ApiResult<impl IntoResponse> {
    cx.require(VIEW)?;
    let client = here(&cx).await?;
    client_policy_checks::seen(&cx, PolicyEvent::View, &client).await?;
    let digests = SecretDigests::of_client(&cx, &client)?;
    Ok(digests.beside(shown_within_rights(client, &cx).await?))
}

/// As [`shown`]; the secret of a client that may do more than the actor stays hidden.
async fn shown_within_rights(
    client: ClientRepresentation,
    cx: &Cx,
) -> ApiResult<ClientRepresentation> {
    let id = client.id.clone().unwrap_or_default();
    let mut client = shown(client, cx);
    if client.service_accounts_enabled == Some(true)
        && let Some(account) = cx.store().find_service_account(&cx.realm.id, &id).await?
        && users::exceeds_rights(cx, account.id.as_deref().unwrap_or_default()).await?
    {
        mask(&mut client);
    }
    Ok(client)
}

async fn update(cx: Cx, given: Given<ClientRepresentation>) -> ApiResult<StatusCode> {
    let old = here_to_manage(&cx).await?;
    let maps = ["attributes", "authenticationFlowBindingOverrides"];
    let mut new = merged(&old, &given.json, &maps)?;
    new.id.clone_from(&old.id);
    new.access = None;
    new.origin = None;
    if new.client_id.as_deref().unwrap_or_default().is_empty() {
        new.client_id.clone_from(&old.client_id);
    }
    let scopes = ScopeDefaults::of_stored(&cx.realm);
    client_policy_checks::update(&cx, &old, &mut new).await?;
    finish_secret(&mut new, Some(&old), cx.services.clock.now())?;
    number_mappers(new.protocol_mappers.as_mut());
    check(&new, &scopes)?;
    check_session_limits(&new, &cx.realm.settings)?;
    if new.protocol != old.protocol {
        check_protocol(&cx, &new)?;
    }
    check_federated(&cx, &new).await?;
    if sector_differs(&old, &new) {
        check_sector(&cx, &new).await?;
    }
    client_policy_checks::updated(&cx, &mut new).await?;

    let mut batch = Batch::new();
    let id = new.id.clone().unwrap_or_default();
    let account = cx.store().find_service_account(&cx.realm.id, &id).await?;
    match (new.service_accounts_enabled == Some(true), account) {
        (true, None) => {
            add_service_account_scope(&mut new, &scopes);
            let names = Names::without_clients(&cx.realm);
            steps::add_service_account(&cx.services, &mut batch, &names, &new)?;
        }
        (false, Some(account)) => {
            let account = account.id.unwrap_or_default();
            batch.push(Store::delete_user(&cx.realm.id, &account));
            batch.touch(cx.touch_user(&account));
        }
        (true, Some(mut account)) if new.client_id != old.client_id => {
            let client_id = new.client_id.clone().unwrap_or_default();
            account.username = Some(steps::service_account_username(&client_id));
            account.service_account_client_id = Some(client_id);
            batch.push(cx.store().update_user(&cx.realm.id, &account, Some(&id))?);
            batch.touch(cx.touch_user(account.id.as_deref().unwrap_or_default()));
        }
        _ => {}
    }
    push_update(&cx, &mut batch, &old, &new)?;
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The client's new state, and what caches must forget of the old one.
///
/// # Errors
/// When it cannot be written.
pub fn push_update(
    cx: &Cx,
    batch: &mut Batch,
    old: &ClientRepresentation,
    new: &ClientRepresentation,
) -> ApiResult<()> {
    batch.push(cx.store().update(&cx.realm.id, new)?);
    for client in [old, new] {
        batch.touch(cx.touch_client(client.client_id.as_deref().unwrap_or_default()));
    }
    Ok(())
}

async fn delete(cx: Cx) -> ApiResult<StatusCode> {
    let client = here_to_manage(&cx).await?;
    client_policy_checks::seen(&cx, PolicyEvent::Unregister, &client).await?;
    let name = client.client_id.as_deref().unwrap_or_default();
    if cx.realm.name == fresh::MASTER {
        let realm = name.strip_suffix("-realm").unwrap_or_default();
        if cx.store().find_realm(realm).await?.is_some() {
            return Err(ApiError::exceeds(format!(
                "'{name}' holds the rights on the realm '{realm}' and goes with it"
            )));
        }
    } else if name == fresh::REALM_MANAGEMENT {
        return Err(ApiError::exceeds(
            "'realm-management' holds the rights on this realm and goes with it",
        ));
    }
    if BUILT_IN.contains(&name) {
        return Err(ApiError::bad_request(format!(
            "Cannot delete default client '{name}'; disable it instead"
        )));
    }
    let mut batch = Batch::new();
    delete_steps(&mut batch, &cx.services, &cx.realm, &client).await?;
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The client with its roles, its scope mappings and its service account.
///
/// # Errors
/// When the database fails.
pub async fn delete_steps(
    batch: &mut Batch,
    services: &Services,
    realm: &Realm,
    client: &ClientRepresentation,
) -> ApiResult<()> {
    let id = client.id.clone().unwrap_or_default();
    for (role, there) in &realm.roles.all {
        let own = there.client_role == Some(true) && there.container_id.as_ref() == Some(&id);
        if own {
            batch.push(Store::delete::<RoleRepresentation>(&realm.id, role));
        }
    }
    batch.push(Store::forget_scope(&id));
    if let Some(account) = services.store.find_service_account(&realm.id, &id).await? {
        batch.push(Store::delete_user(
            &realm.id,
            account.id.as_deref().unwrap_or_default(),
        ));
    }
    batch.push(Store::delete::<ClientRepresentation>(&realm.id, &id));
    batch.touch(Touch::Realm(realm.id.clone()));
    Ok(())
}

fn credential(client: &ClientRepresentation) -> CredentialRepresentation {
    CredentialRepresentation {
        r#type: Some("secret".to_owned()),
        value: client.secret.clone(),
        ..Default::default()
    }
}

async fn secret(cx: Cx) -> ApiResult<Json<CredentialRepresentation>> {
    cx.require(VIEW)?;
    if !cx.rights.has(Right::MANAGE_CLIENTS) {
        let mut client = here(&cx).await?;
        mask(&mut client);
        return Ok(Json(credential(&client)));
    }
    Ok(Json(credential(&here_to_manage(&cx).await?)))
}

async fn regenerate(cx: Cx) -> ApiResult<Json<CredentialRepresentation>> {
    let old = here_to_manage(&cx).await?;
    if old.public_client == Some(true) {
        return Err(ApiError::bad_request("a public client has no secret"));
    }
    let mut new = old.clone();
    let now = cx.services.clock.now();
    let rules = match rotation(&old)? {
        None => client_policy_checks::rotation(&cx, &old).await?,
        own => own,
    };
    match rules {
        Some(rotation) if old.secret.is_some() => {
            rotation.apply(&mut new, Occasion::Regeneration, now, new_secret);
        }
        first => {
            set_new_secret(&mut new, now);
            if let Some(rotation) = first {
                rotation.apply(&mut new, Occasion::Change, now, new_secret);
            }
        }
    }
    let mut batch = Batch::new();
    push_update(&cx, &mut batch, &old, &new)?;
    cx.commit(batch).await?;
    Ok(Json(credential(&new)))
}

async fn service_account(cx: Cx) -> ApiResult<Json<UserRepresentation>> {
    cx.require(VIEW)?;
    let client = here(&cx).await?;
    let id = client.id.as_deref().unwrap_or_default();
    let account = cx.store().find_service_account(&cx.realm.id, id).await?;
    match account {
        Some(user) => Ok(Json(UserRepresentation {
            service_account_client_id: None,
            ..users::without_access(user, false)
        })),
        None => Err(ApiError::error(
            StatusCode::BAD_REQUEST,
            "Service account not enabled for the client",
        )),
    }
}

async fn default_scopes(cx: Cx) -> ApiResult<Json<Value>> {
    linked_scopes(&cx, |c| c.default_client_scopes).await
}

async fn optional_scopes(cx: Cx) -> ApiResult<Json<Value>> {
    linked_scopes(&cx, |c| c.optional_client_scopes).await
}

async fn linked_scopes(
    cx: &Cx,
    list: impl Fn(ClientRepresentation) -> Option<Vec<String>>,
) -> ApiResult<Json<Value>> {
    cx.require(VIEW)?;
    let names = list(here(cx).await?).unwrap_or_default();
    Ok(Json(
        names
            .iter()
            .filter_map(|name| cx.realm.client_scope(name))
            .map(|scope| json!({"id": scope.id, "name": scope.name}))
            .collect(),
    ))
}

async fn add_default_scope(cx: Cx) -> ApiResult<Response> {
    link_scope(cx, Some(true)).await
}

async fn add_optional_scope(cx: Cx) -> ApiResult<Response> {
    link_scope(cx, Some(false)).await
}

async fn remove_default_scope(cx: Cx) -> ApiResult<Response> {
    link_scope(cx, None).await
}

async fn remove_optional_scope(cx: Cx) -> ApiResult<Response> {
    link_scope(cx, None).await
}

/// The protocol of a client or client scope.
fn protocol(given: Option<&String>) -> &str {
    given.map_or("openid-connect", String::as_str)
}

/// Links the scope by default, optionally, or not at all.
async fn link_scope(cx: Cx, by_default: Option<bool>) -> ApiResult<Response> {
    let old = here_to_manage(&cx).await?;
    let scope = crate::client_scopes::here(&cx)?;
    let name = scope.name.clone().unwrap_or_default();
    let mut new = old.clone();
    let default = new.default_client_scopes.get_or_insert_default();
    let optional = new.optional_client_scopes.get_or_insert_default();
    match by_default {
        None => {
            default.retain(|n| *n != name);
            optional.retain(|n| *n != name);
        }
        // Clients of another protocol have no use for it; Keycloak says nothing either.
        Some(_) if protocol(scope.protocol.as_ref()) != protocol(old.protocol.as_ref()) => {}
        // A scope that is linked already stays where it is.
        Some(_) if default.contains(&name) || optional.contains(&name) => {}
        Some(true) => default.push(name),
        Some(false) => optional.push(name),
    }
    let mut batch = Batch::new();
    push_update(&cx, &mut batch, &old, &new)?;
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// All clients of the realm, by clientId.
///
/// # Errors
/// When the database fails.
pub async fn all(cx: &Cx) -> ApiResult<Vec<ClientRepresentation>> {
    Ok(cx.store().search(&cx.realm.id, "", "", Page::ALL).await?)
}
