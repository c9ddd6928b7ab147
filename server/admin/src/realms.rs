//! Realms themselves, and what belongs to a realm as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::request::Parts;
use http::{StatusCode, header};
use realmkeep_authn::Services;
use realmkeep_authn::set_password::check_policy;
use realmkeep_keys::vault;
use realmkeep_model::fresh::{self, MASTER};
use realmkeep_model::password_policy::PasswordPolicy;
use realmkeep_representations::{ClientRepresentation, RealmRepresentation};
use realmkeep_store::{Batch, Realm, Touch};
use serde_json::Value;

use crate::actor::Actor;
use crate::audit::Audit;
use crate::clients::ScopeDefaults;
use crate::declarative::{Declared, SecretDigests, refuse_foreign_owner};
use crate::error::{ApiError, ApiResult};
use crate::export::{self, Extent};
use crate::merge::merged;
use crate::request::{Cx, Given};
use crate::rights::Right;
use crate::{user_mail, whole_realm};

const MASK: &str = "**********";

/// `/admin/realms`.
pub fn collection() -> Router<Arc<Services>> {
    Router::new().route("/realms", get(list).post(create))
}

/// `/admin/realms/{realm}`.
pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/", get(read).put(update).delete(delete))
        .route("/partial-export", post(partial_export))
        .route("/testSMTPConnection", post(user_mail::test_connection))
}

/// An authenticated request that is about no realm in particular.
pub struct Caller {
    pub actor: Actor,
    pub audit: Audit,
    pub declared: Declared,
}

impl FromRequestParts<Arc<Services>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        services: &Arc<Services>,
    ) -> Result<Self, ApiError> {
        Ok(Self {
            actor: Actor::authenticate(services, parts).await?,
            audit: Audit::of(parts),
            declared: Declared::of(&parts.headers)?,
        })
    }
}

async fn list(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Query(query): Query<BTreeMap<String, String>>,
) -> ApiResult<Json<Vec<RealmRepresentation>>> {
    let brief = query
        .get("briefRepresentation")
        .is_some_and(|v| v.eq_ignore_ascii_case("true"));
    let mut shown = Vec::new();
    for name in services.store.realm_names().await? {
        let Some(realm) = services.store.realm(&name).await? else {
            continue;
        };
        let rights = caller.actor.rights_in(&services, &realm).await?;
        if rights.is_empty() {
            continue;
        }
        shown.push(if !rights.has(Right::VIEW_REALM) {
            only_name(&realm)
        } else if brief {
            RealmRepresentation {
                id: Some(realm.id.clone()),
                enabled: realm.settings.enabled,
                display_name_html: realm.settings.display_name_html.clone(),
                ..only_name(&realm)
            }
        } else {
            settings_shown(&realm)
        });
    }
    if shown.is_empty() {
        return Err(ApiError::forbidden());
    }
    Ok(Json(shown))
}

fn only_name(realm: &Realm) -> RealmRepresentation {
    RealmRepresentation {
        realm: Some(realm.name.clone()),
        display_name: realm.settings.display_name.clone(),
        ..Default::default()
    }
}

async fn create(
    State(services): State<Arc<Services>>,
    caller: Caller,
    given: Given<RealmRepresentation>,
) -> ApiResult<Response> {
    if !caller.actor.can_create_realms() {
        return Err(ApiError::forbidden());
    }
    let name = given.value.realm.clone().unwrap_or_default();
    let owner = caller.actor.subject.user.id.clone();
    let record = caller.declared.record();
    whole_realm::create(&services, given.value, owner.as_deref(), &record).await?;
    services
        .events
        .emit(&caller.audit.event(&name, &caller.actor));
    let location = format!("{}/admin/realms/{name}", services.base_url.as_str());
    Response::builder()
        .status(StatusCode::CREATED)
        .header(header::LOCATION, location)
        .body(axum::body::Body::empty())
        .map_err(ApiError::internal)
}

/// The realm's settings as they are shown: without the objects that have addresses of their own, with
/// secrets masked.
pub fn settings_shown(realm: &Realm) -> RealmRepresentation {
    let mut shown = RealmRepresentation {
        authentication_flows: None,
        authenticator_config: None,
        required_actions: None,
        default_default_client_scopes: None,
        default_optional_client_scopes: None,
        localization_texts: None,
        protocol_mappers: None,
        ..whole_realm::stored_settings(&realm.settings)
    };
    mask(&mut shown);
    shown
}

/// Puts masks in the place of the realm's secrets.
pub fn mask(realm: &mut RealmRepresentation) {
    realm.private_key = None;
    realm.code_secret = None;
    for key in ["password", "authTokenClientSecret"] {
        let secret = realm.smtp_server.as_mut().and_then(|s| s.get_mut(key));
        if let Some(secret) = secret.filter(|s| !vault::is_reference(s)) {
            MASK.clone_into(secret);
        }
    }
}

