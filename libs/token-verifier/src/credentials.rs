//! The token in a request's headers (RFC 6750 section 2.1, RFC 9449 section 7.1). The form and query
//! ways are not offered.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::denial::Denial;

/// How a token was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Bearer,
    Dpop,
}

/// A token and how it was presented.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    pub scheme: Scheme,
    pub token: &'a str,
    /// The proof in the `DPoP` header.
    pub proof: Option<&'a str>,
}

/// Reads the one token of a request. Another scheme counts as no token: it is for the application to
/// understand, where no token is needed.
pub fn credentials(headers: &HeaderMap) -> Result<Credentials<'_>, Denial> {
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
    let scheme = if scheme.eq_ignore_ascii_case(b"Bearer") {
        Scheme::Bearer
    } else if scheme.eq_ignore_ascii_case(b"DPoP") {
        Scheme::Dpop
    } else {
        return Err(Denial::Missing);
    };
    let token = token.trim_ascii();
    let b64token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    let token = match std::str::from_utf8(token) {
        Ok(text) if !text.is_empty() && token.iter().all(b64token) => text,
        _ => {
            return Err(Denial::Malformed(
                "the Authorization header is not `Bearer TOKEN` or `DPoP TOKEN`",
            ));
        }
    };

    let mut proofs = headers.get_all("dpop").iter();
    let proof = proofs.next();
    if proofs.next().is_some() {
        return Err(Denial::Malformed("the request has several DPoP headers"));
    }
    let proof = proof
        .map(|proof| {
            proof
                .to_str()
                .map_err(|_| Denial::Malformed("the DPoP header is not a JWT"))
        })
        .transpose()?;
    Ok(Credentials {
        scheme,
        token,
        proof,
    })
}
