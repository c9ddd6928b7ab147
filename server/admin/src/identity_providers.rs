//! Identity providers and their mappers.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use realmkeep_authn::Services;
use realmkeep_keys::vault;
use realmkeep_representations::{
    IdentityProviderMapperRepresentation, IdentityProviderRepresentation,
};
use realmkeep_store::{Batch, Store};
use serde_json::{Value, json};
use url::{Host, Url};

use crate::declarative::SecretDigests;
use crate::error::{ApiError, ApiResult};
use crate::merge::merged;
use crate::request::{Cx, Given, new_id};
use crate::rights::Right;

const VIEW: &[Right] = &[Right::VIEW_IDENTITY_PROVIDERS];
const MANAGE: &[Right] = &[Right::MANAGE_IDENTITY_PROVIDERS];

/// The issuer of a cluster that is not told apart from others.
const KUBERNETES_ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
/// What is shown and taken in the place of a secret.
const MASK: &str = "**********";

/// Provider ids that may be stored, with what each can be used for. `kubernetes` and `oidc` work as
/// issuers of client assertions; the others are kept as they are until brokering comes.
const PROVIDERS: [(&str, &str, &[&str]); 17] = [
    ("kubernetes", "Kubernetes", &["CLIENT_ASSERTION"]),
    ("oidc", "OpenID Connect v1.0", OIDC_USES),
    ("keycloak-oidc", "Keycloak OpenID Connect", OIDC_USES),
    ("saml", "SAML v2.0", &["USER_AUTHENTICATION"]),
    ("oauth2", "OAuth v2", &["USER_AUTHENTICATION"]),
    (
        "jwt-authorization-grant",
        "JWT Authorization Grant",
        &["JWT_AUTHORIZATION_GRANT"],
    ),
    ("bitbucket", "BitBucket", SOCIAL_USES),
    ("facebook", "Facebook", SOCIAL_USES),
    ("github", "GitHub", SOCIAL_USES),
    ("gitlab", "GitLab", SOCIAL_USES),
    ("google", "Google", SOCIAL_USES),
    ("linkedin-openid-connect", "LinkedIn", SOCIAL_USES),
    ("microsoft", "Microsoft", SOCIAL_USES),
    ("openshift-v4", "Openshift v4", SOCIAL_USES),
    ("paypal", "PayPal", SOCIAL_USES),
    ("stackoverflow", "StackOverflow", SOCIAL_USES),
    ("twitter", "Twitter", SOCIAL_USES),
];
const OIDC_USES: &[&str] = &[
    "USER_AUTHENTICATION",
    "CLIENT_ASSERTION",
    "TRUST_MATERIAL",
    "EXCHANGE_EXTERNAL_TOKEN",
    "JWT_AUTHORIZATION_GRANT",
];
const SOCIAL_USES: &[&str] = &["USER_AUTHENTICATION", "EXCHANGE_EXTERNAL_TOKEN"];

/// Addresses in a provider's configuration, with the name that messages use.
const ADDRESSES: [(&str, &str); 7] = [
    ("issuer", "Issuer"),
    ("authorizationUrl", "Authorization URL"),
    ("tokenUrl", "Token URL"),
    ("userInfoUrl", "User Info URL"),
    ("logoutUrl", "Logout URL"),
    ("jwksUrl", "JWKS URL"),
    ("tokenIntrospectionUrl", "Token Introspection URL"),
];

pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/instances", get(list).post(create))
        .route("/instances/{alias}", get(read).put(update).delete(delete))
        .route("/instances/{alias}/mapper-types", get(mapper_types))
        .route(
            "/instances/{alias}/mappers",
            get(list_mappers).post(create_mapper),
        )
        .route(
            "/instances/{alias}/mappers/{id}",
            get(read_mapper).put(update_mapper).delete(delete_mapper),
        )
        .route("/providers/{provider}", get(provider))
}

/// The identity providers as `serverinfo` lists them.
pub fn listed() -> Value {
    PROVIDERS
        .iter()
        .filter(|(_, _, uses)| uses.contains(&"CLIENT_ASSERTION"))
        .map(|(id, name, _)| json!({"groupName": "User-defined", "name": name, "id": id}))
        .collect()
}

