//! Accounts at identity providers that are linked to the user's.

use axum::Json;
use http::StatusCode;
use realmkeep_events::EventType;
use realmkeep_store::Batch;
use serde_json::{Value, json};

use crate::caller::{Caller, MANAGE_ACCOUNT, MANAGE_LINKS, VIEW_PROFILE};
use crate::error::{AccountError, AccountResult};

pub async fn list(caller: Caller) -> AccountResult<Json<Vec<Value>>> {
    caller.require(&[MANAGE_ACCOUNT, MANAGE_LINKS, VIEW_PROFILE])?;
    let links = caller.bearer.subject.user.federated_identities.as_deref();
    let links = links.unwrap_or_default();
    let wanted = caller.query("linked").map(|v| v == "true");
    let search = caller.query("search").map(str::to_lowercase);
    let mut rows = Vec::new();
    for provider in &caller.realm.identity_providers {
        let alias = provider.alias.as_deref().unwrap_or_default();
        let link = links
            .iter()
            .find(|l| l.identity_provider.as_deref() == Some(alias));
        // Providers that nobody logs in at cannot be linked to.
        let hidden = provider.hide_on_login == Some(true) || provider.enabled == Some(false);
        if (link.is_none() && hidden)
            || wanted.is_some_and(|w| w != link.is_some())
            || search
                .as_ref()
                .is_some_and(|s| !alias.to_lowercase().contains(s))
        {
            continue;
        }
        let name = provider.display_name.as_deref().filter(|n| !n.is_empty());
        rows.push(json!({
            "connected": link.is_some(),
            "providerAlias": alias,
            "providerName": provider.provider_id,
            "displayName": name.unwrap_or(alias),
            "social": false,
            "linkedUsername": link.and_then(|l| l.user_name.clone()),
        }));
    }
    Ok(Json(rows))
}

pub async fn link(caller: Caller) -> AccountResult<Json<Value>> {
    caller.require(&[MANAGE_ACCOUNT, MANAGE_LINKS])?;
    Err(AccountError::not_supported("linking to identity providers"))
}

pub async fn unlink(caller: Caller) -> AccountResult<StatusCode> {
    caller.require(&[MANAGE_ACCOUNT, MANAGE_LINKS])?;
    let alias = caller.param("provider");
    let mut user = caller
        .store()
        .find_user(&caller.realm.id, caller.user_id())
        .await?
        .ok_or_else(AccountError::unauthorized)?;
    let links = user.federated_identities.get_or_insert_default();
    let before = links.len();
    links.retain(|l| l.identity_provider.as_deref() != Some(alias));
    if links.len() == before {
        return Err(AccountError::not_found(
            "the account is not linked to this identity provider",
        ));
    }
    let last = links.is_empty();
    let credentials = caller.store().credentials(caller.user_id()).await?;
    if last && credentials.is_empty() {
        return Err(AccountError::bad_request(
            "without a password this link is the only way to log in",
        ));
    }
    let mut batch = Batch::new();
    batch.push(caller.store().update_user(&caller.realm.id, &user, None)?);
    let event = caller
        .event(EventType::RemoveFederatedIdentity)
        .detail("identity_provider", alias);
    caller.commit(batch, event).await?;
    Ok(StatusCode::NO_CONTENT)
}
