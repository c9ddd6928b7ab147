//! SPIFFE IDs, to the letter of the specification (SPIFFE-ID sections 2 and 2.3).

use std::fmt;
use std::str::FromStr;

use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::parse_x509_certificate;

const MAX_BYTES: usize = 2048;
const MAX_TRUST_DOMAIN: usize = 255;

/// `spiffe://trust-domain/path`. There is one spelling of each, so they are compared as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpiffeId {
    text: String,
    /// Where the path begins.
    path: usize,
}

/// Why something is no SPIFFE ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpiffeIdError {
    #[error("it is longer than {MAX_BYTES} bytes")]
    TooLong,
    #[error("it does not begin with spiffe://")]
    Scheme,
    #[error("its trust domain is empty or has characters other than a-z, 0-9, `.`, `-` and `_`")]
    TrustDomain,
    #[error(
        "its path has an empty or dot segment, a slash at its end, or characters other than a-z, A-Z, 0-9, `.`, `-` and `_`"
    )]
    Path,
    #[error("the certificate cannot be read")]
    Certificate,
    #[error("the certificate is no X.509-SVID of a workload: {0}")]
    Svid(&'static str),
}

impl SpiffeId {
    pub fn trust_domain(&self) -> &str {
        let end = self.path;
        self.text.get(SCHEME.len()..end).unwrap_or_default()
    }

    /// Begins with a slash, or is empty for the trust domain itself.
    pub fn path(&self) -> &str {
        self.text.get(self.path..).unwrap_or_default()
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The ID in a workload's certificate, given as DER (X509-SVID sections 3 to 5). The
    /// certificate's chain is not judged here.
    pub fn of_certificate(der: &[u8]) -> Result<Self, SpiffeIdError> {
        let svid = |why| Err(SpiffeIdError::Svid(why));
        let (rest, certificate) =
            parse_x509_certificate(der).map_err(|_| SpiffeIdError::Certificate)?;
        if !rest.is_empty() {
            return Err(SpiffeIdError::Certificate);
        }
        let mut uris = Vec::new();
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(names) => {
                    uris.extend(names.general_names.iter().filter_map(|name| match name {
                        GeneralName::URI(uri) => Some(*uri),
                        _ => None,
                    }));
                }
                ParsedExtension::BasicConstraints(constraints) if constraints.ca => {
                    return svid("it is an authority");
                }
                ParsedExtension::KeyUsage(usage) => {
                    if !usage.digital_signature() {
                        return svid("its key may not sign");
                    }
                    if usage.key_cert_sign() || usage.crl_sign() {
                        return svid("its key may sign certificates");
                    }
                }
                ParsedExtension::ParseError { .. } => return Err(SpiffeIdError::Certificate),
                _ => {}
            }
        }
        match uris.as_slice() {
            [one] => {
                let id: Self = one.parse()?;
                if id.path().is_empty() {
                    return svid("it names a trust domain");
                }
                Ok(id)
            }
            [] => svid("it has no URI"),
            _ => svid("it has several URIs"),
        }
    }
}

const SCHEME: &str = "spiffe://";

impl FromStr for SpiffeId {
    type Err = SpiffeIdError;

    fn from_str(text: &str) -> Result<Self, SpiffeIdError> {
        if text.len() > MAX_BYTES {
            return Err(SpiffeIdError::TooLong);
        }
        let rest = text.strip_prefix(SCHEME).ok_or(SpiffeIdError::Scheme)?;
        let (domain, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let domain_byte =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b);
        if domain.is_empty() || domain.len() > MAX_TRUST_DOMAIN || !domain.bytes().all(domain_byte)
        {
            return Err(SpiffeIdError::TrustDomain);
        }
        let segment = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
        };
        if !path.is_empty() && !path.split('/').skip(1).all(segment) {
            return Err(SpiffeIdError::Path);
        }
        Ok(Self {
            path: SCHEME.len() + domain.len(),
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_each() {
        let id: SpiffeId = "spiffe://shop.example/ns/a/sa/Orders_1.x-2"
            .parse()
            .unwrap();
        assert_eq!(id.trust_domain(), "shop.example");
        assert_eq!(id.path(), "/ns/a/sa/Orders_1.x-2");
        let id: SpiffeId = "spiffe://shop".parse().unwrap();
        assert_eq!((id.trust_domain(), id.path()), ("shop", ""));
        for wrong in [
            "",
            "spiffe://",
            "SPIFFE://shop/a",
            "https://shop/a",
            "spiffe:/shop/a",
            "spiffe:///a",
            "spiffe://Shop/a",
            "spiffe://shop:8080/a",
            "spiffe://u@shop/a",
            "spiffe://shop/",
            "spiffe://shop/a/",
            "spiffe://shop//a",
            "spiffe://shop/./a",
            "spiffe://shop/../a",
            "spiffe://shop/a%41",
            "spiffe://shop/a?b",
            "spiffe://shop/a#b",
            "spiffe://shop/a b",
            "spiffe://shop/\u{e9}",
            "spiffe://sh\u{e9}p/a",
        ] {
            assert!(wrong.parse::<SpiffeId>().is_err(), "{wrong}");
        }
        let long = format!("spiffe://shop/{}", "a".repeat(2048));
        assert_eq!(long.parse::<SpiffeId>(), Err(SpiffeIdError::TooLong));
    }
}
