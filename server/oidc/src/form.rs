//! Request parameters, parsed strictly (RFC 6749 section 3.1 and 3.2).

use axum::body::Bytes;
use http::{HeaderMap, header};

use crate::error::OAuthError;

/// Longest form or query, in bytes.
const MAX_BYTES: usize = 128 * 1024;
/// Most parameters.
const MAX_PARAMETERS: usize = 100;

/// Parameters, each at most once. Those without a value count as not sent.
#[derive(Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// A form body. A body of another type holds no parameters, as seen by clients that send JSON.
    ///
    /// # Errors
    /// `invalid_request` for a parameter that comes twice, too much, or what is not text.
    pub fn from_body(headers: &HeaderMap, body: &Bytes) -> Result<Self, OAuthError> {
        Self::from_body_with(headers, body, &[])
    }

    /// As [`Form::from_body`], with parameters that may come more than once.
    ///
    /// # Errors
    /// `invalid_request` for another parameter that comes twice, too much, or what is not text.
    pub(crate) fn from_body_with(
        headers: &HeaderMap,
        body: &Bytes,
        repeated: &[&str],
    ) -> Result<Self, OAuthError> {
        let form = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|kind| {
                kind.trim()
                    .eq_ignore_ascii_case("application/x-www-form-urlencoded")
            });
        if form {
            Self::parse_with(body, repeated)
        } else {
            Ok(Self::default())
        }
    }

    /// # Errors
    /// `invalid_request` for a parameter that comes twice, too much, or what is not text.
    pub fn parse(encoded: &[u8]) -> Result<Self, OAuthError> {
        Self::parse_with(encoded, &[])
    }

    /// As [`Form::parse`], with parameters that may come more than once.
    ///
    /// # Errors
    /// `invalid_request` for another parameter that comes twice, too much, or what is not text.
    pub(crate) fn parse_with(encoded: &[u8], repeated: &[&str]) -> Result<Self, OAuthError> {
        if encoded.len() > MAX_BYTES {
            return Err(OAuthError::invalid_request("request too large"));
        }
        let mut parameters: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(encoded) {
            if parameters.len() >= MAX_PARAMETERS {
                return Err(OAuthError::invalid_request("too many parameters"));
            }
            // What is not UTF-8 comes out of the decoder as U+FFFD.
            let broken = |text: &str| text.contains(['\0', '\u{fffd}']);
            if broken(&name) || broken(&value) {
                return Err(OAuthError::invalid_request(
                    "a parameter holds NUL or is not UTF-8",
                ));
            }
            let known = parameters.iter().any(|(known, _)| *known == name);
            if known && !repeated.contains(&name.as_ref()) {
                return Err(OAuthError::invalid_request("duplicated parameter"));
            }
            parameters.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(parameters))
    }

    /// Parameters that were read elsewhere, such as from a request object.
    pub(crate) fn from_pairs(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// All parameters as they came, those without a value among them.
    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// Whether the parameter was sent, even without a value, as buttons are.
    pub(crate) fn is_sent(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// All values of a parameter that may come more than once.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// # Errors
    /// `invalid_request` when a parameter comes twice after all.
    pub(crate) fn check_unrepeated(&self) -> Result<(), OAuthError> {
        let twice = self.0.iter().enumerate().any(|(i, (name, _))| {
            let mut before = self.0.iter().take(i);
            before.any(|(other, _)| other == name)
        });
        if twice {
            return Err(OAuthError::invalid_request("duplicated parameter"));
        }
        Ok(())
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }
}

/// Names only: values may be credentials.
impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_come_once_and_are_text() {
        let form = Form::parse(b"a=1&b=x+y%20z&c=").unwrap();
        assert_eq!(form.value("a"), Some("1"));
        assert_eq!(form.value("b"), Some("x y z"));
        assert_eq!(form.value("c"), None);
        for bad in ["a=1&a=2", "a=&a=", "a=%00", "%00=1", "a=%ff"] {
            let error = Form::parse(bad.as_bytes()).unwrap_err();
            assert_eq!(error.error, "invalid_request", "{bad}");
        }
        let many: String = (0..101).map(|i| format!("p{i}=1&")).collect();
        assert!(Form::parse(many.as_bytes()).is_err());
        assert!(Form::parse(&vec![b'a'; MAX_BYTES + 1]).is_err());
    }
}
