//! Addresses in a client's settings. All that is wrong is told at once, in the words that existing tools
//! know.

use realmkeep_representations::ClientRepresentation;
use url::Url;

use crate::error::{ApiError, ApiResult};

/// Schemes that a browser would run in the place of opening a page.
const ILLEGAL: [&str; 3] = ["javascript:", "data:", "vbscript:"];
/// Beginnings that stand for an address of this server.
const OWN: [&str; 2] = ["${authBaseUrl}", "${authAdminUrl}"];

/// Attributes with an address, and what it is called.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("backchannel.logout.url", "Backchannel logout URL"),
    ("policyUri", "Policy URL"),
    ("tosUri", "Terms of service URL"),
];
/// As [`ATTRIBUTES`], of which only the scheme is looked at.
const ANY_ADDRESS: &[(&str, &str)] = &[
    ("logoUri", "Logo URL"),
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

/// # Errors
/// 400 with all that is wrong.
pub fn check(client: &ClientRepresentation) -> ApiResult<()> {
    let mut problems = Vec::new();
    let attribute = |name: &str| client.attributes.as_ref()?.get(name).map(String::as_str);
    if let Some(url) = set(client.root_url.as_deref()) {
        if has_illegal_scheme(url) {
            problems.push("Root URL uses an illegal scheme".to_owned());
        } else if url.contains('#') {
            problems.push("Root URL must not contain an URL fragment".to_owned());
        } else if !is_url(url, false) {
            problems.push("Root URL is not a valid URL".to_owned());
        }
    }
    let addresses = ATTRIBUTES
        .iter()
        .map(|(name, what)| (attribute(name), *what));
    for (url, what) in std::iter::once((client.base_url.as_deref(), "Base URL")).chain(addresses) {
        let Some(url) = set(url) else {
            continue;
        };
        if has_illegal_scheme(url) {
            problems.push(format!("{what} uses an illegal scheme"));
        } else if !is_url(url, true) {
            problems.push(format!("{what} is not a valid URL"));
        }
    }
    let addresses = ANY_ADDRESS
        .iter()
        .map(|(name, what)| (attribute(name), *what));
    let admin = (client.admin_url.as_deref(), "Master SAML Processing URL");
    for (url, what) in std::iter::once(admin).chain(addresses) {
        if set(url).is_some_and(has_illegal_scheme) {
            problems.push(format!("{what} uses an illegal scheme"));
        }
    }
    for uri in client.redirect_uris.iter().flatten() {
        let problem = if has_illegal_scheme(uri) {
            "A redirect URI uses an illegal scheme"
        } else if uri.contains('#') {
            "Redirect URIs must not contain an URI fragment"
        } else if uri.chars().any(|c| c.is_control() || c == '\\') {
            "A redirect URI is not a valid URI"
        } else {
            continue;
        };
        if !problems.iter().any(|known| known == problem) {
            problems.push(problem.to_owned());
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(ApiError::invalid_input(problems.join("; ")))
    }
}

/// What is set, and does not hold a placeholder of an export.
fn set(url: Option<&str>) -> Option<&str> {
    url.filter(|url| !url.is_empty())
}

fn has_illegal_scheme(url: &str) -> bool {
    // Browsers leave out blanks and line ends.
    let folded: String = url
        .chars()
        .filter(|c| !c.is_whitespace() && !c.is_control())
        .flat_map(char::to_lowercase)
        .collect();
    ILLEGAL.iter().any(|scheme| folded.starts_with(scheme))
}

/// An absolute address of a page, or one on this server; `relative` ones are below the root URL.
fn is_url(url: &str, relative: bool) -> bool {
    if url.chars().any(|c| c.is_control() || c == '\\') {
        return false;
    }
    if OWN.iter().any(|own| url.starts_with(own)) || (relative && url.starts_with('/')) {
        return true;
    }
    Url::parse(url)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https" | "ftp" | "file" | "mailto"))
}

#[cfg(test)]
mod tests {
    use realmkeep_representations::ClientRepresentation;

    use super::check;

    fn problems(json: serde_json::Value) -> String {
        let client: ClientRepresentation = serde_json::from_value(json).unwrap();
        check(&client).err().map(|e| e.text()).unwrap_or_default()
    }

    #[test]
    fn addresses_are_told_by_name() {
        use serde_json::json;
        assert_eq!(
            problems(json!({"rootUrl": "${authBaseUrl}", "baseUrl": "/realms/r/account/"})),
            ""
        );
        assert_eq!(
            problems(json!({"redirectUris": ["myapp://x", "/*", "http://a.test/*", "+"]})),
            ""
        );
        assert_eq!(
            problems(
                json!({"rootUrl": "invalid", "baseUrl": "myapp://x", "redirectUris": ["invalid"]})
            ),
            "Root URL is not a valid URL; Base URL is not a valid URL"
        );
        assert_eq!(
            problems(
                json!({"rootUrl": "http://a.test/#f", "baseUrl": "http://a.test/#f", "redirectUris": ["http://a.test/#f"]})
            ),
            "Root URL must not contain an URL fragment; Redirect URIs must not contain an URI fragment"
        );
        let script = "java\nScript:alert(1)";
        assert_eq!(
            problems(
                json!({"adminUrl": script, "attributes": {"backchannel.logout.url": script, "logoUri": script}})
            ),
            "Backchannel logout URL uses an illegal scheme; Master SAML Processing URL uses an illegal scheme; Logo URL uses an illegal scheme"
        );
    }
}
