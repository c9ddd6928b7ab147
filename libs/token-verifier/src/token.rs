//! What is known of a token once it was verified.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use http::HeaderValue;
use serde_json::{Map, Value};

use crate::denial::Denial;

/// An access token that was good when it was looked at: who asks, and what the token says.
/// The token itself is not kept.
pub struct VerifiedToken {
    /// Exactly the issuer's name in the configuration.
    pub issuer: Arc<str>,
    /// Who asks (`sub`), fit to be a header.
    pub subject: HeaderValue,
    /// For which application (`azp`, else `client_id`), fit to be a header.
    pub client: Option<HeaderValue>,
    /// The issuer as a header.
    pub issuer_header: HeaderValue,
    /// Seconds since the epoch, with the skew that is forgiven.
    pub expires_at: i64,
    pub claims: Map<String, Value>,
    derived: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl VerifiedToken {
    /// Refuses what cannot be a header unchanged: two claims must not become the same header, nor
    /// one header two.
    pub(crate) fn new(
        issuer: &Arc<str>,
        claims: Map<String, Value>,
        expires_at: i64,
    ) -> Result<Self, Denial> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let subject = header_value(text("sub").unwrap_or_default(), "sub")?;
        let client = text("azp")
            .or_else(|| text("client_id"))
            .map(|client| header_value(client, "azp"))
            .transpose()?;
        Ok(Self {
            issuer: Arc::clone(issuer),
            subject,
            client,
            issuer_header: header_value(issuer, "iss")?,
            expires_at,
            claims,
            derived: OnceLock::new(),
        })
    }

    /// Something computed from the claims once and kept with them. Always the same kind of thing.
    pub fn derived<T: Any + Send + Sync>(&self, compute: impl FnOnce(&Self) -> T) -> Option<&T> {
        self.derived
            .get_or_init(|| Box::new(compute(self)))
            .downcast_ref()
    }

    /// A claim that is a string.
    pub fn str(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    /// A claim that is a number.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.claims.get(name).and_then(Value::as_i64)
    }

    /// Whether `scope` (space-separated text, RFC 9068 section 2.2.3, or a list) has this value.
    pub fn has_scope(&self, scope: &str) -> bool {
        match self.claims.get("scope") {
            Some(Value::String(scopes)) => scopes.split(' ').any(|one| one == scope),
            Some(Value::Array(scopes)) => scopes.iter().any(|one| one.as_str() == Some(scope)),
            _ => false,
        }
    }

    /// Whether `aud` has this value.
    pub fn has_audience(&self, audience: &str) -> bool {
        match self.claims.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(list)) => list.iter().any(|one| one.as_str() == Some(audience)),
            _ => false,
        }
    }

    /// A confirmation method of `cnf` (RFC 7800).
    pub fn confirmation(&self, method: &str) -> Option<&str> {
        self.claims.get("cnf")?.get(method)?.as_str()
    }

    pub fn is_bound(&self) -> bool {
        self.claims.contains_key("cnf")
    }

    /// Memory taken, about.
    pub(crate) fn weight(&self) -> u32 {
        let text = self.subject.len() + self.client.as_ref().map_or(0, HeaderValue::len);
        let claims: usize = self
            .claims
            .iter()
            .map(|(k, v)| k.len() + 64 + size(v))
            .sum();
        u32::try_from(text + claims + 400).unwrap_or(u32::MAX)
    }
}

/// Shows who, not what: claims are personal.
impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 24,
        Value::Array(list) => list.iter().map(size).sum::<usize>() + 24,
        Value::Object(map) => map.iter().map(|(k, v)| k.len() + 64 + size(v)).sum(),
        _ => 24,
    }
}

fn header_value(claim: &str, name: &str) -> Result<HeaderValue, Denial> {
    plain_header(claim).ok_or_else(|| {
        Denial::invalid(
            "claim",
            format_args!("the claim `{name}` cannot be passed on as a header"),
        )
    })
}

/// Printable ASCII without spaces around, at most 1024 bytes.
fn plain_header(text: &str) -> Option<HeaderValue> {
    let plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && text.trim() == text;
    HeaderValue::from_str(text)
        .ok()
        .filter(|_| plain && text.len() <= 1024)
}
