//! Pushed authorization requests (RFC 9126): the client sends the parameters itself and proves who
//! it is; the browser carries a reference that counts once.

use std::sync::Arc;

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode};
use realmkeep_authn::authorization_request::AuthorizationRequest;
use realmkeep_authn::random;
use realmkeep_events::{Event, EventType};
use realmkeep_jose::{base64url, sha256};
use realmkeep_store::single_use::Space;
use realmkeep_store::{Batch, Client, Realm, Store, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::client_auth;
use crate::context::Context;
use crate::cors;
use crate::dpop;
use crate::error::{OAuthError, no_store};
use crate::form::Form;
use crate::policies::{self, Check, PolicyEvent, SignedObject};

use super::request::Refused;
use super::{object, redirect, request};

/// What every reference begins with.
pub(super) const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
/// Life of a reference where the realm does not say, and the longest, in seconds.
const LIFESPAN: i64 = 60;
const MAX_LIFESPAN: i64 = 600;
/// Most bytes of parameters that are kept.
const MAX_KEPT: usize = 32 * 1024;
/// Parameters that are for the endpoint alone.
const OWN: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];

/// What a reference stands for.
#[derive(Serialize, Deserialize)]
struct Pushed {
    realm_id: String,
    /// The client's id, not its clientId.
    client: String,
    parameters: Vec<(String, String)>,
    /// The request object that they came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object: Option<SignedObject>,
}

/// `…/ext/par/request`.
pub(super) async fn endpoint(context: Context, headers: HeaderMap, body: Bytes) -> Response {
    let mut event = context.event(EventType::PushedAuthorizationRequest);
    let mut client = None;
    match push(&context, &headers, &body, &mut event, &mut client).await {
        Ok((response, client)) => {
            context.emit(&event);
            let response = dpop::nonce::supply(&context, &client.representation, response);
            if cors::allows(&context, &client.representation) {
                cors::expose(&context, response)
            } else {
                response
            }
        }
        Err(error) => {
            if let Some(reason) = &error.reason {
                event = event.detail("reason", reason.as_str());
            }
            context.emit(&event.failed(error.event));
            let response = error.into_response();
            match client {
                Some(client) => dpop::nonce::supply(&context, &client.representation, response),
                None => response,
            }
        }
    }
}

async fn push(
    context: &Context,
    headers: &HeaderMap,
    body: &Bytes,
    event: &mut Event,
    known: &mut Option<Arc<Client>>,
) -> Result<(Response, Arc<Client>), OAuthError> {
    let form = Form::from_body(headers, body)?;
    event.client_id = form.value("client_id").map(str::to_owned);
    let authenticated = client_auth::authenticate(context, headers, &form).await?;
    let client = known.insert(authenticated.client);
    event.client_id = client.representation.client_id.clone();
    if form.is_sent("request_uri") {
        return Err(OAuthError::invalid_request(
            "request_uri cannot be pushed; send the parameters or a request object",
        ));
    }
    let sent = form;
    let resolved = object::resolve(context, client, &sent)
        .await
        .map_err(OAuthError::from)?;
    let (form, object) = match resolved {
        Some((form, object)) => (form, Some(object)),
        None => (Form::from_pairs(sent.pairs().to_vec()), None),
    };
    let redirect_uri = redirect::requested_uri(context, client, form.value("redirect_uri"))
        .map_err(|_| {
            OAuthError::invalid_request("Invalid parameter: redirect_uri")
                .event("invalid_redirect_uri")
        })?;
    let request = request::read(context, client, &redirect_uri, &form).map_err(OAuthError::from)?;
    policies::enforce(Check {
        client: Some(&client.representation),
        form: Some(&sent),
        headers: Some(headers),
        request: Some(&request),
        object: object.as_ref(),
        ..Check::new(PolicyEvent::PushedAuthorization, context)
    })
    .await?;
    let mut parameters: Vec<(String, String)> = form
        .pairs()
        .iter()
        .filter(|(name, _)| !OWN.contains(&name.as_str()))
        .cloned()
        .collect();
    bind(context, headers, client, &request, &mut parameters).await?;
    let size: usize = parameters.iter().map(|(n, v)| n.len() + v.len()).sum();
    if size > MAX_KEPT {
        return Err(OAuthError::invalid_request(format!(
            "The parameters are longer than {MAX_KEPT} bytes together"
        )));
    }
    let pushed = Pushed {
        realm_id: context.realm.id.clone(),
        client: client.representation.id.clone().unwrap_or_default(),
        parameters,
        object,
    };
    let reference = random::token(32);
    let lifespan = lifespan(&context.realm);
    let mut batch = Batch::new();
    batch.push(Store::put_single_use(
        Space::PushedRequest,
        &key(&reference),
        context.now + lifespan,
        &pushed,
    )?);
    context.services.store.commit(batch).await?;
    let body = json!({ "request_uri": format!("{PREFIX}{reference}"), "expires_in": lifespan });
    let response = (StatusCode::CREATED, no_store(), axum::Json(body)).into_response();
    Ok((response, client.clone()))
}

