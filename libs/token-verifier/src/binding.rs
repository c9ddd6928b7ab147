//! Tokens that are bound to their sender: by a key (RFC 9449) or a certificate (RFC 8705).

use realmkeep_jose::{base64url, sha256};
use serde_json::Value;
use subtle::ConstantTimeEq as _;

use crate::credentials::{Credentials, Scheme};
use crate::denial::Denial;
use crate::dpop::{ProofChecker, ProofContext};
use crate::token::VerifiedToken;

/// What is done with tokens that are bound in some way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Constraint {
    /// Refused: nobody here could check the binding.
    #[default]
    Off,
    /// Checked where the token is bound.
    Accept,
    /// Every token has to be bound this way.
    Require,
}

/// Who sent a request, as far as the connection and our own view of it can say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sender<'a> {
    pub method: &'a str,
    /// The URLs that this request may be said to have: our own view, never the request's headers'.
    pub urls: &'a [String],
    /// Thumbprint of the client certificate; see [`certificate_thumbprint`].
    pub certificate: Option<&'a str>,
}

/// How tokens have to be bound, and the memory of the proofs that were seen.
#[derive(Debug)]
pub struct SenderConstraints {
    pub dpop: Constraint,
    pub mtls: Constraint,
    proofs: ProofChecker,
}

impl SenderConstraints {
    /// `proof_max_age`: seconds for which a DPoP proof is good.
    pub fn new(dpop: Constraint, mtls: Constraint, proof_max_age: u32) -> Self {
        Self {
            dpop,
            mtls,
            proofs: ProofChecker::new(proof_max_age),
        }
    }

    /// Whether this sender may use this token. `require` asks for bindings beyond the settings.
    pub fn check(
        &self,
        credentials: &Credentials<'_>,
        token: &VerifiedToken,
        sender: &Sender<'_>,
        require: (bool, bool),
        now_ms: i64,
    ) -> Result<(), Denial> {
        if let Some(confirmation) = token.claims.get("cnf") {
            let known = confirmation.as_object().is_some_and(|methods| {
                !methods.is_empty()
                    && methods.iter().all(|(method, value)| {
                        ["jkt", "x5t#S256"].contains(&method.as_str())
                            && matches!(value, Value::String(text) if !text.is_empty())
                    })
            });
            if !known {
                return constrained(
                    "the token is bound to its sender in a way that is not known here",
                );
            }
        }
        self.check_key(credentials, token, sender, require.0, now_ms)?;
        self.check_certificate(token, sender, require.1)
    }

    fn check_key(
        &self,
        credentials: &Credentials<'_>,
        token: &VerifiedToken,
        sender: &Sender<'_>,
        require: bool,
        now_ms: i64,
    ) -> Result<(), Denial> {
        let Some(thumbprint) = token.confirmation("jkt") else {
            if credentials.scheme == Scheme::Dpop {
                return constrained(
                    "the token is not bound to a key; it is to be sent as `Bearer`",
                );
            }
            if require || self.dpop == Constraint::Require {
                return constrained("only tokens that are bound to a key (DPoP) are accepted here");
            }
            return Ok(());
        };
        if self.dpop == Constraint::Off {
            return constrained(
                "the token is bound to a key of its sender, which is not checked here",
            );
        }
        // RFC 9449 section 7.2: a bound token must not pass as a bearer token.
        if credentials.scheme != Scheme::Dpop {
            return constrained(
                "the token is bound to a key; it is to be sent as `DPoP` with a proof",
            );
        }
        let proof = credentials
            .proof
            .ok_or(Denial::InvalidProof("a DPoP header with a proof is needed"))?;
        let context = ProofContext {
            method: sender.method,
            urls: sender.urls,
            token: credentials.token,
            thumbprint,
            now_ms,
        };
        self.proofs
            .check(proof, &context)
            .map_err(Denial::InvalidProof)
    }

    fn check_certificate(
        &self,
        token: &VerifiedToken,
        sender: &Sender<'_>,
        require: bool,
    ) -> Result<(), Denial> {
        let Some(thumbprint) = token.confirmation("x5t#S256") else {
            if require || self.mtls == Constraint::Require {
                return constrained(
                    "only tokens that are bound to a client certificate are accepted here",
                );
            }
            return Ok(());
        };
        if self.mtls == Constraint::Off {
            return constrained(
                "the token is bound to a certificate of its sender, which is not checked here",
            );
        }
        let same = sender
            .certificate
            .is_some_and(|own| bool::from(own.as_bytes().ct_eq(thumbprint.as_bytes())));
        if same {
            Ok(())
        } else {
            constrained("the token is bound to another client certificate")
        }
    }
}

/// `x5t#S256` of a certificate in DER (RFC 8705 section 3.1).
pub fn certificate_thumbprint(der: &[u8]) -> String {
    base64url(sha256(der))
}

fn constrained<T>(description: &str) -> Result<T, Denial> {
    Err(Denial::invalid("sender_constrained", description))
}
