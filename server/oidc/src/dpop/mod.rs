//! Demonstrating Proof of Possession (RFC 9449): a request carries a JWT that the sender's key signed
//! for this very request.

pub(crate) mod nonce;

use http::{HeaderMap, Method, StatusCode};
use realmkeep_jose::{
    Algorithm, Jwk, UnverifiedJwt, Verified, VerifyingKey, base64url, sha256, verify,
};
use realmkeep_representations::ClientRepresentation;
use realmkeep_store::single_use::Space;
use serde_json::Value;
use subtle::ConstantTimeEq;
use url::Url;

use crate::context::Context;
use crate::error::OAuthError;

const HEADER: &str = "dpop";
/// A proof counts so many seconds after it was made …
const LIFETIME: i64 = 10;
/// … and clocks may be so many seconds apart.
const SKEW: i64 = 15;
/// Longest `jti`, in bytes.
const MAX_JTI: usize = 512;
/// Members of a JWK that only its owner may know (RFC 7518 section 6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The thumbprint (RFC 7638) of the key that signed the request's proof; None without a proof.
/// `access_token` is the token that the request carries, which the proof then has to name; `client` is
/// whose request it is.
///
/// # Errors
/// `invalid_dpop_proof` for a proof that is not for this request, not from now, or was used before;
/// [`nonce::WANTED`] for one without the nonce that the client has to use.
pub(crate) async fn proof(
    context: &Context,
    headers: &HeaderMap,
    (method, url): (&Method, &str),
    access_token: Option<&str>,
    client: &ClientRepresentation,
) -> Result<Option<String>, OAuthError> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(refused("More than one DPoP proof"));
    }
    let text = value
        .to_str()
        .map_err(|_| refused("DPoP proof is not a JWT"))?;
    let (proof, thumbprint) = signed(text)?;
    check_request(&proof, method, url, access_token)?;
    check_time(&proof, context.now)?;
    if nonce::is_required(&context.realm, client) {
        nonce::check(context, &proof)?;
    }
    once(context, &proof, &thumbprint).await?;
    Ok(Some(thumbprint))
}

/// Names of the algorithms that proofs may be signed with, space separated.
pub(crate) fn algorithms() -> String {
    Algorithm::ASYMMETRIC.map(Algorithm::as_str).join(" ")
}

/// A refusal that a client can act on (RFC 9449 section 5).
pub(crate) fn refused(description: &'static str) -> OAuthError {
    OAuthError::new(StatusCode::BAD_REQUEST, "invalid_dpop_proof", description)
}

/// The proof, verified by the key in its own header: who made it has that key, whoever it is.
fn signed(text: &str) -> Result<(Verified, String), OAuthError> {
    let jwt = UnverifiedJwt::parse(text)
        .map_err(|e| refused("DPoP proof is not a signed JWT").because(e.to_string()))?;
    if !jwt
        .unverified_typ()
        .is_some_and(|typ| typ.eq_ignore_ascii_case("dpop+jwt"))
    {
        return Err(refused("DPoP proof has another typ than dpop+jwt"));
    }
    if jwt.unverified_algorithm().is_symmetric() {
        return Err(refused(
            "DPoP proof is not signed with an asymmetric algorithm",
        ));
    }
    let jwk = jwt
        .unverified_header()
        .get("jwk")
        .filter(|jwk| jwk.is_object())
        .ok_or_else(|| refused("DPoP proof has no jwk in its header"))?;
    if PRIVATE.iter().any(|member| jwk.get(member).is_some()) {
        return Err(refused("DPoP proof's jwk holds a private key"));
    }
    let unusable = || refused("DPoP proof's jwk cannot be used");
    let jwk: Jwk = serde_json::from_value(jwk.clone()).map_err(|_| unusable())?;
    let key = VerifyingKey::from_jwk(&jwk).map_err(|e| unusable().because(e.to_string()))?;
    let proof = verify(&jwt, &key)
        .map_err(|e| refused("DPoP proof's signature does not match").because(e.to_string()))?;
    let thumbprint = jwk.thumbprint().map_err(|_| unusable())?;
    Ok((proof, thumbprint))
}

/// RFC 9449 section 4.3, items 8, 9 and 12.
fn check_request(
    proof: &Verified,
    method: &Method,
    url: &str,
    access_token: Option<&str>,
) -> Result<(), OAuthError> {
    if proof.str("htm") != Some(method.as_str()) {
        return Err(refused("DPoP proof is for another HTTP method (htm)"));
    }
    let htu = proof.str("htu").and_then(normal);
    if htu.is_none() || htu != normal(url) {
        return Err(refused("DPoP proof is for another URL (htu)"));
    }
    let Some(token) = access_token else {
        return Ok(());
    };
    let hash = base64url(sha256(token.as_bytes()));
    let same = proof
        .str("ath")
        .is_some_and(|ath| bool::from(ath.as_bytes().ct_eq(hash.as_bytes())));
    if same {
        Ok(())
    } else {
        Err(refused("DPoP proof is for another access token (ath)"))
    }
}

/// Without query and fragment, in the form that RFC 3986 sections 6.2.2 and 6.2.3 call normal.
fn normal(url: &str) -> Option<Url> {
    let mut url = Url::parse(url).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    Some(url)
}

fn check_time(proof: &Verified, now: i64) -> Result<(), OAuthError> {
    let made = match proof.claim("iat") {
        Some(Value::Number(_)) => proof.iat(),
        _ => None,
    };
    let made = made.ok_or_else(|| refused("DPoP proof does not say when it was made (iat)"))?;
    if made > now.saturating_add(SKEW) || made < now.saturating_sub(LIFETIME + SKEW) {
        return Err(refused("DPoP proof is not active"));
    }
    if proof.exp().is_some_and(|exp| exp <= now) {
        return Err(refused("DPoP proof is not active"));
    }
    Ok(())
}

/// Counts a proof once, by its `jti` and key, until it has ended; on every replica.
async fn once(context: &Context, proof: &Verified, thumbprint: &str) -> Result<(), OAuthError> {
    let jti = proof
        .jti()
        .filter(|jti| !jti.is_empty() && jti.len() <= MAX_JTI)
        .ok_or_else(|| refused("DPoP proof has no jti, or one that is too long"))?;
    let owner = format!("{}\n{thumbprint}\n{jti}", context.realm.id);
    let key = base64url(sha256(owner.as_bytes()));
    let made = proof.iat().unwrap_or(context.now);
    let until = made.saturating_add(LIFETIME + SKEW + 1);
    let store = &context.services.store;
    if store.mark_used(Space::DpopProof, &key, until).await? {
        Ok(())
    } else {
        Err(refused("DPoP proof has already been used"))
    }
}
