//! `saml-secure-client-uris`: addresses of a SAML client are HTTPS, without wildcards.

use super::{
    Check, Config, Do, Executor, Kind, Outcome, Property, Violation, attribute, is_complete, uris,
};

const WILDCARDS: &str = "allow-wildcard-redirects";
const ATTRIBUTES: [(&str, &str); 8] = [
    (
        "saml_assertion_consumer_url_post",
        "Assertion Consumer Service POST Binding URL",
    ),
    (
        "saml_assertion_consumer_url_redirect",
        "Assertion Consumer Service Redirect Binding URL",
    ),
    ("saml_artifact_binding_url", "Artifact Binding URL"),
    (
        "saml_single_logout_service_url_post",
        "Logout Service POST Binding URL",
    ),
    (
        "saml_single_logout_service_url_artifact",
        "Logout Service ARTIFACT Binding URL",
    ),
    (
        "saml_single_logout_service_url_redirect",
        "Logout Service Redirect Binding URL",
    ),
    (
        "saml_single_logout_service_url_soap",
        "Logout Service SOAP Binding URL",
    ),
    (
        "saml_artifact_resolution_service_url",
        "Artifact Resolution Service",
    ),
];

pub(super) const EXECUTOR: Executor = Executor::new(
    "saml-secure-client-uris",
    "Addresses of SAML clients have to be HTTPS and, unless allowed, without wildcards.",
    &[Property::new(
        WILDCARDS,
        "Allow wildcard valid redirect URIs",
        "Whether redirect URIs may end with a wildcard.",
        Kind::Switch(None),
    )],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    let client = check
        .proposed
        .as_deref()
        .filter(|_| is_complete(check.event));
    let Some(client) = client.filter(|c| c.protocol.as_deref() == Some("saml")) else {
        return Ok(());
    };
    let own = [
        (client.root_url.as_deref(), "Root URL"),
        (client.admin_url.as_deref(), "Master SAML Processing URL"),
        (client.base_url.as_deref(), "Home URL"),
    ];
    let attributes = ATTRIBUTES.map(|(name, shown)| (attribute(client, name), shown));
    for (url, shown) in own.into_iter().chain(attributes) {
        secure(url.unwrap_or_default(), shown)?;
    }
    for uri in uris::redirect_uris(check.context, client) {
        secure(&uri, "Valid redirect URIs")?;
        let is_wildcard = uri.ends_with('*') && !uri.contains(['?', '#']);
        if is_wildcard && !config.is_on(WILDCARDS) {
            return Err(Violation::metadata(format!(
                "Unsecure wildcard redirect {uri:.200} for Valid redirect URIs"
            )));
        }
    }
    Ok(())
}

fn secure(url: &str, shown: &str) -> Outcome {
    if url.trim().is_empty() || url.starts_with("https:") {
        return Ok(());
    }
    Err(Violation::metadata(format!(
        "Non secure scheme for {shown}"
    )))
}
