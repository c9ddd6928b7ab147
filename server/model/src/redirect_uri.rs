//! Where a browser may be sent with a code, or after logout (RFC 6749 §3.1.2, RFC 8252 §7.3,
//! RFC 9700 §2.1).
//!
//! A redirect URI is looked at by two parsers: a plain split along RFC 3986 and the WHATWG parser
//! that browsers have. Only what both read alike is accepted, and then as it stands: nothing is
//! decoded or normalised before it is compared with what is registered.

use std::fmt;

use url::Url;

/// Longest accepted URI, in bytes.
pub const MAX_LENGTH: usize = 2_048;

/// Schemes that make a browser run or read something instead of going somewhere.
const DANGEROUS_SCHEMES: &[&str] = &[
    "about",
    "blob",
    "chrome",
    "chrome-extension",
    "content",
    "data",
    "file",
    "filesystem",
    "intent",
    "jar",
    "javascript",
    "livescript",
    "mailto",
    "mhtml",
    "ms-settings",
    "res",
    "resource",
    "tel",
    "vbscript",
    "view-source",
];

/// A URI that both parsers read alike; not yet one that a client has registered.
#[derive(Clone, PartialEq, Eq)]
pub struct RedirectUri {
    text: String,
    scheme: usize,
    /// Where host, port, path and query end in `text`; see [`RedirectUri::split`].
    authority: Option<Authority>,
    path: (usize, usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Authority {
    start: usize,
    host_end: usize,
    end: usize,
}

/// Why a text is no redirect URI, whatever is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriError {
    #[error("it is longer than {MAX_LENGTH} bytes")]
    TooLong,
    #[error("it contains a character that a URI cannot have, at byte {0}")]
    Character(usize),
    #[error("it has a percent sign without two hexadecimal digits, at byte {0}")]
    Percent(usize),
    #[error(
        "it has an encoded control character, slash, backslash, dot or percent sign, at byte {0}"
    )]
    Encoded(usize),
    #[error("it has a fragment")]
    Fragment,
    #[error("it has no scheme; write it in full, as https://app.example.com/callback")]
    Relative,
    #[error("its scheme is not one that a browser follows to an application")]
    Scheme,
    #[error("it has user information before the host")]
    UserInfo,
    #[error("its host or port is not written plainly")]
    Authority,
    #[error("it has a dot segment in its path")]
    DotSegment,
    #[error("browsers read it differently than it is written")]
    Ambiguous,
}

