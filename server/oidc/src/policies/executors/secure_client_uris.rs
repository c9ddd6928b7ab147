//! `secure-client-uris`: addresses of a client are HTTPS, without wildcards.

use super::{Check, Config, Do, Executor, Outcome, PolicyEvent, Violation, attribute, uris};
use crate::context::Context;
use realmkeep_representations::ClientRepresentation;

/// Attributes with one address, as refusals call them.
const ATTRIBUTES: [(&str, &str); 7] = [
    ("backchannel.logout.url", "logoutUrl"),
    ("frontchannel.logout.url", "frontChannelLogoutUrl"),
    ("jwks.url", "jwksUri"),
    (
        "ciba.backchannel.client.notification.endpoint",
        "cibaClientNotificationEndpoint",
    ),
    ("logoUri", "logoUri"),
    ("tosUri", "tosUri"),
    ("policyUri", "policyUri"),
];

pub(super) const EXECUTOR: Executor = Executor::new(
    "secure-client-uris",
    "Addresses of clients have to be HTTPS and without wildcards.",
    &[],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    let context = check.context;
    match check.event {
        PolicyEvent::Register | PolicyEvent::Update => {
            let Some(client) = check.proposed.as_deref_mut() else {
                return Ok(());
            };
            registered(context, client)?;
            let none = client.redirect_uris.as_ref().is_none_or(Vec::is_empty);
            // Otherwise defaults would make it a wildcard below the root.
            if check.event == PolicyEvent::Register
                && none
                && let Some(root) = client.root_url.clone().filter(|url| !url.is_empty())
            {
                client.redirect_uris = Some(vec![root]);
            }
            Ok(())
        }
        PolicyEvent::Authorization => match check.request {
            Some(request) => redirect_uri(&request.redirect_uri, config),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

fn registered(context: &Context, client: &ClientRepresentation) -> Outcome {
    let own = [
        (client.root_url.as_deref(), "rootUrl"),
        (client.admin_url.as_deref(), "adminUrl"),
        (client.base_url.as_deref(), "baseUrl"),
    ];
    let attributes = ATTRIBUTES.map(|(name, shown)| (attribute(client, name), shown));
    for (url, shown) in own.into_iter().chain(attributes) {
        secure(url.unwrap_or_default(), shown)?;
    }
    for uri in uris::redirect_uris(context, client) {
        secure(&uri, "redirectUris")?;
    }
    for origin in uris::web_origins(context, client) {
        secure(&origin, "webOrigins")?;
    }
    for uri in uris::attribute_list(client, "request.uris") {
        secure(uri, "requestUris")?;
    }
    for uri in uris::post_logout_uris(context, client) {
        secure(&uri, "postLogoutUris")?;
    }
    Ok(())
}

fn secure(url: &str, shown: &str) -> Outcome {
    if url.is_empty() || (url.starts_with("https://") && !url.contains('*')) {
        return Ok(());
    }
    Err(Violation::metadata(format!("Invalid {shown}")))
}

fn redirect_uri(uri: &str, config: Config<'_>) -> Outcome {
    let local = ["http://localhost", "http://127.0.0.1"];
    let is_local = local.iter().any(|start| uri.starts_with(start));
    let allowed =
        uri.starts_with("https://") || (is_local && config.is_on("allow-http-on-localhost"));
    if allowed && !uri.contains('*') {
        return Ok(());
    }
    Err(Violation::request("Invalid redirect_uri"))
}
