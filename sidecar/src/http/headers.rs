//! Headers that must not be passed on.

use std::collections::HashSet;

use http::header::{
    CONNECTION, EXPECT, HOST, HeaderMap, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};

/// Removes what is meant for this connection only (RFC 9110 section 7.6.1): first what `Connection`
/// lists, then the usual names. `Expect` goes with them, as it was answered here.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let listed: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .collect();
    for name in listed {
        headers.remove(name);
    }
    for name in [
        CONNECTION,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
        EXPECT,
    ] {
        headers.remove(name);
    }
    for name in ["keep-alive", "proxy-connection", "http2-settings"] {
        headers.remove(name);
    }
}

/// How many `Host` headers there are; more than one is an attack.
pub fn hosts(headers: &HeaderMap) -> usize {
    headers.get_all(HOST).iter().count()
}

/// Names under which an application might look for an identity, in every spelling that frameworks
/// take for the same name.
#[derive(Clone, Debug)]
pub struct Spoofable(HashSet<String>);

/// Names that proxies of all kinds use for what they have proven. None of those proxies stands
/// between us and the application.
const COMMON: [&str; 21] = [
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
];

impl Spoofable {
    /// The common names and `more`.
    pub fn new<'a>(more: impl IntoIterator<Item = &'a str>) -> Self {
        Self(COMMON.into_iter().chain(more).map(one_spelling).collect())
    }

    /// Removes all of them. Returns how many there were.
    pub fn strip(&self, headers: &mut HeaderMap) -> usize {
        let found: Vec<HeaderName> = headers
            .keys()
            .filter(|name| self.0.contains(&one_spelling(name.as_str())))
            .cloned()
            .collect();
        for name in &found {
            headers.remove(name);
        }
        found.len()
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

    fn headers(names: &[&str]) -> HeaderMap {
        names
            .iter()
            .map(|name| {
                (
                    HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    HeaderValue::from_static("v"),
                )
            })
            .collect()
    }

    #[test]
    fn every_spelling_is_stripped() {
        let mut map = headers(&[
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
        ]);
        Spoofable::new(["Te-Am"]).strip(&mut map);
        let mut left: Vec<&str> = map.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["team", "x-auth-subjects", "x-authsubject"]);
    }

    #[test]
    fn connection_lists_more_to_strip() {
        let mut map = headers(&[
            "a",
            "b",
            "c",
            "te",
            "keep-alive",
            "upgrade",
            "proxy-authorization",
        ]);
        map.append(CONNECTION, HeaderValue::from_static("a, B ,close"));
        map.append(CONNECTION, HeaderValue::from_static("\"bad\", "));
        strip_hop_by_hop(&mut map);
        assert_eq!(
            map.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
            ["c"]
        );
    }
}
