//! What a token is bound to beside its client: a key (DPoP, RFC 9449) or a certificate (RFC 8705).

use http::{HeaderMap, Method};
use realmkeep_jose::Verified;
use realmkeep_representations::ClientRepresentation;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use crate::context::Context;
use crate::dpop;
use crate::error::OAuthError;

/// Client attribute: access tokens are bound to the certificate of the connection they are asked on.
const CERTIFICATE_BOUND: &str = "tls.client.certificate.bound.access.tokens";
/// Client attribute: access tokens are bound to a DPoP key.
const DPOP_BOUND: &str = "dpop.bound.access.tokens";

/// The keys that whoever sends a request proved to have (RFC 7800 section 3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// Thumbprint of the DPoP key.
    pub jkt: Option<String>,
    /// Thumbprint of the certificate.
    pub x5t: Option<String>,
}

impl Binding {
    /// What the sender of a request to the token endpoint (or one of its siblings at `endpoint`)
    /// proves, as far as the client is to be bound by it.
    ///
    /// # Errors
    /// A proof that is not good, or none where the client has to have one.
    pub(crate) async fn of_request(
        context: &Context,
        headers: &HeaderMap,
        endpoint: &str,
        client: &ClientRepresentation,
    ) -> Result<Self, OAuthError> {
        let url = format!("{}/protocol/openid-connect/{endpoint}", context.issuer);
        let proof = dpop::proof(context, headers, (&Method::POST, &url), None, client).await?;
        if proof.is_none() && is_on(client, DPOP_BOUND) {
            return Err(dpop::refused("DPoP proof is missing"));
        }
        let x5t = if is_on(client, CERTIFICATE_BOUND) {
            let certificate = context.certificate.as_ref().ok_or_else(|| {
                OAuthError::invalid_request(
                    "The client's tokens are bound to its certificate, and none was presented",
                )
            })?;
            Some(certificate.thumbprint())
        } else {
            None
        };
        Ok(Self { jkt: proof, x5t })
    }

    /// All that the sender of the client's request to `endpoint` proves.
    ///
    /// # Errors
    /// A proof that is not good.
    pub(crate) async fn proven(
        context: &Context,
        headers: &HeaderMap,
        endpoint: &str,
        client: &ClientRepresentation,
    ) -> Result<Self, OAuthError> {
        let url = format!("{}/protocol/openid-connect/{endpoint}", context.issuer);
        Ok(Self {
            jkt: dpop::proof(context, headers, (&Method::POST, &url), None, client).await?,
            x5t: context.certificate.as_ref().map(|c| c.thumbprint()),
        })
    }

    /// The binding that a token of ours says it has.
    pub(crate) fn of_token(token: &Verified) -> Self {
        let member = |name: &str| {
            let value = token.claim("cnf").and_then(|cnf| cnf.get(name));
            value.and_then(Value::as_str).map(str::to_owned)
        };
        Self {
            jkt: member("jkt"),
            x5t: member("x5t#S256"),
        }
    }

    /// The binding of a refresh token: that of a confidential client is bound to the client, which
    /// proves itself at each use, and not to the DPoP key (RFC 9449 section 5).
    pub(crate) fn of_refresh_token(&self, client: &ClientRepresentation) -> Self {
        Self {
            jkt: self
                .jkt
                .clone()
                .filter(|_| client.public_client == Some(true)),
            x5t: self.x5t.clone(),
        }
    }

    /// Whether the sender of a request proved all that a token asks for.
    pub(crate) fn satisfies(&self, token: &Self) -> bool {
        let same = |have: &Option<String>, wanted: &Option<String>| match (have, wanted) {
            (_, None) => true,
            (Some(have), Some(wanted)) => bool::from(have.as_bytes().ct_eq(wanted.as_bytes())),
            (None, Some(_)) => false,
        };
        same(&self.jkt, &token.jkt) && same(&self.x5t, &token.x5t)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.jkt.is_none() && self.x5t.is_none()
    }

    /// The `cnf` claim; None when there is nothing to say.
    pub(crate) fn confirmation(&self) -> Option<Value> {
        if self.is_empty() {
            return None;
        }
        let mut cnf = Map::new();
        if let Some(jkt) = &self.jkt {
            cnf.insert("jkt".to_owned(), jkt.clone().into());
        }
        if let Some(x5t) = &self.x5t {
            cnf.insert("x5t#S256".to_owned(), x5t.clone().into());
        }
        Some(Value::Object(cnf))
    }

    /// `token_type` of the answer (RFC 9449 section 5).
    pub(crate) fn token_type(&self) -> &'static str {
        if self.jkt.is_some() { "DPoP" } else { "Bearer" }
    }
}

fn is_on(client: &ClientRepresentation, name: &str) -> bool {
    let value = client.attributes.as_ref().and_then(|all| all.get(name));
    value.is_some_and(|value| value == "true")
}
