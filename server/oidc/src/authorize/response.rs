//! The answer to an authorization request, on its way back to the application.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use realmkeep_authn::authorization_request::{AuthorizationRequest, ResponseMode};
use realmkeep_pages::page::{FormField, FormPost};
use realmkeep_store::Client;
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::browser::{PageError, page, protect};
use crate::context::Context;
use crate::encryption::Encryption;
use crate::issue;

use super::{attribute, device_verification};

/// Life of a signed answer (JARM §2.1 wants it short), in seconds.
const JWT_LIFESPAN: i64 = 60;

/// Where an answer goes and how; the address was found to be the client's before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Destination<'a> {
    /// The answer is for a device that polls: the person sees how it ended.
    pub(crate) for_device: bool,
    pub(crate) redirect_uri: &'a str,
    pub(crate) mode: ResponseMode,
    /// The request's, to be sent back.
    pub(crate) state: Option<&'a str>,
}

impl<'a> Destination<'a> {
    pub(crate) fn of(request: &'a AuthorizationRequest) -> Self {
        Self {
            for_device: request.device.is_some(),
            redirect_uri: &request.redirect_uri,
            mode: request.response_mode,
            state: request.state.as_deref(),
        }
    }
}

/// Sends `fields`, the state and the issuer (RFC 9207).
pub(super) async fn answer(
    context: &Context,
    client: &Client,
    to: &Destination<'_>,
    mut fields: Vec<(&'static str, String)>,
    status: StatusCode,
) -> Result<Response, PageError> {
    if to.for_device {
        return device_verification::ended(context, client, &fields);
    }
    if let Some(state) = to.state {
        fields.push(("state", state.to_owned()));
    }
    if to.mode.is_jwt() {
        fields = vec![("response", signed(context, client, fields).await?)];
    } else if attribute(&client.representation, "exclude.issuer.from.auth.response") != Some("true")
    {
        fields.push(("iss", context.issuer.clone()));
    }
    if to.mode.is_form_post() {
        return form_post(context, client, to.redirect_uri, fields);
    }
    let mut encoder = form_urlencoded::Serializer::new(String::new());
    for (name, value) in &fields {
        encoder.append_pair(name, value);
    }
    let separator = match to.mode.is_query() {
        false => '#',
        true if to.redirect_uri.contains('?') => '&',
        true => '?',
    };
    let location = format!("{}{separator}{}", to.redirect_uri, encoder.finish());
    let location = HeaderValue::from_str(&location)
        .map_err(|_| PageError::bad_request("page-redirect-uri", "invalid_redirect_uri"))?;
    let mut headers = HeaderMap::new();
    headers.insert(header::LOCATION, location);
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-store, must-revalidate, max-age=0"),
    );
    protect(&mut headers, context);
    Ok((status, headers).into_response())
}

/// The answer as one token that only this server can have made for this client (JARM §2.1).
async fn signed(
    context: &Context,
    client: &Client,
    fields: Vec<(&'static str, String)>,
) -> Result<String, PageError> {
    let own = &client.representation;
    let key = issue::signing_key(context, own, "authorization.signed.response.alg")
        .await
        .map_err(|_| PageError::failed())?;
    let mut claims = Map::new();
    claims.insert("iss".to_owned(), context.issuer.clone().into());
    claims.insert("aud".to_owned(), own.client_id.clone().into());
    claims.insert("exp".to_owned(), (context.now + JWT_LIFESPAN).into());
    for (name, value) in fields {
        claims.insert(name.to_owned(), Value::from(value));
    }
    let token = key
        .sign("JWT", &claims)
        .map_err(|e| PageError::internal(&e))?;
    // JARM §2.2: signed, then encrypted where the client asks for it.
    let purpose = "authorization.encrypted.response";
    let encrypted = match Encryption::wanted(context, own, purpose).await {
        Ok(None) => return Ok(token),
        Ok(Some(encryption)) => encryption.nested(&token),
        Err(error) => Err(error),
    };
    encrypted.map_err(|error| {
        let reason = error.reason.unwrap_or_default();
        tracing::warn!(
            reason,
            client = own.client_id,
            "an answer cannot be encrypted"
        );
        PageError::failed()
    })
}

fn form_post(
    context: &Context,
    client: &Client,
    redirect_uri: &str,
    fields: Vec<(&'static str, String)>,
) -> Result<Response, PageError> {
    let fields: Vec<FormField> = fields
        .into_iter()
        .map(|(name, value)| FormField {
            name: name.to_owned(),
            value,
        })
        .collect();
    let look = context.look(Some(&client.representation), None);
    let frame = context.frame(look, redirect_uri);
    let made = context.services.pages.render(&frame, FormPost { fields })?;
    Ok(page(context, StatusCode::OK, made))
}