/// The provider as it may be stored beside `others`: defaults filled in, configuration checked.
///
/// # Errors
/// 400 in the words that existing clients know.
pub fn checked(
    mut provider: IdentityProviderRepresentation,
    ssl_required: Option<&str>,
    others: &[IdentityProviderRepresentation],
) -> ApiResult<IdentityProviderRepresentation> {
    let id = provider.provider_id.clone().unwrap_or_default();
    if !PROVIDERS.iter().any(|(known, ..)| *known == id) {
        return Err(ApiError::bad_request(format!(
            "Invalid identity provider id [{id}]"
        )));
    }
    let alias = provider.alias.clone().unwrap_or_default();
    if alias.is_empty() {
        return Err(ApiError::bad_request("The alias is missing"));
    }
    if alias.contains(char::is_whitespace) {
        return Err(ApiError::error(
            StatusCode::BAD_REQUEST,
            "Empty Space not allowed.",
        ));
    }
    crate::whole_realm::check_characters(&alias)?;
    provider.enabled.get_or_insert(true);
    provider.types = None;
    let config = provider.config.get_or_insert_default();
    if id == "kubernetes" {
        provider.hide_on_login = Some(true);
        let issuer = config.entry("issuer".to_owned()).or_default();
        if issuer.is_empty() {
            KUBERNETES_ISSUER.clone_into(issuer);
        }
    }
    for (key, label) in ADDRESSES {
        let Some(address) = config.get(key).filter(|a| !a.is_empty()) else {
            continue;
        };
        // The issuer of other providers is a name that is compared, not an address that is called.
        if key == "issuer" && id != "kubernetes" {
            continue;
        }
        check_address(address, label, ssl_required)?;
    }
    for number in ["allowedClockSkew", "fedClientAssertionMaxExp"] {
        if let Some(text) = config.get(number).filter(|n| !n.is_empty())
            && text.parse::<u32>().is_err()
        {
            return Err(ApiError::bad_request(format!(
                "config.{number}: a whole number of seconds was expected"
            )));
        }
    }
    if vouches_for_clients(&provider) {
        let issuer = issuer_of(&provider);
        let rival = others.iter().find(|other| {
            other.alias != provider.alias
                && vouches_for_clients(other)
                && issuer.is_some()
                && issuer_of(other) == issuer
        });
        if let Some(rival) = rival {
            return Err(ApiError::bad_request(format!(
                "Issuer URL already used for IDP '{}', Issuer must be unique if the idp supports JWT \
                 Authorization Grant or Federated Client Authentication",
                rival.alias.as_deref().unwrap_or_default()
            )));
        }
    }
    Ok(provider)
}

fn vouches_for_clients(provider: &IdentityProviderRepresentation) -> bool {
    let config = provider.config.as_ref();
    let on = |key: &str| {
        config
            .and_then(|c| c.get(key))
            .is_some_and(|v| v.eq_ignore_ascii_case("true"))
    };
    match provider.provider_id.as_deref() {
        Some("kubernetes" | "jwt-authorization-grant") => true,
        _ => on("supportsClientAssertions") || on("jwtAuthorizationGrantEnabled"),
    }
}

fn issuer_of(provider: &IdentityProviderRepresentation) -> Option<&str> {
    let issuer = provider.config.as_ref()?.get("issuer")?;
    Some(issuer.as_str()).filter(|i| !i.is_empty())
}

fn check_address(address: &str, label: &str, ssl_required: Option<&str>) -> ApiResult<()> {
    let malformed = || ApiError::bad_request(format!("The url [{label}] is malformed"));
    let url = Url::parse(address).map_err(|_| malformed())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(malformed());
    }
    let open = match ssl_required.unwrap_or("external").to_lowercase().as_str() {
        "none" => true,
        "all" => false,
        _ => is_local(&url),
    };
    if url.scheme() == "http" && !open {
        return Err(ApiError::bad_request(format!(
            "The url [{label}] requires secure connections"
        )));
    }
    Ok(())
}

/// Loopback and private networks, for which a realm may allow plain HTTP.
fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private(),
        Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// As it is shown: uses added, secrets masked.
