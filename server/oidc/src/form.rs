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
        let form = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|kind| {
                kind.trim()
                    .eq_ignore_ascii_case("application/x-www-form-urlencoded")
            });
        if form {
            Self::parse(body)
        } else {
            Ok(Self::default())
        }
    }

    /// # Errors
    /// `invalid_request` for a parameter that comes twice, too much, or what is not text.
    pub fn parse(encoded: &[u8]) -> Result<Self, OAuthError> {
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
            if parameters.iter().any(|(known, _)| *known == name) {
                return Err(OAuthError::invalid_request("duplicated parameter"));
            }
            parameters.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(parameters))
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