async fn read(cx: Cx) -> ApiResult<Response> {
    if cx.rights.has(Right::VIEW_REALM) {
        let digests = SecretDigests::of_realm(&cx)?;
        return Ok(digests.beside(settings_shown(&cx.realm)).into_response());
    }
    Ok(Json(only_name(&cx.realm)).into_response())
}

async fn update(cx: Cx, given: Given<RealmRepresentation>) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    change(&cx, given).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes the realm's settings to what is given of them.
///
/// # Errors
/// 400 names the field; nothing is written then.
pub async fn change(cx: &Cx, given: Given<RealmRepresentation>) -> ApiResult<()> {
    let name = given.value.realm.as_deref().unwrap_or(&cx.realm.name);
    if name != cx.realm.name {
        let new = changed(cx, &cx.realm.settings, &given)?;
        let mut batch = Batch::new();
        rename(cx, &mut batch, name).await?;
        batch.push(cx.store().update_realm(&new)?);
        batch.touch(cx.touch_realm());
        cx.commit(batch).await?;
        return Ok(());
    }
    cx.change_settings(
        |settings, _| {
            *settings = changed(cx, settings, &given)?;
            Ok(())
        },
        |()| None,
    )
    .await
}

fn changed(
    cx: &Cx,
    old: &RealmRepresentation,
    given: &Given<RealmRepresentation>,
) -> ApiResult<RealmRepresentation> {
    let mut json = given.json.clone();
    if let Value::Object(fields) = &mut json {
        // These have addresses of their own; here they are not looked at.
        for object in whole_realm::OBJECTS.into_iter().chain([
            "authenticationFlows",
            "authenticatorConfig",
            "requiredActions",
            "defaultRole",
            "defaultRoles",
            "organizations",
            "federatedUsers",
        ]) {
            fields.remove(object);
        }
    }
    let mut new = merged(old, &json, &[])?;
    new.id.clone_from(&old.id);
    if let Some(given) = &given.value.attributes {
        // Attributes are replaced as a whole; those that stand for settings stay.
        let built_in = fresh::settings().attributes.unwrap_or_default();
        let kept = old.attributes.iter().flatten();
        new.attributes = Some(
            kept.filter(|(key, _)| built_in.contains_key(*key))
                .chain(given)
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect(),
        );
    }
    keep_masked(&mut new, old);
    check(&cx.services, &cx.realm, &new)?;
    Ok(new)
}

fn keep_masked(new: &mut RealmRepresentation, old: &RealmRepresentation) {
    for key in ["password", "authTokenClientSecret"] {
        let Some(smtp) = &mut new.smtp_server else {
            return;
        };
        if smtp.get(key).is_some_and(|v| v == MASK) {
            match old.smtp_server.as_ref().and_then(|s| s.get(key)) {
                Some(secret) => smtp.insert(key.to_owned(), secret.clone()),
                None => smtp.remove(key),
            };
        }
    }
}

fn check(services: &Services, realm: &Realm, new: &RealmRepresentation) -> ApiResult<()> {
    let ssl = new.ssl_required.as_deref().unwrap_or("external");
    if !["all", "external", "none"].contains(&ssl.to_lowercase().as_str()) {
        return Err(ApiError::bad_request(
            "sslRequired: one of all, external, none was expected",
        ));
    }
    let flows = realm
        .settings
        .authentication_flows
        .as_deref()
        .unwrap_or_default();
    for (field, flow) in [
        ("browserFlow", &new.browser_flow),
        ("registrationFlow", &new.registration_flow),
        ("directGrantFlow", &new.direct_grant_flow),
        ("resetCredentialsFlow", &new.reset_credentials_flow),
        ("clientAuthenticationFlow", &new.client_authentication_flow),
        ("dockerAuthenticationFlow", &new.docker_authentication_flow),
        ("firstBrokerLoginFlow", &new.first_broker_login_flow),
    ] {
        if let Some(alias) = flow
            && !flows.iter().any(|f| f.alias.as_ref() == Some(alias))
        {
            return Err(ApiError::bad_request(format!(
                "{field}: there is no authentication flow '{alias}'"
            )));
        }
    }
    for (field, seconds) in [
        ("accessTokenLifespan", new.access_token_lifespan),
        ("accessCodeLifespan", new.access_code_lifespan),
        ("accessCodeLifespanLogin", new.access_code_lifespan_login),
        ("ssoSessionIdleTimeout", new.sso_session_idle_timeout),
        ("ssoSessionMaxLifespan", new.sso_session_max_lifespan),
        (
            "offlineSessionIdleTimeout",
            new.offline_session_idle_timeout,
        ),
    ] {
        if seconds.is_some_and(|s| s < 0) {
            return Err(ApiError::bad_request(format!(
                "{field}: a number of seconds cannot be negative"
            )));
        }
    }
    for (field, seconds) in [
        ("accessCodeLifespanLogin", new.access_code_lifespan_login),
        (
            "accessCodeLifespanUserAction",
            new.access_code_lifespan_user_action,
        ),
    ] {
        if seconds == Some(0) {
            return Err(ApiError::bad_request(format!(
                "{field}: nobody could log in within no time"
            )));
        }
    }
    let limit = |seconds: Option<i32>| seconds.filter(|s| *s > 0);
    let of_clients = (
        limit(new.client_session_idle_timeout),
        limit(new.client_session_max_lifespan),
    );
    check_session_limits(new, of_clients).map_err(ApiError::bad_request)?;
    let policy = PasswordPolicy::of_realm(new.password_policy.as_deref())
        .map_err(|e| ApiError::bad_request(e.to_string()))?;
    check_policy(services, &policy)?;
    if let Some(problem) = realmkeep_authn::webauthn::problem(new) {
        return Err(ApiError::bad_request(problem));
    }
    ScopeDefaults::of_stored(realm).check_realm(new)
}

