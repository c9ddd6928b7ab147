//! The answer to an authorization request, on its way back to the application.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use realmkeep_authn::login_state::ResponseMode;
use realmkeep_pages::{FormField, FormPost, SUBMIT_SCRIPT};
use url::form_urlencoded;

use crate::browser::{PageError, csp_hash, html_with_script, protect, realm_name};
use crate::context::Context;

/// Sends `fields` and the issuer (RFC 9207) to `redirect_uri`, which was checked before.
pub(super) fn answer(
    context: &Context,
    redirect_uri: &str,
    mode: ResponseMode,
    mut fields: Vec<(&'static str, String)>,
    status: StatusCode,
) -> Result<Response, PageError> {
    fields.push(("iss", context.issuer.clone()));
    if mode == ResponseMode::FormPost {
        return form_post(context, redirect_uri, fields);
    }
    let mut encoder = form_urlencoded::Serializer::new(String::new());
    for (name, value) in &fields {
        encoder.append_pair(name, value);
    }
    let separator = match mode {
        ResponseMode::Fragment => '#',
        _ if redirect_uri.contains('?') => '&',
        _ => '?',
    };
    let location = format!("{redirect_uri}{separator}{}", encoder.finish());
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

fn form_post(
    context: &Context,
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
    let text = context.services.pages.form_post(&FormPost {
        realm: realm_name(context),
        action: redirect_uri,
        fields: &fields,
    })?;
    Ok(html_with_script(context, text, &csp_hash(SUBMIT_SCRIPT)))
}