/// A proof that comes with the request binds the code to its key (RFC 9449 §10.1).
async fn bind(
    context: &Context,
    headers: &HeaderMap,
    client: &Client,
    request: &AuthorizationRequest,
    parameters: &mut Vec<(String, String)>,
) -> Result<(), OAuthError> {
    let url = format!("{}/protocol/openid-connect/ext/par/request", context.issuer);
    let request_line = (&Method::POST, url.as_str());
    let proven = dpop::proof(context, headers, request_line, None, &client.representation).await?;
    let Some(proven) = proven else {
        return Ok(());
    };
    match &request.dpop_jkt {
        Some(named) if *named != proven => {
            Err(dpop::refused("dpop_jkt is not the key of the DPoP proof"))
        }
        Some(_) => Ok(()),
        None => {
            parameters.push(("dpop_jkt".to_owned(), proven));
            Ok(())
        }
    }
}

/// The parameters behind a reference: of all callers one gets them, and only for the client that
/// pushed them.
///
/// # Errors
/// `invalid_request_uri` when the reference was never issued to this client, was used or is too old.
pub(super) async fn take(
    context: &Context,
    client: &Client,
    request_uri: &str,
) -> Result<(Form, Option<SignedObject>), Refused> {
    let unknown = || {
        Refused::new(
            "invalid_request_uri",
            Some("request_uri is not known: push the request again"),
        )
    };
    let failed = |error: StoreError| Refused::from(OAuthError::from(error));
    let reference = request_uri
        .strip_prefix(PREFIX)
        .filter(|reference| reference.len() <= 64)
        .ok_or_else(unknown)?;
    let store = &context.services.store;
    let key = key(reference);
    let own = |pushed: &Pushed| {
        pushed.realm_id == context.realm.id
            && Some(pushed.client.as_str()) == client.representation.id.as_deref()
    };
    // Looked at first, so that another client cannot use it up.
    let seen: Option<Pushed> = store
        .peek_single_use(Space::PushedRequest, &key, context.now)
        .await
        .map_err(failed)?;
    if !seen.is_some_and(|pushed| own(&pushed)) {
        return Err(unknown());
    }
    let taken: Option<Pushed> = store
        .take_single_use(Space::PushedRequest, &key, context.now)
        .await
        .map_err(failed)?;
    let pushed = taken.filter(own).ok_or_else(unknown)?;
    Ok((Form::from_pairs(pushed.parameters), pushed.object))
}

/// Names of the parameters behind a reference that the client may use, which stays as it is; those of
/// the object as well.
///
/// # Errors
/// When the database fails.
pub(super) async fn names(
    context: &Context,
    client: &Client,
    request_uri: &str,
) -> Result<Option<Vec<String>>, StoreError> {
    let Some(reference) = request_uri.strip_prefix(PREFIX).filter(|r| r.len() <= 64) else {
        return Ok(None);
    };
    let store = &context.services.store;
    let found: Option<Pushed> = store
        .peek_single_use(Space::PushedRequest, &key(reference), context.now)
        .await?;
    let own = found.filter(|pushed| {
        pushed.realm_id == context.realm.id
            && Some(pushed.client.as_str()) == client.representation.id.as_deref()
    });
    Ok(own.map(|pushed| {
        pushed
            .parameters
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }))
}

/// References are kept by hash: who reads the table cannot use them.
fn key(reference: &str) -> String {
    base64url(sha256(reference.as_bytes()))
}

/// The realm's setting, in seconds.
fn lifespan(realm: &Realm) -> i64 {
    let attributes = realm.settings.attributes.as_ref();
    attributes
        .and_then(|attributes| attributes.get("parRequestUriLifespan"))
        .and_then(|seconds| seconds.parse().ok())
        .filter(|seconds| *seconds > 0)
        .map_or(LIFESPAN, |seconds: i64| seconds.min(MAX_LIFESPAN))
}
