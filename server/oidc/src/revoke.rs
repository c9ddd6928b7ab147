//! Token revocation (RFC 7009).

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use realmkeep_authn::session_end;
use realmkeep_events::{Event, EventType};
use realmkeep_jose::Verified;
use realmkeep_store::single_use::Space;
use realmkeep_store::{Batch, Client, Store};

use crate::bearer::{self, BearerError, revocation_key};
use crate::client_auth::{self, Authenticated};
use crate::context::Context;
use crate::cors;
use crate::error::{OAuthError, chain, no_store};
use crate::form::Form;
use crate::issue::client_id;
use crate::logout;
use crate::policies::{self, Check, PolicyEvent};
use crate::token::{note_client, refresh_token, refuse};

pub(crate) async fn endpoint(context: Context, headers: HeaderMap, body: Bytes) -> Response {
    let mut event = context.event(EventType::RevokeGrant);
    match revoke(&context, &headers, &body, &mut event).await {
        Ok(caller) => {
            context.emit(&event);
            let response = (StatusCode::OK, no_store()).into_response();
            if cors::allows(&context, &caller.client.representation) {
                cors::expose(&context, response)
            } else {
                response
            }
        }
        Err(error) => {
            refuse(&context, event, &error);
            error.into_response()
        }
    }
}

async fn revoke(
    context: &Context,
    headers: &HeaderMap,
    body: &Bytes,
    event: &mut Event,
) -> Result<Authenticated, OAuthError> {
    let form = Form::from_body(headers, body)?;
    let caller = client_auth::authenticate(context, headers, &form).await?;
    note_client(event, &caller);
    let text = form
        .value("token")
        .ok_or_else(|| OAuthError::invalid_request("Token not provided"))?;
    let check = Check {
        client: Some(&caller.client.representation),
        form: Some(&form),
        headers: Some(headers),
        ..Check::new(PolicyEvent::Revocation, context)
    };
    // The hint only says where to look first (section 2.1); what a token is stands in it.
    if let Ok(token) = refresh_token::read(context, text).await {
        own(&caller.client, &token)?;
        let token_of = Some(&token);
        policies::enforce(Check {
            token: token_of,
            ..check
        })
        .await?;
        note_token(event, &token);
        end_part(context, &caller.client, &token).await?;
        return Ok(caller);
    }
    let found = bearer::signed_by_us(&context.services, &context.realm, text).await;
    policies::enforce(Check {
        token: found.as_ref().ok(),
        ..check
    })
    .await?;
    match found {
        Ok(token) if token.str("typ") == Some("Bearer") => {
            own(&caller.client, &token)?;
            note_token(event, &token);
            let until = token.exp().unwrap_or(context.now).saturating_add(1);
            if let Some(id) = token.jti() {
                let key = revocation_key(&context.realm, id);
                // Revoking twice is the same as revoking once.
                context
                    .services
                    .store
                    .mark_used(Space::RevokedToken, &key, until)
                    .await?;
            }
        }
        // Section 2.2: a token that is not known needs no revocation.
        Ok(_)
        | Err(BearerError::Invalid(_) | BearerError::NotActive(_) | BearerError::Unproven(_)) => {
            event
                .details
                .insert("reason", "not a token of this realm".to_owned());
        }
        Err(e) => return Err(OAuthError::internal(&chain(&e))),
    }
    Ok(caller)
}

fn own(client: &std::sync::Arc<Client>, token: &Verified) -> Result<(), OAuthError> {
    if token.str("azp") == Some(client_id(client)) {
        Ok(())
    } else {
        Err(OAuthError::invalid_request("Unmatching clients").event("invalid_token"))
    }
}

/// Ends the client's part in the session, and the session when that was the last part.
async fn end_part(context: &Context, client: &Client, token: &Verified) -> Result<(), OAuthError> {
    let store = &context.services.store;
    let Some(sid) = token.str("sid") else {
        return Ok(());
    };
    let own_id = client.representation.id.as_deref().unwrap_or_default();
    // The session id is from a token we signed; still it has to be one of this realm.
    let Some(session) = store.find_session(&context.realm.id, sid).await? else {
        return Ok(());
    };
    let others = store
        .client_sessions(sid)
        .await?
        .iter()
        .any(|part| part.client_id != own_id);
    let mut batch = Batch::new();
    if others {
        batch.push(Store::end_client_session(sid, own_id));
    } else {
        for step in session_end::end(&context.services, &context.realm, &session).await? {
            batch.push(step);
        }
    }
    store.commit(batch).await?;
    logout::deliver_soon(&context.services);
    Ok(())
}

fn note_token(event: &mut Event, token: &Verified) {
    event.user_id = token.sub().map(str::to_owned);
    event.session_id = token.str("sid").map(str::to_owned);
    if let Some(id) = token.jti() {
        event.details.insert("token_id", id.to_owned());
    }
}
