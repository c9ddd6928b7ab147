//! The token in a request (RFC 6750 section 2.1). The form and query ways are not offered.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::inbound::verifier::Denial;

pub fn bearer_token(headers: &HeaderMap) -> Result<&str, Denial> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Denial::Missing)?;
    if values.next().is_some() {
        return Err(Denial::Malformed(
            "the request has several Authorization headers",
        ));
    }
    let value = value.as_bytes();
    let (scheme, token) = match value.iter().position(|byte| *byte == b' ') {
        Some(space) => value.split_at(space),
        None => (value, &[][..]),
    };
    if !scheme.eq_ignore_ascii_case(b"Bearer") {
        // Another scheme is for the application to understand, if the path is public.
        return Err(Denial::Missing);
    }
    let token = token.trim_ascii();
    let b64token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    match std::str::from_utf8(token) {
        Ok(text) if !text.is_empty() && token.iter().all(b64token) => Ok(text),
        _ => Err(Denial::Malformed(
            "the Authorization header is not `Bearer TOKEN`",
        )),
    }
}