/// Sessions of clients, idle and in all, end with the session that they are part of.
///
/// # Errors
/// Says which limit is beyond those of the realm's sessions.
pub fn check_session_limits(
    realm: &RealmRepresentation,
    (idle, lifespan): (Option<i32>, Option<i32>),
) -> Result<(), &'static str> {
    let remembers = realm.remember_me == Some(true);
    let most = |usual: Option<i32>, remembered: Option<i32>| {
        let remembered = if remembers { remembered } else { None };
        usual.unwrap_or(0).max(remembered.unwrap_or(0))
    };
    let beyond = |asked: Option<i32>, most: i32| asked.is_some_and(|s| most > 0 && s > most);
    let idle_most = most(
        realm.sso_session_idle_timeout,
        realm.sso_session_idle_timeout_remember_me,
    );
    if beyond(idle, idle_most) {
        return Err(if remembers {
            "Client session idle timeout cannot exceed realm SSO session idle timeout and RememberMe idle timeout."
        } else {
            "Client session idle timeout cannot exceed realm SSO session idle timeout."
        });
    }
    let lifespan_most = most(
        realm.sso_session_max_lifespan,
        realm.sso_session_max_lifespan_remember_me,
    );
    if beyond(lifespan, lifespan_most) {
        return Err(if remembers {
            "Client session max lifespan cannot exceed realm SSO session max lifespan and RememberMe Max span."
        } else {
            "Client session max lifespan cannot exceed realm SSO session max lifespan."
        });
    }
    Ok(())
}

/// The names that follow the realm's: the client with the rights on it, and built-in addresses.
async fn rename(cx: &Cx, batch: &mut Batch, name: &str) -> ApiResult<()> {
    let old = cx.realm.name.as_str();
    if old == MASTER {
        return Err(ApiError::bad_request("Can't rename master realm"));
    }
    whole_realm::check_characters(name)?;
    if name.is_empty() {
        return Err(ApiError::bad_request("Realm name cannot be empty"));
    }
    if let Some(master) = cx.store().realm(MASTER).await?
        && let Some(client) = cx
            .store()
            .client(&master, &fresh::admin_client_id(old))
            .await?
    {
        let renamed = ClientRepresentation {
            client_id: Some(fresh::admin_client_id(name)),
            name: Some(format!("{name} Realm")),
            ..client.representation.clone()
        };
        batch.push(cx.store().update(&master.id, &renamed)?);
        batch.touch(Touch::Realm(master.id.clone()));
    }
    for built_in in ["account", "account-console", "security-admin-console"] {
        let Some(client) = cx.store().client(&cx.realm, built_in).await? else {
            continue;
        };
        let moved = |uri: &String| {
            uri.replace(&format!("/realms/{old}/"), &format!("/realms/{name}/"))
                .replace(&format!("/admin/{old}/"), &format!("/admin/{name}/"))
        };
        let mut client = client.representation.clone();
        client.base_url = client.base_url.as_ref().map(moved);
        client.redirect_uris = client
            .redirect_uris
            .map(|uris| uris.iter().map(moved).collect());
        batch.push(cx.store().update(&cx.realm.id, &client)?);
    }
    Ok(())
}

async fn delete(cx: Cx) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_REALM])?;
    refuse_foreign_owner(&cx).await?;
    whole_realm::delete(&cx.services, &cx.realm).await?;
    cx.changed();
    Ok(StatusCode::NO_CONTENT)
}

async fn partial_export(cx: Cx) -> ApiResult<Json<RealmRepresentation>> {
    // An export of clients or groups shows what only who manages the realm may see together.
    cx.require(&[Right::MANAGE_REALM])?;
    let extent = Extent {
        clients: cx.flag("exportClients"),
        groups_and_roles: cx.flag("exportGroupsAndRoles"),
        users: false,
        secrets: false,
    };
    Ok(Json(export::whole(&cx.services, &cx.realm, extent).await?))
}
