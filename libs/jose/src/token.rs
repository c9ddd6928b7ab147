//! Tokens before and after verification.

use std::fmt;

use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::encoding::from_base64url;
use crate::error::JoseError;
use crate::key_set::VerifyingKey;
use crate::strict_json;

/// Longer tokens are refused unread.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A token that is well-formed, and nothing more.
///
/// Parsing already refuses what no use could accept: `none` and unknown algorithms, `crit`, `b64`,
/// `zip`, encryption, repeated JSON names, registered claims of the wrong type. `jku`, `x5u`, `jwk`
/// and `x5c` are ignored: a token does not choose its own key.
#[derive(Clone)]
pub struct UnverifiedJwt {
    token: String,
    signing_input_length: usize,
    signature: Vec<u8>,
    algorithm: Algorithm,
    header: Map<String, Value>,
    claims: Claims,
}

impl UnverifiedJwt {
    /// Parses a compact JWS (RFC 7515 section 7.1) whose payload is a claims set (RFC 7519 section 4).
    pub fn parse(token: &str) -> Result<Self, JoseError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(JoseError::TooLong {
                length: token.len(),
                limit: MAX_TOKEN_BYTES,
            });
        }
        let segments: Vec<&str> = token.splitn(6, '.').collect();
        let (header, claims, signature) = match segments.as_slice() {
            [header, claims, signature] => (*header, *claims, *signature),
            [_, _, _, _, _] => return Err(JoseError::Encrypted),
            _ => return Err(JoseError::Malformed("it does not have three segments")),
        };

        let header =
            from_base64url(header).ok_or(JoseError::Malformed("its header is not base64url"))?;
        let header =
            strict_json::object(&header).ok_or(JoseError::InvalidJson { part: "header" })?;
        for unsupported in ["crit", "b64", "zip"] {
            if header.contains_key(unsupported) {
                return Err(JoseError::UnsupportedHeader(unsupported));
            }
        }
        if header.contains_key("enc") {
            return Err(JoseError::Encrypted);
        }
        for text in ["kid", "typ", "cty"] {
            if header.get(text).is_some_and(|value| !value.is_string()) {
                return Err(JoseError::HeaderType(text));
            }
        }
        let algorithm = match header.get("alg") {
            Some(Value::String(name)) => name.parse()?,
            Some(_) => return Err(JoseError::HeaderType("alg")),
            None => return Err(JoseError::MissingHeader("alg")),
        };

        let signature_bytes = from_base64url(signature)
            .filter(|bytes| !bytes.is_empty())
            .ok_or(JoseError::Malformed(
                "its signature is empty or not base64url",
            ))?;
        let claims =
            from_base64url(claims).ok_or(JoseError::Malformed("its payload is not base64url"))?;
        let claims =
            strict_json::object(&claims).ok_or(JoseError::InvalidJson { part: "payload" })?;

        Ok(Self {
            token: token.to_owned(),
            signing_input_length: token.len() - signature.len() - 1,
            signature: signature_bytes,
            algorithm,
            header,
            claims: Claims::typed(claims)?,
        })
    }

    /// The algorithm the token claims to be signed with.
    pub fn unverified_algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub fn unverified_kid(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    /// The explicit type (RFC 8725 section 3.11), without the `application/` prefix.
    pub fn unverified_typ(&self) -> Option<&str> {
        typ(&self.header)
    }

    pub fn unverified_header(&self) -> &Map<String, Value> {
        &self.header
    }

    pub fn unverified_iss(&self) -> Option<&str> {
        self.claims.text("iss")
    }

    pub fn unverified_sub(&self) -> Option<&str> {
        self.claims.text("sub")
    }

    pub fn unverified_aud(&self) -> Vec<&str> {
        self.claims.audience()
    }

    pub fn unverified_exp(&self) -> Option<i64> {
        self.claims.seconds("exp")
    }

    /// A claim that is a string.
    pub fn unverified_str(&self, name: &str) -> Option<&str> {
        self.claims.text(name)
    }

    pub fn unverified_claims(&self) -> &Map<String, Value> {
        &self.claims.0
    }

    /// The token as it was given.
    pub fn as_str(&self) -> &str {
        &self.token
    }
}

/// Shows the header only: claims and signature are a credential.
impl fmt::Debug for UnverifiedJwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedJwt")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