pub fn shown(mut provider: IdentityProviderRepresentation) -> IdentityProviderRepresentation {
    let id = provider.provider_id.clone().unwrap_or_default();
    if let Some((.., uses)) = PROVIDERS.iter().find(|(known, ..)| *known == id) {
        provider.types = Some(uses.iter().map(|&u| u.to_owned()).collect());
    }
    if let Some(secret) = provider
        .config
        .as_mut()
        .and_then(|c| c.get_mut("clientSecret"))
        .filter(|s| !vault::is_reference(s))
    {
        MASK.clone_into(secret);
    }
    provider
}

fn keep_masked(new: &mut IdentityProviderRepresentation, old: &IdentityProviderRepresentation) {
    let old = old.config.as_ref().and_then(|c| c.get("clientSecret"));
    if let Some(config) = &mut new.config
        && config.get("clientSecret").is_some_and(|s| s == MASK)
    {
        match old {
            Some(secret) => config.insert("clientSecret".to_owned(), secret.clone()),
            None => config.remove("clientSecret"),
        };
    }
}

async fn list(cx: Cx) -> ApiResult<Json<Vec<IdentityProviderRepresentation>>> {
    cx.require(VIEW)?;
    let page = cx.page()?;
    let search = cx.query("search").map(str::to_lowercase);
    let kind = cx.query("type");
    let found = cx.realm.identity_providers.iter().filter(|p| {
        let alias = p.alias.as_deref().unwrap_or_default().to_lowercase();
        search
            .as_ref()
            .is_none_or(|s| alias.contains(s.trim_matches(['*', '"'])))
    });
    let skip = usize::try_from(page.first).unwrap_or(0);
    let take = usize::try_from(page.max).unwrap_or(usize::MAX);
    Ok(Json(
        found
            .cloned()
            .map(shown)
            .filter(|p| kind.is_none_or(|k| p.types.iter().flatten().any(|t| t == k)))
            .skip(skip)
            .take(take)
            .collect(),
    ))
}

async fn create(cx: Cx, given: Given<IdentityProviderRepresentation>) -> ApiResult<Response> {
    cx.require(MANAGE)?;
    let mut provider = checked(
        given.value,
        cx.realm.settings.ssl_required.as_deref(),
        &cx.realm.identity_providers,
    )?;
    let alias = provider.alias.clone().unwrap_or_default();
    if cx.realm.identity_provider(&alias).is_some() {
        return Err(ApiError::conflict(format!(
            "Identity Provider {alias} already exists"
        )));
    }
    provider.internal_id = Some(new_id());
    let mut batch = Batch::new();
    batch.push(cx.store().insert(&cx.realm.id, &provider)?);
    batch.touch(cx.touch_realm());
    cx.commit_created(batch, &alias).await
}

async fn read(cx: Cx) -> ApiResult<impl IntoResponse> {
    cx.require(VIEW)?;
    let provider = here(&cx)?;
    let digests = SecretDigests::of_provider(&cx, provider)?;
    Ok(digests.beside(shown(provider.clone())))
}

