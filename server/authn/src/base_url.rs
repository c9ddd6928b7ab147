use url::Url;

/// Where the outside world reaches this server: scheme, host, port and an optional path prefix.
///
/// It never comes from a request: a `Host` header cannot change an issuer, a link or a redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    text: String,
    secure: bool,
}

/// Why a configured address cannot be the server's base URL.
#[derive(Debug, thiserror::Error)]
pub enum BaseUrlError {
    #[error("the base URL `{0}` is not a URL; write it as https://id.example.com")]
    NotAUrl(String),
    #[error("the base URL `{0}` must be http or https, without user, query and fragment")]
    Unsuitable(String),
}

impl BaseUrl {
    /// # Errors
    /// When the text is not an http(s) URL without user, query and fragment.
    pub fn parse(text: &str) -> Result<Self, BaseUrlError> {
        let url = Url::parse(text).map_err(|_| BaseUrlError::NotAUrl(text.to_owned()))?;
        let suitable = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !suitable {
            return Err(BaseUrlError::Unsuitable(text.to_owned()));
        }
        Ok(Self {
            text: url.as_str().trim_end_matches('/').to_owned(),
            secure: url.scheme() == "https",
        })
    }

    /// Without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether browsers reach the server over TLS.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The path below which everything lies, without a slash at the end; mostly empty.
    pub fn path(&self) -> String {
        Url::parse(&self.text)
            .map(|u| u.path().trim_end_matches('/').to_owned())
            .unwrap_or_default()
    }

    /// The host alone, as browsers write it.
    pub fn host(&self) -> String {
        let url = Url::parse(&self.text).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        host.to_owned()
    }

    /// Scheme, host and port, as browsers write origins.
    pub fn origin(&self) -> String {
        let url = Url::parse(&self.text).ok();
        url.map(|u| u.origin().ascii_serialization())
            .unwrap_or_default()
    }

    /// `{base}/realms/{realm}`.
    pub fn issuer(&self, realm: &str) -> String {
        format!("{}/realms/{realm}", self.text)
    }
}
