//! Which client asks, and where its answer may go. Until both are right nobody is redirected.

use std::sync::Arc;

use http::StatusCode;
use realmkeep_authn::authorization_request::AuthorizationRequest;
use realmkeep_model::redirect_uri;
use realmkeep_representations::ClientRepresentation;
use realmkeep_store::Client;

use crate::browser::PageError;
use crate::context::Context;
use crate::device;

/// The client, if it may ask people to sign in.
pub(crate) async fn requested_client(
    context: &Context,
    client_id: Option<&str>,
) -> Result<Arc<Client>, PageError> {
    let client_id = client_id
        .ok_or_else(|| PageError::bad_request("page-client-missing", "invalid_request"))?;
    let found = context
        .services
        .store
        .client(&context.realm, client_id)
        .await?;
    let client =
        found.ok_or_else(|| PageError::bad_request("page-client-unknown", "client_not_found"))?;
    let is = |flag: Option<bool>| flag == Some(true);
    let representation = &client.representation;
    if representation.enabled == Some(false) {
        return Err(PageError::bad_request(
            "page-client-disabled",
            "client_disabled",
        ));
    }
    if !matches!(
        representation.protocol.as_deref(),
        None | Some("openid-connect")
    ) {
        return Err(PageError::bad_request(
            "page-client-protocol",
            "invalid_client",
        ));
    }
    if is(representation.bearer_only) {
        let error = PageError::bad_request("page-client-bearer-only", "not_allowed");
        return Err(error.status(StatusCode::FORBIDDEN));
    }
    Ok(client)
}

/// The redirect URI as it was sent, if the client has registered it. It must always be sent.
pub(super) fn requested_uri(
    context: &Context,
    client: &Client,
    requested: Option<&str>,
) -> Result<String, PageError> {
    let client = &client.representation;
    let registered = client.redirect_uris.iter().flatten().map(String::as_str);
    let root = redirect_entry_root(context, client);
    requested
        .and_then(|uri| redirect_uri::allowed(uri, registered, root.as_deref()))
        .map(|uri| uri.as_str().to_owned())
        .ok_or_else(|| PageError::bad_request("page-redirect-uri", "invalid_redirect_uri"))
}

/// The client of a request that was accepted before: it may have been changed while somebody looked
/// at a form.
pub(crate) async fn still_allowed(
    context: &Context,
    request: &AuthorizationRequest,
) -> Result<Arc<Client>, PageError> {
    let client = requested_client(context, Some(&request.client_id)).await?;
    if request.device.is_some() {
        return match device::check_enabled(&client) {
            Ok(()) => Ok(client),
            Err(_) => Err(PageError::bad_request(
                "oauth2DeviceAuthorizationGrantDisabledMessage",
                "not_allowed",
            )),
        };
    }
    requested_uri(context, &client, Some(&request.redirect_uri))?;
    let representation = &client.representation;
    let kind = request.response_type;
    let standard = representation.standard_flow_enabled != Some(false);
    let implicit = representation.implicit_flow_enabled == Some(true);
    let needs_standard = kind.code || !kind.is_front_channel();
    if (needs_standard && !standard) || (kind.is_front_channel() && !implicit) {
        return Err(PageError::bad_request(
            "page-redirect-uri",
            "invalid_redirect_uri",
        ));
    }
    Ok(client)
}

/// What relative entries of the client start from: its root URL, or this server.
pub(crate) fn redirect_entry_root(
    context: &Context,
    client: &ClientRepresentation,
) -> Option<String> {
    let base = context.services.base_url.as_str();
    match client.root_url.as_deref().filter(|url| !url.is_empty()) {
        Some(url) => Some(
            url.replace("${authBaseUrl}", base)
                .replace("${authAdminUrl}", base),
        ),
        None => Some(base.to_owned()),
    }
}
