//! Applications that the user uses, and what they allowed them to have.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use realmkeep_authn::session::is_alive;
use realmkeep_events::EventType;
use realmkeep_representations::ClientRepresentation;
use realmkeep_store::consents::UserConsent;
use realmkeep_store::{Batch, Store};
use serde_json::{Value, json};

use crate::caller::{
    Body, Caller, MANAGE_ACCOUNT, MANAGE_CONSENT, VIEW_APPLICATIONS, VIEW_CONSENT,
};
use crate::error::{AccountError, AccountResult};

pub async fn list(caller: Caller) -> AccountResult<Json<Vec<Value>>> {
    caller.require(&[MANAGE_ACCOUNT, VIEW_APPLICATIONS])?;
    let now = caller.services.clock.now();
    let (realm, user) = (&caller.realm, caller.user_id());
    let mut in_use = BTreeSet::new();
    for session in caller.store().sessions_of_user(&realm.id, user).await? {
        if is_alive(realm, &session, now) {
            let parts = caller.store().client_sessions(&session.id).await?;
            in_use.extend(parts.into_iter().map(|part| part.client_id));
        }
    }
    let mut offline = BTreeSet::new();
    for session in caller
        .store()
        .offline_sessions_of_user(&realm.id, user)
        .await?
    {
        if is_alive(realm, &session, now) {
            let parts = caller.store().client_sessions(&session.id).await?;
            offline.extend(parts.into_iter().map(|part| part.client_id));
        }
    }
    let consents: BTreeMap<String, UserConsent> = caller
        .store()
        .consents_of_user(user)
        .await?
        .into_iter()
        .map(|consent| (consent.client_id.clone(), consent))
        .collect();
    let wanted = caller.query("name").map(str::to_lowercase);
    let mut rows = Vec::new();
    for client in caller
        .store()
        .list::<ClientRepresentation>(&realm.id)
        .await?
    {
        let id = client.id.clone().unwrap_or_default();
        let listed = client.always_display_in_console == Some(true)
            || in_use.contains(&id)
            || offline.contains(&id)
            || consents.contains_key(&id);
        let name = client.name.as_deref().or(client.client_id.as_deref());
        let fits = wanted
            .as_ref()
            .is_none_or(|w| name.unwrap_or_default().to_lowercase().contains(w));
        if !listed || !fits || client.bearer_only == Some(true) || client.enabled == Some(false) {
            continue;
        }
        let consent = consents.get(&id).map(|c| shown_consent(&caller, c));
        rows.push(shown(
            &caller,
            &client,
            in_use.contains(&id),
            offline.contains(&id),
            consent,
        ));
    }
    Ok(Json(rows))
}

fn shown(
    caller: &Caller,
    client: &ClientRepresentation,
    in_use: bool,
    offline: bool,
    consent: Option<Value>,
) -> Value {
    let attribute = |name: &str| client.attributes.as_ref()?.get(name);
    let base = caller.services.base_url.as_str();
    let absolute = |url: &str| {
        let url = url
            .replace("${authBaseUrl}", base)
            .replace("${authAdminUrl}", base);
        let root = client.root_url.as_deref().unwrap_or(base);
        let root = root
            .replace("${authBaseUrl}", base)
            .replace("${authAdminUrl}", base);
        if url.starts_with('/') {
            format!("{}{url}", root.trim_end_matches('/'))
        } else {
            url
        }
    };
    let address = client
        .base_url
        .as_deref()
        .filter(|url| !url.is_empty())
        .map(absolute);
    let mut row = json!({
        "clientId": client.client_id,
        "clientName": client.name.clone().unwrap_or_default(),
        "description": client.description.clone().unwrap_or_default(),
        "userConsentRequired": client.consent_required.unwrap_or(false),
        "inUse": in_use,
        "offlineAccess": offline,
        "rootUrl": client.root_url,
        "baseUrl": client.base_url,
        "effectiveUrl": address,
        "logoUri": attribute("logoUri"),
        "policyUri": attribute("policyUri"),
        "tosUri": attribute("tosUri"),
        "consent": consent,
    });
    if let Value::Object(fields) = &mut row {
        fields.retain(|_, value| !value.is_null());
    }
    row
}

