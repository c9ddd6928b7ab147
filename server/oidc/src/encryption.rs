//! Answers that only the client can read: encrypted for a key of its own (RFC 7516, OpenID Connect
//! Core section 10.2).

use realmkeep_jose::{ContentEncryption, EncryptionKey, Jwk, JwkSet, KeyManagement};
use realmkeep_representations::ClientRepresentation;

use crate::context::Context;
use crate::error::OAuthError;

/// Longest key set that a client may have in its settings.
const MAX_JWKS_BYTES: usize = 64 * 1024;

/// A client's wish to have something encrypted, with the key for it.
#[derive(Debug)]
pub(crate) struct Encryption {
    key: EncryptionKey,
    enc: ContentEncryption,
}

impl Encryption {
    /// What the client's attributes `{purpose}.alg` and `{purpose}.enc` ask for; None when they ask for
    /// nothing. `purpose` is such as `id.token.encrypted.response`.
    ///
    /// # Errors
    /// When the client has no key that fits, or asks for what is not offered: it is told nothing then
    /// rather than in the clear.
    pub(crate) async fn wanted(
        context: &Context,
        client: &ClientRepresentation,
        purpose: &str,
    ) -> Result<Option<Self>, OAuthError> {
        let Some(alg) = attribute(client, &format!("{purpose}.alg")) else {
            return Ok(None);
        };
        let refused = |reason: String| {
            OAuthError::invalid_request("The answer cannot be encrypted for this client")
                .event("invalid_client")
                .because(reason)
        };
        let alg: KeyManagement = alg
            .parse()
            .map_err(|_| refused(format!("{purpose}.alg {alg:.30} is not offered")))?;
        let enc = attribute(client, &format!("{purpose}.enc")).unwrap_or("A128CBC-HS256");
        let enc: ContentEncryption = enc
            .parse()
            .map_err(|_| refused(format!("{purpose}.enc {enc:.30} is not offered")))?;
        let keys = keys_of(context, client).await.map_err(refused)?;
        let key = EncryptionKey::choose(&keys, alg)
            .ok_or_else(|| refused(format!("the client's key set has no key for {alg}")))?;
        Ok(Some(Self { key, enc }))
    }

    /// A signed token inside (RFC 7519 section 5.2).
    pub(crate) fn nested(&self, token: &str) -> Result<String, OAuthError> {
        self.encrypt(Some("JWT"), token.as_bytes())
    }

    /// Any other content.
    pub(crate) fn plain(&self, content: &[u8]) -> Result<String, OAuthError> {
        self.encrypt(None, content)
    }

    fn encrypt(&self, cty: Option<&str>, content: &[u8]) -> Result<String, OAuthError> {
        self.key
            .encrypt(self.enc, cty, content)
            .map_err(|e| OAuthError::internal(&e))
    }
}

/// The client's public keys: at its address, or in its settings.
async fn keys_of(context: &Context, client: &ClientRepresentation) -> Result<Vec<Jwk>, String> {
    let on = |name: &str| attribute(client, name) == Some("true");
    if on("use.jwks.url") {
        let url = attribute(client, "jwks.url").ok_or("the client has no jwks.url")?;
        let set = context.services.remote_keys.key_set(url).await;
        return set
            .map(|set| set.keys.clone())
            .map_err(|e| format!("the client's keys cannot be fetched: {e}"));
    }
    let text = attribute(client, "jwks.string")
        .filter(|text| on("use.jwks.string") && text.len() <= MAX_JWKS_BYTES)
        .ok_or("the client has no key set: set jwks.url or jwks.string")?;
    let set: JwkSet =
        serde_json::from_str(text).map_err(|_| "jwks.string is not a key set".to_owned())?;
    Ok(set.keys)
}

fn attribute<'a>(client: &'a ClientRepresentation, name: &str) -> Option<&'a str> {
    let value = client.attributes.as_ref()?.get(name)?;
    Some(value.as_str()).filter(|value| !value.is_empty())
}
