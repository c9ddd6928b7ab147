//! Names under which an application might look for an identity.

use std::collections::HashSet;

use http::{HeaderMap, HeaderName};

/// Such names, in every spelling that frameworks take for the same name.
#[derive(Clone, Debug)]
pub struct Spoofable(HashSet<String>);

/// Names that proxies of all kinds use for what they have proven. None of those proxies stands
/// between us and the application.
const COMMON: [&str; 24] = [
    "x-auth-subject",
    "x-auth-client",
    "x-auth-issuer",
    "x-auth-user",
    "x-auth-request-user",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-preferred-username",
    "x-auth-request-access-token",
    "x-authenticated-user",
    "x-authenticated-userid",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-access-token",
    "x-forwarded-client-cert",
    "x-remote-user",
    "remote-user",
    "client-cert",
    "client-cert-chain",
    "x-client-cert",
    "x-ssl-client-cert",
    "x-envoy-original-path",
];

impl Spoofable {
    /// The common names and `more`.
    pub fn new<'a>(more: impl IntoIterator<Item = &'a str>) -> Self {
        Self(COMMON.into_iter().chain(more).map(one_spelling).collect())
    }

    /// Those that are there.
    pub fn found(&self, headers: &HeaderMap) -> Vec<HeaderName> {
        headers
            .keys()
            .filter(|name| self.0.contains(&one_spelling(name.as_str())))
            .cloned()
            .collect()
    }
}

/// CGI, WSGI, PHP and others map letters to one case and everything that is no letter or digit to
/// `_`; two names that they would merge are one name here.
fn one_spelling(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn every_spelling_is_found() {
        let mut map: HeaderMap = [
            "X-Auth-Subject",
            "x_auth_subject",
            "X.Auth.Subject",
            "x-auth_subject",
            "X-AUTH.subject",
            "x!auth~subject",
            "x-forwarded_user",
            "REMOTE_USER",
            "Team",
            "te_am",
            "te.am",
            "x-auth-subjects",
            "x-authsubject",
        ]
        .iter()
        .map(|name| {
            (
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_static("v"),
            )
        })
        .collect();
        for name in Spoofable::new(["Te-Am"]).found(&map) {
            map.remove(name);
        }
        let mut left: Vec<&str> = map.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["team", "x-auth-subjects", "x-authsubject"]);
    }
}
