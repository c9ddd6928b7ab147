//! What a user allowed applications to have, seen and taken back.

use std::collections::BTreeMap;

use axum::Json;
use http::StatusCode;
use realmkeep_representations::ClientRepresentation;
use realmkeep_store::{Batch, Store};
use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};
use crate::request::Cx;
use crate::users;

pub async fn list(cx: Cx) -> ApiResult<Json<Vec<Value>>> {
    cx.require(users::VIEW)?;
    let user = users::here(&cx).await?.id.unwrap_or_default();
    let mut offline = offline_clients(&cx, &user).await?;
    let mut rows = Vec::new();
    for consent in cx.store().consents_of_user(&user).await? {
        let Some(client) = cx
            .store()
            .client_by_id(&cx.realm, &consent.client_id)
            .await?
        else {
            continue;
        };
        let scopes: Vec<&String> = cx
            .realm
            .client_scopes
            .iter()
            .filter(|s| s.id.as_ref().is_some_and(|id| consent.scopes.contains(id)))
            .filter_map(|s| s.name.as_ref())
            .collect();
        let grants = match offline.remove(&consent.client_id) {
            Some(_) => vec![offline_grant(&consent.client_id)],
            None => Vec::new(),
        };
        rows.push(json!({
            "clientId": client.representation.client_id,
            "grantedClientScopes": scopes,
            "createdDate": consent.created,
            "lastUpdatedDate": consent.updated,
            "additionalGrants": grants,
        }));
    }
    for (id, client_id) in offline {
        rows.push(json!({
            "clientId": client_id,
            "grantedClientScopes": [],
            "createdDate": null,
            "lastUpdatedDate": null,
            "additionalGrants": [offline_grant(&id)],
        }));
    }
    Ok(Json(rows))
}

fn offline_grant(client: &str) -> Value {
    json!({"client": client, "key": "Offline Token"})
}

/// Clients that hold offline tokens of the user: clientIds by id.
async fn offline_clients(cx: &Cx, user: &str) -> ApiResult<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let sessions = cx
        .store()
        .offline_sessions_of_user(&cx.realm.id, user)
        .await?;
    for session in sessions {
        for part in cx.store().client_sessions(&session.id).await? {
            let client = cx.store().client_by_id(&cx.realm, &part.client_id).await?;
            if let Some(name) = client.and_then(|c| c.representation.client_id.clone()) {
                found.insert(part.client_id, name);
            }
        }
    }
    Ok(found)
}

pub async fn revoke(cx: Cx) -> ApiResult<StatusCode> {
    let user = users::here_to_manage(&cx).await?.id.unwrap_or_default();
    let client = cx
        .store()
        .find_named::<ClientRepresentation>(&cx.realm.id, "", cx.param("client"))
        .await?
        .and_then(|c| c.id)
        .ok_or_else(|| ApiError::not_found("Client not found"))?;
    let consent = cx.store().consent(&user, &client).await?;
    let offline = offline_clients(&cx, &user).await?.contains_key(&client);
    if consent.is_none() && !offline {
        return Err(ApiError::not_found("Consent nor offline token not found"));
    }
    let mut batch = Batch::new();
    if consent.is_some() {
        batch.push(Store::revoke_consent(&user, &client));
    }
    batch.push(Store::end_offline_sessions_of_client(
        &cx.realm.id,
        &user,
        &client,
    ));
    batch.touch(cx.touch_user(&user));
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}