async fn update(cx: Cx, given: Given<IdentityProviderRepresentation>) -> ApiResult<StatusCode> {
    cx.require(MANAGE)?;
    let old = here(&cx)?;
    let mut new = merged(old, &given.json, &[])?;
    new.internal_id.clone_from(&old.internal_id);
    if new.alias != old.alias {
        // Mappers and clients refer to a provider by its alias.
        return Err(ApiError::bad_request(
            "the alias of an identity provider cannot be changed; create another one",
        ));
    }
    keep_masked(&mut new, old);
    let new = checked(
        new,
        cx.realm.settings.ssl_required.as_deref(),
        &cx.realm.identity_providers,
    )?;
    let mut batch = Batch::new();
    batch.push(cx.store().update(&cx.realm.id, &new)?);
    batch.touch(cx.touch_realm());
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete(cx: Cx) -> ApiResult<StatusCode> {
    cx.require(MANAGE)?;
    let provider = here(&cx)?;
    let alias = provider.alias.clone().unwrap_or_default();
    let mut batch = Batch::new();
    let mappers: Vec<IdentityProviderMapperRepresentation> =
        cx.store().children(&cx.realm.id, &alias).await?;
    for mapper in &mappers {
        batch.push(Store::delete::<IdentityProviderMapperRepresentation>(
            &cx.realm.id,
            mapper.id.as_deref().unwrap_or_default(),
        ));
    }
    batch.push(Store::delete::<IdentityProviderRepresentation>(
        &cx.realm.id,
        provider.internal_id.as_deref().unwrap_or_default(),
    ));
    batch.touch(cx.touch_realm());
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The provider in the request's path, by its alias or its internal id.
fn here(cx: &Cx) -> ApiResult<&IdentityProviderRepresentation> {
    let name = cx.param("alias");
    let by_id = || {
        let mut all = cx.realm.identity_providers.iter();
        all.find(|provider| provider.internal_id.as_deref() == Some(name))
    };
    cx.realm
        .identity_provider(name)
        .or_else(by_id)
        .ok_or_else(|| ApiError::not_found("HTTP 404 Not Found"))
}

async fn provider(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(VIEW)?;
    let id = cx.param("provider");
    let (id, name, _) = PROVIDERS
        .iter()
        .find(|(known, ..)| *known == id)
        .ok_or_else(|| ApiError::error(StatusCode::BAD_REQUEST, "HTTP 400 Bad Request"))?;
    Ok(Json(
        json!({"name": name, "id": id, "configProperties": [], "configMetadata": []}),
    ))
}

/// None yet: they come with brokering.
async fn mapper_types(cx: Cx) -> ApiResult<Json<Value>> {
    cx.require(VIEW)?;
    here(&cx)?;
    Ok(Json(json!({})))
}

async fn list_mappers(cx: Cx) -> ApiResult<Json<Vec<IdentityProviderMapperRepresentation>>> {
    cx.require(VIEW)?;
    let alias = here(&cx)?.alias.clone().unwrap_or_default();
    Ok(Json(cx.store().children(&cx.realm.id, &alias).await?))
}

async fn create_mapper(
    cx: Cx,
    given: Given<IdentityProviderMapperRepresentation>,
) -> ApiResult<Response> {
    cx.require(MANAGE)?;
    let alias = here(&cx)?.alias.clone();
    let mut mapper = given.value;
    if mapper.name.as_deref().unwrap_or_default().is_empty() {
        return Err(ApiError::bad_request("name: a mapper needs a name"));
    }
    let id = new_id();
    mapper.id = Some(id.clone());
    mapper.identity_provider_alias = alias;
    mapper.config.get_or_insert_with(BTreeMap::new);
    let mut batch = Batch::new();
    batch.push(cx.store().insert(&cx.realm.id, &mapper)?);
    cx.commit_created(batch, &id).await
}

async fn read_mapper(cx: Cx) -> ApiResult<Json<IdentityProviderMapperRepresentation>> {
    cx.require(VIEW)?;
    Ok(Json(mapper_here(&cx).await?))
}

async fn update_mapper(
    cx: Cx,
    given: Given<IdentityProviderMapperRepresentation>,
) -> ApiResult<StatusCode> {
    cx.require(MANAGE)?;
    let old = mapper_here(&cx).await?;
    let mut new = merged(&old, &given.json, &[])?;
    new.id = old.id;
    new.identity_provider_alias = old.identity_provider_alias;
    let mut batch = Batch::new();
    batch.push(cx.store().update(&cx.realm.id, &new)?);
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete_mapper(cx: Cx) -> ApiResult<StatusCode> {
    cx.require(MANAGE)?;
    let mapper = mapper_here(&cx).await?;
    let mut batch = Batch::new();
    batch.push(Store::delete::<IdentityProviderMapperRepresentation>(
        &cx.realm.id,
        mapper.id.as_deref().unwrap_or_default(),
    ));
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn mapper_here(cx: &Cx) -> ApiResult<IdentityProviderMapperRepresentation> {
    let alias = &here(cx)?.alias;
    cx.store()
        .find::<IdentityProviderMapperRepresentation>(&cx.realm.id, cx.param("id"))
        .await?
        .filter(|m| m.identity_provider_alias == *alias)
        .ok_or_else(|| ApiError::not_found("Model not found"))
}
