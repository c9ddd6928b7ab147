//! Where the trusted entity says what the user answered.

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use realmkeep_authn::{random, session};
use realmkeep_events::{Event, EventType};
use realmkeep_store::pending::{Approval, PendingKind, PendingStatus};
use realmkeep_store::sessions::{ClientSessionDetail, UserSession, UserSessionDetail};
use realmkeep_store::{Batch, Store, StoreError};
use serde::Deserialize;

use super::{CibaRequest, channel};
use crate::bearer;
use crate::context::Context;
use crate::error::{OAuthError, no_store};
use crate::token::refuse;

#[derive(Deserialize)]
struct Answer {
    status: Status,
}

/// How the authentication ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Status {
    #[serde(rename = "SUCCEED")]
    Succeed,
    /// The user did not prove who they are.
    #[serde(rename = "UNAUTHORIZED")]
    Unauthorized,
    /// The user does not want to.
    #[serde(rename = "CANCELLED")]
    Cancelled,
}

pub(crate) async fn endpoint(context: Context, headers: HeaderMap, body: Bytes) -> Response {
    let mut event = context.event(EventType::Login);
    event.details.insert("auth_method", "oidc-ciba".to_owned());
    match take(&context, &headers, &body, &mut event).await {
        Ok(status) => {
            let event = match status {
                Status::Succeed => event,
                Status::Unauthorized => event.failed("not_allowed"),
                Status::Cancelled => event.failed("rejected_by_user"),
            };
            context.emit(&event);
            (StatusCode::OK, no_store()).into_response()
        }
        Err(error) => {
            refuse(&context, event, &error);
            error.into_response()
        }
    }
}

async fn take(
    context: &Context,
    headers: &HeaderMap,
    body: &Bytes,
    event: &mut Event,
) -> Result<Status, OAuthError> {
    let token = bearer::of_header(headers).ok_or_else(|| {
        OAuthError::new(
            StatusCode::UNAUTHORIZED,
            "invalid_token",
            "The token of the authentication request is missing",
        )
    })?;
    let id = channel::grant_of(context, token).await?;
    let answer: Answer = serde_json::from_slice(body).map_err(|_| {
        OAuthError::invalid_request("status is none of SUCCEED, UNAUTHORIZED and CANCELLED")
    })?;
    let late = || {
        OAuthError::invalid_request("The request was answered before, or has expired")
            .event("expired_code")
    };
    let store = &context.services.store;
    let grant = store
        .find_pending::<CibaRequest>(&context.realm.id, PendingKind::Ciba, &id)
        .await?
        .filter(|grant| grant.status == PendingStatus::Pending)
        .ok_or_else(late)?;
    event.user_id = Some(grant.request.user_id.clone());
    let mut batch = Batch::new();
    if answer.status == Status::Succeed {
        let session = UserSession {
            id: random::token(18),
            user_id: grant.request.user_id.clone(),
            started: context.now,
            last_refresh: context.now,
            expires: session::expiry(&context.realm, false, context.now, context.now),
            detail: UserSessionDetail {
                ip_address: context.ip.clone(),
                auth_time: context.now,
                ..UserSessionDetail::default()
            },
        };
        event.session_id = Some(session.id.clone());
        let detail = ClientSessionDetail {
            scope: grant.request.scope.clone(),
            ..ClientSessionDetail::default()
        };
        let approval = Approval {
            user_id: session.user_id.clone(),
            session_id: session.id.clone(),
        };
        let (realm, client) = (&context.realm.id, &grant.client_id);
        let part = Store::put_client_session(&session.id, client, context.now, &detail)?;
        batch.push(Store::insert_session(realm, &session)?);
        batch.push(part);
        batch.push(Store::approve_pending(&grant.id, &approval, context.now)?);
    } else {
        batch.push(Store::deny_pending(&grant.id, context.now));
    }
    match store.commit(batch).await {
        Ok(_) => {}
        Err(StoreError::Guard(_)) => return Err(late()),
        Err(e) => return Err(e.into()),
    }
    if let Some(ping) = &grant.request.ping {
        channel::notify(context, ping);
    }
    Ok(answer.status)
}