fn shown_consent(caller: &Caller, consent: &UserConsent) -> Value {
    let scopes: Vec<Value> = caller
        .realm
        .client_scopes
        .iter()
        .filter(|s| s.id.as_ref().is_some_and(|id| consent.scopes.contains(id)))
        .map(|s| {
            let text = s
                .attributes
                .as_ref()
                .and_then(|a| a.get("consent.screen.text"));
            let text = text.filter(|t| !t.is_empty()).or(s.name.as_ref());
            json!({"id": s.id, "name": s.name, "displayText": text})
        })
        .collect();
    json!({
        "grantedScopes": scopes,
        "createdDate": consent.created,
        "lastUpdatedDate": consent.updated,
    })
}

async fn client_here(caller: &Caller) -> AccountResult<ClientRepresentation> {
    let client = caller
        .store()
        .client(&caller.realm, caller.param("client"))
        .await?
        .ok_or_else(|| AccountError::not_found("No client with clientId found"))?;
    Ok(client.representation.clone())
}

pub async fn consent(caller: Caller) -> AccountResult<Response> {
    caller.require(&[MANAGE_ACCOUNT, VIEW_CONSENT, MANAGE_CONSENT])?;
    let client = client_here(&caller).await?.id.unwrap_or_default();
    Ok(
        match caller.store().consent(caller.user_id(), &client).await? {
            Some(consent) => Json(shown_consent(&caller, &consent)).into_response(),
            None => StatusCode::NO_CONTENT.into_response(),
        },
    )
}

/// Makes the named client scopes what the user allows the client.
pub async fn grant(caller: Caller, body: Body) -> AccountResult<Json<Value>> {
    caller.require(&[MANAGE_ACCOUNT, MANAGE_CONSENT])?;
    let client = client_here(&caller).await?;
    let id = client.id.clone().unwrap_or_default();
    let given = body.0.get("grantedScopes").and_then(Value::as_array);
    let mut scopes = BTreeSet::new();
    for scope in given.into_iter().flatten() {
        let wanted = scope.get("id").and_then(Value::as_str).unwrap_or_default();
        let known = caller.realm.client_scopes.iter().find(|s| {
            let linked = client
                .default_client_scopes
                .iter()
                .chain(&client.optional_client_scopes)
                .flatten()
                .any(|name| Some(name) == s.name.as_ref());
            s.id.as_deref() == Some(wanted) && linked
        });
        if known.is_none() {
            return Err(AccountError::bad_request(format!(
                "Scope id {wanted} does not exist for client"
            )));
        }
        scopes.insert(wanted.to_owned());
    }
    let known = caller.store().consent(caller.user_id(), &id).await?;
    let now = caller.services.clock.now_millis();
    let mut batch = Batch::new();
    batch.push(Store::put_consent(caller.user_id(), &id, &scopes, now)?);
    let kind = if known.is_some() {
        EventType::UpdateConsent
    } else {
        EventType::GrantConsent
    };
    let event = caller.event(kind).client(caller.param("client"));
    caller.commit(batch, event).await?;
    let stored = caller.store().consent(caller.user_id(), &id).await?;
    Ok(Json(
        stored.map_or(Value::Null, |c| shown_consent(&caller, &c)),
    ))
}

/// Takes back what the user allowed, and the offline tokens with it.
pub async fn revoke(caller: Caller) -> AccountResult<StatusCode> {
    caller.require(&[MANAGE_ACCOUNT, MANAGE_CONSENT])?;
    let client = client_here(&caller).await?.id.unwrap_or_default();
    let mut batch = Batch::new();
    if caller
        .store()
        .consent(caller.user_id(), &client)
        .await?
        .is_some()
    {
        batch.push(Store::revoke_consent(caller.user_id(), &client));
    }
    batch.push(Store::end_offline_sessions_of_client(
        &caller.realm.id,
        caller.user_id(),
        &client,
    ));
    let event = caller
        .event(EventType::RevokeGrant)
        .client(caller.param("client"));
    caller.commit(batch, event).await?;
    Ok(StatusCode::NO_CONTENT)
}
