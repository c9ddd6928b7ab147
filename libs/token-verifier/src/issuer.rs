//! One issuer: its keys and what its tokens have to be.

use std::sync::Arc;

use realmkeep_jose::{
    Algorithm, Audience, Checks, ClaimError, KeyError, UnverifiedJwt, Verified, verify,
};
use realmkeep_workload_identity::{RemoteKeys, RemoteKeysError};

use crate::denial::Denial;
use crate::introspection::Introspector;
use crate::token::VerifiedToken;

/// What the access tokens of an issuer have to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerPolicy {
    /// Exact value of `iss`.
    pub issuer: String,
    /// One of them has to be in `aud`.
    pub audiences: Vec<String>,
    pub algorithms: Vec<Algorithm>,
    /// Accepted header types, any case: `JWT`, `at+jwt`.
    pub typ: Vec<String>,
    /// Accepts `JWT` tokens that do not say `"typ": "Bearer"` in their payload.
    pub allow_untyped: bool,
    /// Seconds that are forgiven both ways.
    pub clock_skew: u32,
}

/// An issuer whose tokens are accepted.
#[derive(Clone, Debug)]
pub struct Issuer {
    pub(crate) name: Arc<str>,
    pub(crate) policy: IssuerPolicy,
    pub(crate) keys: RemoteKeys,
    pub(crate) introspector: Option<Introspector>,
}

impl Issuer {
    pub fn new(policy: IssuerPolicy, keys: RemoteKeys) -> Self {
        let mut policy = policy;
        for typ in &mut policy.typ {
            typ.make_ascii_lowercase();
        }
        Self {
            name: Arc::from(policy.issuer.as_str()),
            policy,
            keys,
            introspector: None,
        }
    }

    /// Asks the issuer as well, where a caller wants that.
    #[must_use]
    pub fn with_introspection(mut self, introspector: Introspector) -> Self {
        self.introspector = Some(introspector);
        self
    }

    pub fn keys(&self) -> &RemoteKeys {
        &self.keys
    }

    /// Checks the signature. Returns the generation of the keys as well.
    pub(crate) async fn verify(&self, jwt: &UnverifiedJwt) -> Result<(Verified, u64), Denial> {
        let algorithm = jwt.unverified_algorithm();
        if !self.policy.algorithms.contains(&algorithm) {
            return Err(Denial::invalid(
                "algorithm",
                format_args!(
                    "the signature algorithm {algorithm} is not accepted from this issuer"
                ),
            ));
        }
        let (key, generation) = self
            .keys
            .find_in_generation(jwt.unverified_kid(), algorithm)
            .await
            .map_err(|error| match error {
                RemoteKeysError::Unavailable { cause, retry_after } => {
                    tracing::debug!(issuer = %self.name, %cause, "no keys");
                    Denial::Unavailable { retry_after }
                }
                RemoteKeysError::Key(error) => Denial::invalid(
                    match error {
                        KeyError::UnknownKid => "unknown_key",
                        _ => "algorithm",
                    },
                    error,
                ),
            })?;
        let verified = verify(jwt, &key).map_err(|error| Denial::invalid("signature", error))?;
        Ok((verified, generation))
    }

    /// What the token says about itself, its signature being good.
    pub(crate) fn judge(&self, token: Verified, now: i64) -> Result<VerifiedToken, Denial> {
        self.check_type(&token)?;
        let checks = Checks {
            leeway: self.policy.clock_skew,
            issuer: Some(&self.name),
            audience: Audience::AnyOf(&self.policy.audiences),
            require_subject: true,
            ..Checks::new(now)
        };
        checks
            .check(&token)
            .map_err(|error| Denial::invalid(claim_reason(error), error))?;
        let expires_at = token
            .exp()
            .unwrap_or_default()
            .saturating_add(i64::from(self.policy.clock_skew));
        VerifiedToken::new(&self.name, token.into_claims(), expires_at)
    }

    /// An ID token, a refresh token, a logout token or a client assertion is signed by the same key
    /// as an access token, and must not pass for one (RFC 8725 section 3.11).
    fn check_type(&self, token: &Verified) -> Result<(), Denial> {
        let wrong = |what: &str| Err(Denial::invalid("token_type", what));
        let header = token.typ().unwrap_or("JWT").to_ascii_lowercase();
        if !self.policy.typ.contains(&header) {
            return wrong("the token's type (header `typ`) is not that of an access token");
        }
        match token.claim("typ").map(|typ| typ.as_str()) {
            None if header == "at+jwt" => {}
            None if !self.policy.allow_untyped => {
                return wrong(
                    "the token does not say that it is an access token (header `typ: at+jwt` or payload `typ: Bearer`)",
                );
            }
            None => {}
            // Keycloak writes `DPoP` into access tokens that are bound to a key.
            Some(Some("Bearer" | "DPoP")) => {}
            Some(_) => return wrong("the token's type (payload `typ`) is not Bearer or DPoP"),
        }
        // What ID tokens and logout tokens have and access tokens have not.
        if ["nonce", "at_hash", "c_hash", "events"]
            .iter()
            .any(|claim| token.claim(claim).is_some())
        {
            return wrong("the token is an ID token or a logout token");
        }
        Ok(())
    }
}

fn claim_reason(error: ClaimError) -> &'static str {
    match error {
        ClaimError::MissingIssuer | ClaimError::WrongIssuer => "unknown_issuer",
        ClaimError::MissingAudience | ClaimError::WrongAudience | ClaimError::MultipleAudiences => {
            "audience"
        }
        ClaimError::Expired => "expired",
        ClaimError::NotYetValid | ClaimError::IssuedInFuture => "not_yet_valid",
        _ => "claim",
    }
}