impl RedirectUri {
    /// # Errors
    /// When the text is not a URI that every parser reads the same way.
    pub fn parse(text: &str) -> Result<Self, RedirectUriError> {
        characters(text)?;
        let uri = Self::split(text)?;
        uri.check_path()?;
        uri.check_against_browsers()?;
        Ok(uri)
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn scheme(&self) -> &str {
        self.text.get(..self.scheme).unwrap_or_default()
    }

    /// The host as it is written; IPv6 addresses in brackets.
    pub fn host(&self) -> Option<&str> {
        let authority = self.authority?;
        self.text.get(authority.start..authority.host_end)
    }

    /// The port as it is written.
    pub fn port(&self) -> Option<&str> {
        let authority = self.authority?;
        self.text
            .get(authority.host_end..authority.end)
            .and_then(|p| p.strip_prefix(':'))
    }

    pub fn path(&self) -> &str {
        self.text.get(self.path.0..self.path.1).unwrap_or_default()
    }

    /// With its question mark, empty when there is none.
    pub fn query(&self) -> &str {
        self.text.get(self.path.1..).unwrap_or_default()
    }

    /// `scheme:` or `scheme://host:port`: all before the path.
    fn before_path(&self) -> &str {
        self.text.get(..self.path.0).unwrap_or_default()
    }

    fn is_http(&self) -> bool {
        matches!(self.scheme(), "http" | "https")
    }

    /// Whether it leads to a program on the user's own machine, whose port is not known ahead.
    fn is_loopback(&self) -> bool {
        self.scheme() == "http" && matches!(self.host(), Some("127.0.0.1" | "[::1]" | "localhost"))
    }

    /// Splits as RFC 3986 appendix B does.
    fn split(text: &str) -> Result<Self, RedirectUriError> {
        let scheme = text.find(':').ok_or(RedirectUriError::Relative)?;
        let (name, rest) = text.split_at(scheme);
        let mut letters = name.bytes();
        let proper = letters.next().is_some_and(|b| b.is_ascii_lowercase())
            && letters.all(|b| {
                b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.')
            });
        if !proper {
            return Err(RedirectUriError::Relative);
        }
        if DANGEROUS_SCHEMES.contains(&name) {
            return Err(RedirectUriError::Scheme);
        }
        let http = matches!(name, "http" | "https");
        let (authority, path_start) = match rest.strip_prefix("://") {
            Some(after) => {
                let start = scheme + 3;
                let length = after.find(['/', '?']).unwrap_or(after.len());
                let text = after.get(..length).unwrap_or_default();
                let host = host_length(text, http)?;
                let authority = Authority {
                    start,
                    host_end: start + host,
                    end: start + length,
                };
                (Some(authority), start + length)
            }
            // Without `//` these mean different hosts to different readers.
            None if http => return Err(RedirectUriError::Authority),
            None => (None, scheme + 1),
        };
        let path = text.get(path_start..).unwrap_or_default();
        let path_end = path_start + path.find('?').unwrap_or(path.len());
        if authority.is_none() && path_start == path_end {
            return Err(RedirectUriError::Authority);
        }
        Ok(Self {
            text: text.to_owned(),
            scheme,
            authority,
            path: (path_start, path_end),
        })
    }

    fn check_path(&self) -> Result<(), RedirectUriError> {
        for segment in self.path().split('/') {
            // `..;x` is `..` to servers that have path parameters.
            let plain = segment.split(';').next().unwrap_or_default();
            if matches!(plain, "." | "..") {
                return Err(RedirectUriError::DotSegment);
            }
        }
        Ok(())
    }

    fn check_against_browsers(&self) -> Result<(), RedirectUriError> {
        let seen = Url::parse(&self.text).map_err(|_| RedirectUriError::Ambiguous)?;
        let path = match (seen.path(), self.path()) {
            ("/", "") => "",
            (path, _) => path,
        };
        let query = seen.query().map(|q| format!("?{q}")).unwrap_or_default();
        let port = match self.port() {
            None => None,
            Some(digits) => Some(digits.parse().map_err(|_| RedirectUriError::Authority)?),
        };
        let ports = if self.is_http() && port.is_some() {
            seen.port_or_known_default() == port
        } else {
            seen.port() == port
        };
        let alike = seen.scheme() == self.scheme()
            && seen.host_str().unwrap_or_default() == self.host().unwrap_or_default()
            && ports
            && path == self.path()
            && query == self.query()
            && seen.username().is_empty()
            && seen.password().is_none()
            && seen.fragment().is_none();
        if alike {
            Ok(())
        } else {
            Err(RedirectUriError::Ambiguous)
        }
    }
}

impl fmt::Debug for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedirectUri({})", self.text)
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One registered entry, made absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectPattern {
    uri: RedirectUri,
    /// Whether the path may go on; it was written with `*` at its end.
    open: bool,
}

/// Why a registered entry can match nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectPatternError {
    #[error("`*` may only stand at the end of a path, as in https://app.example.com/*")]
    Wildcard,
    #[error("it is relative, and the client has no root URL that it could be relative to")]
    NoRoot,
    #[error(transparent)]
    Uri(#[from] RedirectUriError),
}

impl RedirectPattern {
    /// Reads an entry of `redirectUris`; `root` is what relative entries start from.
    ///
    /// # Errors
    /// When the entry is not a plain URI, or has a wildcard elsewhere than at the end of its path.
    pub fn parse(entry: &str, root: Option<&str>) -> Result<Self, RedirectPatternError> {
        let absolute;
        let entry = if entry.starts_with('/') {
            let root = root.ok_or(RedirectPatternError::NoRoot)?;
            absolute = format!("{}{entry}", root.trim_end_matches('/'));
            absolute.as_str()
        } else {
            entry
        };
        let (text, open) = match entry.strip_suffix('*') {
            Some(text) => (text, true),
            None => (entry, false),
        };
        if text.contains('*') {
            return Err(RedirectPatternError::Wildcard);
        }
        if open && text.is_empty() {
            return Err(RedirectPatternError::Wildcard);
        }
        let uri = RedirectUri::parse(text)?;
        // An open host or query would match what nobody meant.
        if open && (!uri.path().starts_with('/') || !uri.query().is_empty()) {
            return Err(RedirectPatternError::Wildcard);
        }
        Ok(Self { uri, open })
    }