/// Checks the signature. The key has to allow the token's algorithm, whoever chose the key.
pub fn verify(jwt: &UnverifiedJwt, key: &VerifyingKey) -> Result<Verified, JoseError> {
    let signing_input = jwt
        .token
        .as_bytes()
        .get(..jwt.signing_input_length)
        .ok_or(JoseError::Malformed("it does not have three segments"))?;
    if key.verify_signature(jwt.algorithm, signing_input, &jwt.signature)? {
        Ok(Verified {
            algorithm: jwt.algorithm,
            header: jwt.header.clone(),
            claims: jwt.claims.clone(),
        })
    } else {
        Err(JoseError::InvalidSignature)
    }
}

/// What a token says once its signature was found good. Only [`verify`] makes one.
///
/// Registered claims have their right types, so that `None` means absent and never malformed.
#[derive(Clone)]
pub struct Verified {
    algorithm: Algorithm,
    header: Map<String, Value>,
    claims: Claims,
}

impl Verified {
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub fn kid(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    /// The explicit type in the header, without the `application/` prefix.
    pub fn typ(&self) -> Option<&str> {
        typ(&self.header)
    }

    pub fn iss(&self) -> Option<&str> {
        self.claims.text("iss")
    }

    pub fn sub(&self) -> Option<&str> {
        self.claims.text("sub")
    }

    /// The audiences; a single string is a list of one.
    pub fn aud(&self) -> Vec<&str> {
        self.claims.audience()
    }

    /// Seconds since the epoch, fractions cut off.
    pub fn exp(&self) -> Option<i64> {
        self.claims.seconds("exp")
    }

    /// Seconds since the epoch, fractions cut off.
    pub fn iat(&self) -> Option<i64> {
        self.claims.seconds("iat")
    }

    /// Seconds since the epoch, fractions cut off.
    pub fn nbf(&self) -> Option<i64> {
        self.claims.seconds("nbf")
    }

    pub fn jti(&self) -> Option<&str> {
        self.claims.text("jti")
    }

    /// A claim that is a string; `None` when it is absent or something else.
    pub fn str(&self, name: &str) -> Option<&str> {
        self.claims.text(name)
    }

    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.0.get(name)
    }

    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims.0
    }

    pub fn into_claims(self) -> Map<String, Value> {
        self.claims.0
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("iss", &self.iss())
            .field("sub", &self.sub())
            .finish_non_exhaustive()
    }
}

/// A claims set in which the registered claims have the types of RFC 7519 section 4.1.
#[derive(Clone)]
struct Claims(Map<String, Value>);

impl Claims {
    fn typed(claims: Map<String, Value>) -> Result<Self, JoseError> {
        for name in ["iss", "sub", "jti"] {
            if claims.get(name).is_some_and(|value| !value.is_string()) {
                return Err(JoseError::ClaimType(name));
            }
        }
        for name in ["exp", "nbf", "iat"] {
            if claims
                .get(name)
                .is_some_and(|value| numeric_date(value).is_none())
            {
                return Err(JoseError::ClaimType(name));
            }
        }
        match claims.get("aud") {
            None | Some(Value::String(_)) => {}
            Some(Value::Array(list)) if list.iter().all(Value::is_string) => {}
            Some(_) => return Err(JoseError::ClaimType("aud")),
        }
        Ok(Self(claims))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    fn seconds(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(numeric_date)
    }

    fn audience(&self) -> Vec<&str> {
        match self.0.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

/// NumericDate, RFC 7519 section 2. Bounded to what can be added to without overflow; a fraction is
/// cut off.
fn numeric_date(value: &Value) -> Option<i64> {
    const LIMIT: i64 = 1 << 53;
    let seconds = match value.as_i64() {
        Some(seconds) => seconds,
        // The bound is exact in a double, so the conversion after the check loses nothing but the fraction.
        None => {
            let seconds = value.as_f64()?;
            if seconds.abs() > LIMIT as f64 {
                return None;
            }
            seconds.floor() as i64
        }
    };
    (-LIMIT..=LIMIT).contains(&seconds).then_some(seconds)
}

fn typ(header: &Map<String, Value>) -> Option<&str> {
    let typ = header.get("typ").and_then(Value::as_str)?;
    // RFC 7515 section 4.1.9: the prefix may be left out, and media types ignore case.
    Some(match typ.split_at_checked(12) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
        _ => typ,
    })
}
