//! What a request brings to prove who its client is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use realmkeep_jose::{JoseError, UnverifiedJwt};
use realmkeep_representations::SecretString;

use crate::error::OAuthError;
use crate::form::Form;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const JWT_SPIFFE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";
/// Longest clientId that is looked up, in bytes.
const MAX_CLIENT_ID: usize = 512;

#[derive(Debug)]
pub(super) struct Presented {
    pub(super) client_id: Option<String>,
    pub(super) secret: Option<SecretString>,
    pub(super) assertion: Option<Assertion>,
    /// HTTP Basic was used.
    pub(super) basic: bool,
}

/// A well-formed client assertion (RFC 7521 section 4.2) whose signature nobody has looked at.
#[derive(Debug)]
pub(super) struct Assertion {
    pub(super) jwt: UnverifiedJwt,
    /// It is a JWT-SVID.
    pub(super) spiffe: bool,
}

impl Assertion {
    /// Whether it says that it is signed with a shared secret.
    pub(super) fn is_symmetric(&self) -> bool {
        self.jwt.unverified_algorithm().is_symmetric()
    }
}

impl Presented {
    /// # Errors
    /// When the parts contradict each other or cannot be read.
    pub(super) fn read(headers: &HeaderMap, form: &Form) -> Result<Self, OAuthError> {
        let basic = basic(headers)?;
        let mut presented = Self {
            client_id: form.value("client_id").map(str::to_owned),
            secret: form.value("client_secret").map(SecretString::new),
            assertion: assertion(form)?,
            basic: basic.is_some(),
        };
        let several = || {
            OAuthError::invalid_request(
                "The request authenticates the client in more than one way; send one of HTTP Basic, client_secret and client_assertion",
            )
        };
        if let Some((id, secret)) = basic {
            if presented.secret.is_some() || presented.assertion.is_some() {
                return Err(several());
            }
            if presented
                .client_id
                .as_ref()
                .is_some_and(|other| *other != id)
            {
                return Err(OAuthError::invalid_request(
                    "client_id is not the client of the Authorization header",
                ));
            }
            presented.client_id = Some(id);
            presented.secret = Some(secret);
        }
        if presented.secret.is_some() && presented.assertion.is_some() {
            return Err(several());
        }
        if presented
            .client_id
            .as_ref()
            .is_some_and(|id| id.len() > MAX_CLIENT_ID)
        {
            return Err(OAuthError::invalid_client().because("the client_id is too long"));
        }
        Ok(presented)
    }
}

fn basic(headers: &HeaderMap) -> Result<Option<(String, SecretString)>, OAuthError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let unreadable = || {
        OAuthError::invalid_client()
            .because("the Authorization header is not HTTP Basic with clientId and secret")
    };
    if values.next().is_some() {
        return Err(OAuthError::invalid_request(
            "The Authorization header comes twice",
        ));
    }
    let value = value.to_str().map_err(|_| unreadable())?;
    let (scheme, encoded) = value.split_once(' ').ok_or_else(unreadable)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(unreadable());
    }
    let decoded = STANDARD
        .decode(encoded.trim())
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(unreadable)?;
    let (id, secret) = decoded.split_once(':').ok_or_else(unreadable)?;
    let id = form_decoded(id);
    if id.is_empty() {
        return Err(unreadable());
    }
    Ok(Some((id, SecretString::new(form_decoded(secret)))))
}

/// RFC 6749 section 2.3.1: both parts are form-encoded first. Clients that do not know send them
/// as they are, which only differs where `%` or `+` occurs.
fn form_decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let spaced = text.replace('+', " ");
    match percent_encoding::percent_decode_str(&spaced).decode_utf8() {
        Ok(decoded) => decoded.into_owned(),
        Err(_) => text.to_owned(),
    }
}

fn assertion(form: &Form) -> Result<Option<Assertion>, OAuthError> {
    let (kind, token) = match (
        form.value("client_assertion_type"),
        form.value("client_assertion"),
    ) {
        (None, None) => return Ok(None),
        (Some(kind), Some(token)) => (kind, token),
        _ => {
            return Err(OAuthError::invalid_client().because(
                "client_assertion and client_assertion_type come together or not at all",
            ));
        }
    };
    let spiffe = match kind {
        JWT_BEARER => false,
        JWT_SPIFFE => true,
        _ => {
            return Err(OAuthError::invalid_client()
                .because("client_assertion_type is not known; use jwt-bearer or jwt-spiffe"));
        }
    };
    match UnverifiedJwt::parse(token) {
        Ok(jwt) => Ok(Some(Assertion { jwt, spiffe })),
        Err(JoseError::UnsupportedAlgorithm(_)) => Err(bad_algorithm()),
        Err(e) => Err(OAuthError::invalid_client()
            .event("invalid_client_credentials")
            .because(format!("client_assertion: {e}"))),
    }
}

pub(super) fn bad_algorithm() -> OAuthError {
    OAuthError::invalid_assertion("Invalid signature algorithm")
        .because("client_assertion is not signed with an asymmetric algorithm that we know")
}
