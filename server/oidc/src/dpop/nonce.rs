//! Nonces for proofs (RFC 9449 sections 8 and 9): who signs proofs ahead of time, or has somebody
//! else sign them, cannot know the nonce. A nonce is the time at which it was made, sealed with the
//! installation's key: nothing is stored, and every replica takes those of the others.

use axum::response::Response;
use http::{HeaderValue, StatusCode};
use realmkeep_jose::Verified;
use realmkeep_representations::ClientRepresentation;
use realmkeep_store::Realm;

use crate::context::Context;
use crate::error::OAuthError;

pub(crate) const HEADER: &str = "dpop-nonce";
/// The refusal of a proof without a nonce, or with one that does not count any more.
pub(crate) const WANTED: &str = "use_dpop_nonce";
/// Client attribute, `true` or `false`; where it is absent the realm's attribute decides, and where
/// that is absent too, no nonce is asked for.
const OF_CLIENT: &str = "dpop.nonce.required";
const OF_REALM: &str = "dpopNonceRequired";
/// A nonce counts so many seconds …
const LIFETIME: i64 = 120;
/// … and the clocks of replicas may be so many seconds apart.
const SKEW: i64 = 5;
/// Longest nonce that is looked at, in bytes.
const MAX: usize = 256;

/// Whether the client's proofs have to have a nonce.
pub(crate) fn is_required(realm: &Realm, client: &ClientRepresentation) -> bool {
    let own = client
        .attributes
        .as_ref()
        .and_then(|all| all.get(OF_CLIENT));
    let own = own.filter(|value| !value.is_empty());
    let attributes = realm.settings.attributes.as_ref();
    own.or_else(|| attributes.and_then(|all| all.get(OF_REALM)))
        .is_some_and(|value| value == "true")
}

/// # Errors
/// [`WANTED`] when the proof has no nonce of this realm that counts now.
pub(super) fn check(context: &Context, proof: &Verified) -> Result<(), OAuthError> {
    let made: Option<i64> = proof
        .str("nonce")
        .filter(|nonce| nonce.len() <= MAX)
        .and_then(|nonce| context.services.cookies.open(&purpose(context), nonce));
    let counts = made.is_some_and(|made| {
        let age = context.now.saturating_sub(made);
        (-SKEW..=LIFETIME).contains(&age)
    });
    if counts {
        return Ok(());
    }
    Err(OAuthError::new(
        StatusCode::BAD_REQUEST,
        WANTED,
        "The DPoP proof has to have the nonce of the DPoP-Nonce header",
    )
    .event("invalid_dpop_proof"))
}

/// Sends a new nonce along, if the client is to use them: with refusals and, so that the next request
/// needs no second try, with all other answers.
pub(crate) fn supply(
    context: &Context,
    client: &ClientRepresentation,
    response: Response,
) -> Response {
    if is_required(&context.realm, client) {
        with_nonce(context, response)
    } else {
        response
    }
}

/// As [`supply`], where it is clear that the client is to use them.
pub(crate) fn with_nonce(context: &Context, mut response: Response) -> Response {
    let nonce = context
        .services
        .cookies
        .seal(&purpose(context), &context.now);
    match nonce.map(HeaderValue::try_from) {
        Ok(Ok(nonce)) => {
            response.headers_mut().insert(HEADER, nonce);
            response
        }
        // Without it the client could never come through; better that it is told so.
        Ok(Err(e)) => failed(&e),
        Err(e) => failed(&e),
    }
}

fn failed(cause: &dyn std::fmt::Display) -> Response {
    axum::response::IntoResponse::into_response(OAuthError::internal(cause))
}

fn purpose(context: &Context) -> [&str; 2] {
    ["dpop nonce", &context.realm.id]
}