    pub fn matches(&self, uri: &RedirectUri) -> bool {
        let same_place = self.uri.before_path() == uri.before_path() || self.any_port(uri);
        if !same_place {
            return false;
        }
        if !self.open {
            return self.uri.path() == uri.path() && self.uri.query() == uri.query();
        }
        let prefix = self.uri.path();
        // `/app/*` is `/app` as well.
        uri.path().starts_with(prefix) || prefix.strip_suffix('/') == Some(uri.path())
    }

    /// A native application listens on a port it learns at run time (RFC 8252 §7.3).
    fn any_port(&self, uri: &RedirectUri) -> bool {
        self.uri.port().is_none()
            && self.uri.is_loopback()
            && uri.is_loopback()
            && self.uri.host() == uri.host()
    }
}

/// The requested URI, if it is one of the registered entries.
///
/// Entries that cannot be read match nothing. `root` is what relative entries start from.
pub fn allowed<'a>(
    requested: &str,
    registered: impl IntoIterator<Item = &'a str>,
    root: Option<&str>,
) -> Option<RedirectUri> {
    let uri = RedirectUri::parse(requested).ok()?;
    registered
        .into_iter()
        .filter_map(|entry| RedirectPattern::parse(entry, root).ok())
        .any(|pattern| pattern.matches(&uri))
        .then_some(uri)
}

/// The entries that count after logout: `+` (or nothing) stands for the redirect URIs, `-` for none.
///
/// `attribute` is the client attribute `post.logout.redirect.uris`, entries separated by `##`.
pub fn post_logout_entries<'a>(
    attribute: Option<&'a str>,
    redirect_uris: &'a [String],
) -> Vec<&'a str> {
    let all = || redirect_uris.iter().map(String::as_str);
    let Some(attribute) = attribute.filter(|a| !a.is_empty()) else {
        return all().collect();
    };
    let entries: Vec<&str> = attribute.split("##").filter(|e| !e.is_empty()).collect();
    if entries.contains(&"-") {
        return Vec::new();
    }
    let mut allowed = Vec::new();
    for entry in entries {
        if entry == "+" {
            allowed.extend(all());
        } else {
            allowed.push(entry);
        }
    }
    allowed
}

/// The characters of RFC 3986, and no encoding that hides structure.
fn characters(text: &str) -> Result<(), RedirectUriError> {
    if text.len() > MAX_LENGTH {
        return Err(RedirectUriError::TooLong);
    }
    let bytes = text.as_bytes();
    let mut in_query = false;
    for (i, byte) in text.bytes().enumerate() {
        match byte {
            b'#' => return Err(RedirectUriError::Fragment),
            b'?' => in_query = true,
            b'%' => {
                let digits = bytes
                    .get(i + 1..i + 3)
                    .and_then(|d| std::str::from_utf8(d).ok());
                let value = digits
                    .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))
                    .and_then(|d| u8::from_str_radix(d, 16).ok())
                    .ok_or(RedirectUriError::Percent(i))?;
                let structural = matches!(value, b'/' | b'\\' | b'.' | b'%');
                if value.is_ascii_control() || (structural && !in_query) {
                    return Err(RedirectUriError::Encoded(i));
                }
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => {}
            b'-' | b'.' | b'_' | b'~' | b':' | b'/' | b'[' | b']' | b'@' | b'!' | b'$' | b'&'
            | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' => {}
            // Allowed by RFC 3986, but browsers encode it in the query of http and https.
            b'\'' if !in_query => {}
            _ => return Err(RedirectUriError::Character(i)),
        }
    }
    Ok(())
}

/// How much of `host[:port]` is the host.
fn host_length(text: &str, http: bool) -> Result<usize, RedirectUriError> {
    if text.contains('@') {
        return Err(RedirectUriError::UserInfo);
    }
    let end = if text.starts_with('[') {
        text.find(']').ok_or(RedirectUriError::Authority)? + 1
    } else {
        text.find(':').unwrap_or(text.len())
    };
    let (host, port) = text.split_at(end);
    let plain_host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(inside) => {
            !inside.is_empty() && inside.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
        }
        None => host.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'_')
        }),
    };
    let no_host = host.is_empty() || host.starts_with('.') || host.contains("..");
    // `myapp://` is a whole address to some applications.
    if !plain_host || (no_host && (http || !host.is_empty() || !port.is_empty())) {
        return Err(RedirectUriError::Authority);
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok(end),
        Some(digits)
            if !digits.starts_with('0')
                && digits.bytes().all(|b| b.is_ascii_digit())
                && digits.parse::<u16>().is_ok() =>
        {
            Ok(end)
        }
        _ => Err(RedirectUriError::Authority),
    }
}
