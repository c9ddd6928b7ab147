//! Proof of possession by a key (RFC 9449), on both sides of a request.

use realmkeep_jose::{Jwk, UnverifiedJwt, VerifyingKey, base64url, sha256, verify};
pub use realmkeep_workload_identity::dpop::{ProofRequest, proof};
use serde_json::Value;
use url::Url;

use crate::replay::{ReplayGuard, Seen};

/// The algorithms of proofs that are accepted.
pub const ALGORITHMS: [&str; 5] = ["ES256", "ES384", "EdDSA", "PS256", "RS256"];
/// Longer proofs are refused unread.
const MAX_PROOF_BYTES: usize = 8 * 1024;
/// Proofs that may be remembered in one window; more are refused.
const MAX_REMEMBERED: usize = 200_000;
/// Seconds that a sender's clock may be ahead.
const SKEW: i64 = 10;

/// Checks proofs and remembers them, so that each is good once.
///
/// The memory is this process's own: behind several replicas a proof is good once at each, within
/// its short life.
#[derive(Debug)]
pub struct ProofChecker {
    max_age: i64,
    seen: ReplayGuard,
}

/// What a proof has to be about.
#[derive(Clone, Copy, Debug)]
pub struct ProofContext<'a> {
    pub method: &'a str,
    /// The URLs that this request may be said to have: our own view of it, never its headers'.
    pub urls: &'a [String],
    /// The access token, and its `cnf.jkt`.
    pub token: &'a str,
    pub thumbprint: &'a str,
    /// Milliseconds since the epoch.
    pub now_ms: i64,
}

impl ProofChecker {
    /// `max_age`: seconds for which a proof is good after it was made.
    pub fn new(max_age: u32) -> Self {
        let max_age = i64::from(max_age);
        Self {
            max_age,
            seen: ReplayGuard::new((max_age + SKEW) * 1000, MAX_REMEMBERED),
        }
    }

    /// The checks of section 4.3, in its order. Nonces are not asked for.
    pub fn check(&self, proof: &str, context: &ProofContext<'_>) -> Result<(), &'static str> {
        if proof.len() > MAX_PROOF_BYTES {
            return Err("the DPoP proof is too long");
        }
        let jwt = UnverifiedJwt::parse(proof).map_err(|_| "the DPoP proof is not a JWT")?;
        if !jwt
            .unverified_typ()
            .is_some_and(|typ| typ.eq_ignore_ascii_case("dpop+jwt"))
        {
            return Err("the DPoP proof's type is not dpop+jwt");
        }
        if !ALGORITHMS.contains(&jwt.unverified_algorithm().as_str()) {
            return Err("the DPoP proof's algorithm is not accepted");
        }
        let jwk = public_key(jwt.unverified_header().get("jwk"))
            .ok_or("the DPoP proof's `jwk` is not a public key")?;
        let key = VerifyingKey::from_jwk(&jwk)
            .map_err(|_| "the DPoP proof's `jwk` is not a public key")?;
        let verified = verify(&jwt, &key).map_err(|_| "the DPoP proof's signature is not good")?;

        if verified.str("htm") != Some(context.method) {
            return Err("the DPoP proof is for another method (`htm`)");
        }
        let htu = verified
            .str("htu")
            .and_then(without_query)
            .ok_or("the DPoP proof's `htu` is not a URL")?;
        if !context
            .urls
            .iter()
            .any(|url| without_query(url).as_ref() == Some(&htu))
        {
            return Err("the DPoP proof is for another URL (`htu`)");
        }
        let now = context.now_ms.div_euclid(1000);
        let made = verified
            .iat()
            .ok_or("the DPoP proof does not say when it was made (`iat`)")?;
        if made > now + SKEW || made < now - self.max_age {
            return Err("the DPoP proof was not made just now (`iat`)");
        }
        if verified.str("ath") != Some(base64url(sha256(context.token.as_bytes())).as_str()) {
            return Err("the DPoP proof is for another access token (`ath`)");
        }
        if jwk.thumbprint().ok().as_deref() != Some(context.thumbprint) {
            return Err("the DPoP proof is by another key than the access token is bound to");
        }
        let jti = verified
            .jti()
            .filter(|jti| !jti.is_empty())
            .ok_or("the DPoP proof has no identifier (`jti`)")?;
        // Of a key and a URL: another sender's identifiers are its own.
        let once = format!("{}\n{htu}\n{jti}", context.thumbprint);
        match self.seen.see(sha256(once.as_bytes()), context.now_ms) {
            Seen::First => Ok(()),
            Seen::Again => Err("the DPoP proof was used before (`jti`)"),
            Seen::Full => Err("too many DPoP proofs at once; make another in a minute"),
        }
    }
}

/// Refuses keys with a private part, and shared secrets.
fn public_key(jwk: Option<&Value>) -> Option<Jwk> {
    let jwk = jwk?;
    let members = jwk.as_object()?;
    if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]
        .iter()
        .any(|private| members.contains_key(*private))
    {
        return None;
    }
    serde_json::from_value(jwk.clone()).ok()
}

/// Section 4.3: compared after normalisation, without query and fragment.
fn without_query(url: &str) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    if !matches!(url.scheme(), "https" | "http") {
        return None;
    }
    url.set_query(None);
    url.set_fragment(None);
    Some(url.into())
}
