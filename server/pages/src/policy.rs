//! What a page may load: its Content-Security-Policy.

use std::collections::BTreeMap;

use crate::page::{AnyPage, Script};

/// The Content-Security-Policy of one page.
///
/// `form-action` is absent on purpose: browsers apply it to the redirects after a form as well,
/// and those lead to the applications.
#[derive(Clone, Debug)]
pub struct Policy {
    directives: BTreeMap<String, Vec<String>>,
}

impl Policy {
    /// For our pages: nothing but our own styles and images, in no other site's frame.
    pub(crate) fn of(page: &AnyPage) -> Self {
        let mut policy = Self {
            directives: [
                ("base-uri", vec!["'none'"]),
                ("default-src", vec!["'none'"]),
                ("frame-ancestors", vec!["'none'"]),
                ("img-src", vec!["'self'", "data:"]),
                ("style-src", vec!["'self'"]),
                ("font-src", vec!["'self'"]),
            ]
            .into_iter()
            .map(|(name, sources)| {
                let sources = sources.into_iter().map(str::to_owned).collect();
                (name.to_owned(), sources)
            })
            .collect(),
        };
        let logo = page.data.get_attr("logo_uri").unwrap_or_default();
        if let Some(origin) = logo.as_str().and_then(origin) {
            policy.allow("img-src", &origin);
        }
        match page.script {
            Script::FrontchannelLogout => {
                for url in strings(page, "clients", "url") {
                    policy.allow("frame-src", &origin(&url).unwrap_or_default());
                }
            }
            Script::Recaptcha => {
                let captcha = page.data.get_attr("captcha").unwrap_or_default();
                let origins = captcha.get_attr("origins").unwrap_or_default();
                for origin in origins.try_iter().into_iter().flatten() {
                    let origin = origin.as_str().unwrap_or_default();
                    for name in ["script-src", "frame-src", "connect-src", "img-src"] {
                        policy.allow(name, origin);
                    }
                }
            }
            _ => {}
        }
        policy
    }

    pub(crate) fn allow_own_scripts(&mut self) {
        self.allow("script-src", "'self'");
    }

    /// The header's value. `realm` is the realm's own setting (`contentSecurityPolicy` of its
    /// `browserSecurityHeaders`): who may frame the page is its to say, and what it lets in is let
    /// in here too; it cannot take away what the page needs.
    pub fn header(&self, realm: Option<&str>) -> String {
        let mut all = self.clone();
        for directive in realm.unwrap_or_default().split(';') {
            let mut words = directive.split_ascii_whitespace();
            let Some(name) = words.next().map(str::to_ascii_lowercase) else {
                continue;
            };
            if name == "frame-ancestors" {
                let sources: Vec<String> = words.filter(|w| plain(w)).map(str::to_owned).collect();
                all.directives.insert(name, sources);
            } else if name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') {
                for source in words {
                    all.allow(&name, source);
                }
            }
        }
        let directives: Vec<String> = all
            .directives
            .iter()
            .filter(|(_, sources)| !sources.is_empty())
            .map(|(name, sources)| format!("{name} {}", sources.join(" ")))
            .collect();
        directives.join("; ")
    }

    /// Adds the source; `'none'` gives way to it.
    fn allow(&mut self, name: &str, source: &str) {
        if !plain(source) {
            return;
        }
        let sources = self.directives.entry(name.to_owned()).or_default();
        if source == "'none'" && !sources.is_empty() {
            return;
        }
        sources.retain(|s| s != "'none'");
        if !sources.iter().any(|s| s == source) {
            sources.push(source.to_owned());
        }
    }
}

/// Whether the source can stand in a header without ending its directive.
fn plain(source: &str) -> bool {
    !source.is_empty()
        && source
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b';' && b != b',')
}

/// `https://host:port` of an address.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    matches!(scheme, "https" | "http").then(|| format!("{scheme}://{host}"))
}

fn strings(page: &AnyPage, list: &str, field: &str) -> Vec<String> {
    let list = page.data.get_attr(list).unwrap_or_default();
    list.try_iter()
        .into_iter()
        .flatten()
        .filter_map(|item| Some(item.get_attr(field).ok()?.as_str()?.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::{FrontchannelLogout, Info, LoggedOutClient};

    #[test]
    fn nothing_is_let_in_by_itself() {
        let policy = Policy::of(&AnyPage::from(Info::new("x")));
        let header = policy.header(None);
        assert!(header.contains("default-src 'none'"));
        assert!(header.contains("frame-ancestors 'none'"));
        assert!(!header.contains("script-src"));
        assert!(!header.contains("unsafe"));
    }

    /// spec: LOGIN-13, CAPT-09
    #[test]
    fn the_realm_says_who_frames_and_lets_more_in() {
        let policy = Policy::of(&AnyPage::from(Info::new("x")));
        let header = policy.header(Some(
            "frame-src 'self' https://www.google.com; frame-ancestors 'self'; object-src 'none'; \r\nx",
        ));
        assert!(
            header.contains("frame-src 'self' https://www.google.com;"),
            "{header}"
        );
        assert!(header.contains("frame-ancestors 'self';"), "{header}");
        assert!(header.contains("object-src 'none'"), "{header}");
        assert!(!header.contains('\n') && header.contains("default-src 'none'"));
        assert!(header.contains("style-src 'self'"));
    }

    #[test]
    fn frames_of_applications_are_let_in_by_origin() {
        let policy = Policy::of(&AnyPage::from(FrontchannelLogout {
            clients: vec![
                LoggedOutClient {
                    name: "a".to_owned(),
                    url: "https://app.example:8443/out?sid=1;default-src *".to_owned(),
                },
                LoggedOutClient {
                    name: "b".to_owned(),
                    url: "https://evil.example; script-src * /".to_owned(),
                },
            ],
            redirect_uri: None,
        }));
        let header = policy.header(None);
        assert!(
            header.contains("frame-src https://app.example:8443"),
            "{header}"
        );
        assert!(!header.contains("evil"), "{header}");
    }
}
