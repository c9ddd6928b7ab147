//! The one door for tokens: every grant ends here, and nothing else signs one.
//!
//! [`prepare`] checks who may have a token now, and gathers what goes into it; the grant then commits
//! what it changes; [`Prepared::sign`] makes the tokens. A grant that cannot commit has no token.

use std::sync::Arc;

use aws_lc_rs::digest;
use realmkeep_authn::session;
use realmkeep_jose::{Algorithm, SigningKey, base64url};
use realmkeep_representations::ClientRepresentation;
use realmkeep_store::sessions::UserSession;
use realmkeep_store::{Client, Subject};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::claims::{Claims, Target};
use crate::context::Context;
use crate::error::OAuthError;
use crate::lifespans;
use crate::material::{Material, session_notes};
use crate::scopes::Scopes;

/// How a token came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantKind {
    AuthorizationCode,
    ClientCredentials,
    Password,
    RefreshToken,
}

/// What a grant asks to be issued.
pub struct Grant<'a> {
    pub kind: GrantKind,
    pub client: &'a Client,
    pub subject: &'a Subject,
    /// None for a service account: its tokens belong to no session.
    pub session: Option<&'a UserSession>,
    pub scopes: Scopes<'a>,
    /// The authorization request's, for the ID token.
    pub nonce: Option<&'a str>,
}

/// A grant that passed every check.
pub struct Prepared<'a> {
    context: &'a Context,
    kind: GrantKind,
    client: &'a ClientRepresentation,
    user_id: &'a str,
    session: Option<&'a UserSession>,
    nonce: Option<&'a str>,
    material: Material<'a>,
    access_key: SigningKey,
    id_key: Option<SigningKey>,
    refresh_key: Option<SigningKey>,
}

/// The answer of the token endpoint (RFC 6749 section 5.1).
#[derive(Serialize)]
pub struct TokenResponse {
    pub access_token: String,
    /// Seconds.
    pub expires_in: i64,
    /// Seconds; 0 when there is no refresh token.
    pub refresh_expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    pub token_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    #[serde(rename = "not-before-policy")]
    pub not_before_policy: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_state: Option<String>,
    pub scope: String,
    /// `jti` of the access token, for the event.
    #[serde(skip)]
    pub token_id: String,
}

/// Checks that the client may have tokens for the user now, and gathers what they say.
///
/// # Errors
/// What the grant's client is to be told.
pub async fn prepare<'a>(
    context: &'a Context,
    grant: Grant<'a>,
) -> Result<Prepared<'a>, OAuthError> {
    let client = &grant.client.representation;
    let user = &grant.subject.user;
    if client.enabled == Some(false) {
        return Err(OAuthError::invalid_client()
            .event("client_disabled")
            .because("the client is disabled"));
    }
    if user.enabled != Some(true) {
        return Err(OAuthError::invalid_grant("User disabled").event("user_disabled"));
    }
    let user_id = user.id.as_deref().unwrap_or_default();
    if let Some(session) = grant.session {
        let own = session.user_id == user_id;
        if !own || !session::is_alive(&context.realm, session, context.now) {
            return Err(
                OAuthError::invalid_grant("Session not active").event("user_session_not_found")
            );
        }
        let not_before = user.not_before.map_or(0, i64::from);
        if session.started < not_before {
            return Err(OAuthError::invalid_grant("Stale token").event("invalid_token"));
        }
    }
    let notes = match grant.session {
        Some(session) => session_notes(session),
        None => service_account_notes(context, client),
    };
    let openid = grant.scopes.openid;
    let material =
        Material::gather(context, grant.client, grant.subject, grant.scopes, notes).await?;
    let access_key = signing_key(context, client, "access.token.signed.response.alg").await?;
    let id_key = match (openid, grant.session) {
        (true, Some(_)) => {
            Some(signing_key(context, client, "id.token.signed.response.alg").await?)
        }
        _ => None,
    };
    let refreshable =
        grant.session.is_some() && attribute(client, "use.refresh.tokens") != Some("false");
    let refresh_key = if refreshable {
        let keys = &context.services.keys;
        Some(
            keys.active_signing(&context.realm, Algorithm::Hs512)
                .await?,
        )
    } else {
        None
    };
    Ok(Prepared {
        context,
        kind: grant.kind,
        client,
        user_id,
        session: grant.session,
        nonce: grant.nonce,
        material,
        access_key,
        id_key,
        refresh_key,
    })
}

impl Prepared<'_> {
    /// Makes the tokens. `generation` is that of the client's part in the session, which the refresh
    /// token belongs to; without a session it does not matter.
    ///
    /// # Errors
    /// When signing fails.
    // Signatures are made on the calling thread: they take less than a millisecond, there are as many
    // worker threads as cores, and a hop to another thread would only add to it.
    pub fn sign(self, generation: i64) -> Result<TokenResponse, OAuthError> {
        let now = self.context.now;
        let realm = &self.context.realm;
        let expiry = lifespans::access_token_expiry(realm, self.client, self.session, now);
        let token_id = self.token_id();
        let access_token = self.access_token(expiry, &token_id)?;
        let id_token = self
            .id_key
            .as_ref()
            .map(|key| self.id_token(key, expiry, &access_token))
            .transpose()?;
        let refresh = match (&self.refresh_key, self.session) {
            (Some(key), Some(session)) => {
                let expiry = lifespans::refresh_token_expiry(realm, self.client, session, now);
                let token = self.refresh_token(key, session, expiry, generation)?;
                Some((token, expiry))
            }
            _ => None,
        };
        let (refresh_token, refresh_expiry) = refresh.unzip();
        Ok(TokenResponse {
            access_token,
            expires_in: expiry - now,
            refresh_expires_in: refresh_expiry.map_or(0, |expiry| expiry - now),
            refresh_token,
            token_type: "Bearer",
            id_token,
            not_before_policy: realm.settings.not_before.unwrap_or(0),
            session_state: self.session.map(|session| session.id.clone()),
            scope: self.material.scopes.shown(),
            token_id,
        })
    }

    fn access_token(&self, expiry: i64, token_id: &str) -> Result<String, OAuthError> {
        let claims = self.material.claims(Target::AccessToken, self.nonce);
        let mut token = self.base(expiry, token_id, "Bearer", &claims);
        if !claims.audience.is_empty() {
            token.insert("aud".to_owned(), one_or_many(claims.audience));
        }
        token.insert("scope".to_owned(), self.material.scopes.shown().into());
        let token = with_mapped(token, claims.values);
        let typ = match attribute(self.client, "access.token.header.type.rfc9068") {
            Some("true") => "at+jwt",
            _ => "JWT",
        };
        sign(&self.access_key, typ, &token)
    }

    /// OpenID Connect Core section 2.
    fn id_token(
        &self,
        key: &SigningKey,
        expiry: i64,
        access_token: &str,
    ) -> Result<String, OAuthError> {
        let claims = self.material.claims(Target::IdToken, self.nonce);
        let mut token = self.base(expiry, &Uuid::new_v4().to_string(), "ID", &claims);
        let own = self.client.client_id.clone().unwrap_or_default();
        let mut audience = vec![own];
        for more in claims.audience {
            if !audience.contains(&more) {
                audience.push(more);
            }
        }
        token.insert("aud".to_owned(), one_or_many(audience));
        token.insert("sub".to_owned(), self.user_id.into());
        if let Some(nonce) = self.nonce {
            token.insert("nonce".to_owned(), nonce.into());
        }
        token.insert(
            "at_hash".to_owned(),
            half_hash(key.algorithm(), access_token).into(),
        );
        sign(key, "JWT", &with_mapped(token, claims.values))
    }

    /// Only this server reads it; the shared secret keeps others from verifying it.
    fn refresh_token(
        &self,
        key: &SigningKey,
        session: &UserSession,
        expiry: i64,
        generation: i64,
    ) -> Result<String, OAuthError> {
        let token = json!({
            "exp": expiry,
            "iat": self.context.now,
            "jti": Uuid::new_v4().to_string(),
            "iss": self.context.issuer,
            "aud": self.context.issuer,
            "sub": self.user_id,
            "typ": "Refresh",
            "azp": self.client.client_id,
            "sid": session.id,
            "scope": self.material.scopes.all(),
            "gen": generation,
        });
        key.sign("JWT", &token)
            .map_err(|e| OAuthError::internal(&e))
    }

    /// The claims that the server sets, in the order in which readers expect them.
    fn base(&self, expiry: i64, token_id: &str, typ: &str, claims: &Claims) -> Map<String, Value> {
        let mut token = Map::new();
        token.insert("exp".to_owned(), expiry.into());
        token.insert("iat".to_owned(), self.context.now.into());
        if let Some(auth_time) = claims.values.get("auth_time") {
            token.insert("auth_time".to_owned(), auth_time.clone());
        }
        token.insert("jti".to_owned(), token_id.into());
        token.insert("iss".to_owned(), self.context.issuer.clone().into());
        // Holds the place of the audience, which is known later or not at all.
        token.insert("aud".to_owned(), Value::Null);
        if let Some(sub) = claims.values.get("sub") {
            token.insert("sub".to_owned(), sub.clone());
        } else {
            token.insert("sub".to_owned(), Value::Null);
        }
        token.insert("typ".to_owned(), typ.into());
        token.insert("azp".to_owned(), self.client.client_id.clone().into());
        token.insert("nonce".to_owned(), Value::Null);
        if let Some(session) = self.session {
            token.insert("sid".to_owned(), session.id.clone().into());
        }
        token.insert("at_hash".to_owned(), Value::Null);
        for name in ["acr", "allowed-origins", "realm_access", "resource_access"] {
            if let Some(value) = claims.values.get(name) {
                token.insert(name.to_owned(), value.clone());
            }
        }
        token
    }

    /// Says how the token came to be: kind of session, kind of token, grant.
    fn token_id(&self) -> String {
        let session = if self.session.is_some() { "on" } else { "tr" };
        let grant = match self.kind {
            GrantKind::AuthorizationCode => "ac",
            GrantKind::ClientCredentials => "cc",
            GrantKind::Password => "ro",
            GrantKind::RefreshToken => "rt",
        };
        format!("{session}rt{grant}:{}", Uuid::new_v4())
    }
}

/// The client, when the request is one of the endpoints that a client authenticates at.
pub(crate) fn client_id(client: &Arc<Client>) -> &str {
    client
        .representation
        .client_id
        .as_deref()
        .unwrap_or_default()
}

async fn signing_key(
    context: &Context,
    client: &ClientRepresentation,
    setting: &str,
) -> Result<SigningKey, OAuthError> {
    let name = attribute(client, setting)
        .or(context
            .realm
            .settings
            .default_signature_algorithm
            .as_deref())
        .unwrap_or("RS256");
    let algorithm = name
        .parse::<Algorithm>()
        .ok()
        .filter(|algorithm| !algorithm.is_symmetric())
        .ok_or_else(|| {
            OAuthError::internal(&format!(
                "realm {}: signature algorithm {name:.20} of {setting} is not supported; choose RS256, ES256 or EdDSA",
                context.realm.name
            ))
        })?;
    let keys = &context.services.keys;
    Ok(keys.active_signing(&context.realm, algorithm).await?)
}

fn service_account_notes(
    context: &Context,
    client: &ClientRepresentation,
) -> std::collections::BTreeMap<String, String> {
    let own = client.client_id.clone().unwrap_or_default();
    [
        ("client_id", own),
        ("clientHost", context.ip.clone()),
        ("clientAddress", context.ip.clone()),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Adds the mapped claims that have no place yet, and takes the empty places away.
fn with_mapped(mut token: Map<String, Value>, mapped: Map<String, Value>) -> Map<String, Value> {
    for (name, value) in mapped {
        let place = token.entry(name).or_insert(Value::Null);
        if place.is_null() {
            *place = value;
        }
    }
    token
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .collect()
}

fn sign(key: &SigningKey, typ: &str, token: &Map<String, Value>) -> Result<String, OAuthError> {
    key.sign(typ, token).map_err(|e| OAuthError::internal(&e))
}

fn one_or_many(mut values: Vec<String>) -> Value {
    match (values.pop(), values.is_empty()) {
        (Some(one), true) => Value::from(one),
        (Some(last), false) => {
            values.push(last);
            Value::from(values)
        }
        (None, _) => Value::Null,
    }
}

/// `at_hash`: the left half of the hash that belongs to the signature algorithm.
fn half_hash(algorithm: Algorithm, token: &str) -> String {
    let hash = match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 | Algorithm::Hs256 => {
            &digest::SHA256
        }
        Algorithm::Rs384 | Algorithm::Ps384 | Algorithm::Es384 | Algorithm::Hs384 => {
            &digest::SHA384
        }
        // Ed25519 hashes with SHA-512 inside (RFC 8032 section 5.1).
        Algorithm::Rs512 | Algorithm::Ps512 | Algorithm::Hs512 | Algorithm::EdDsa => {
            &digest::SHA512
        }
    };
    let hash = digest::digest(hash, token.as_bytes());
    let (left, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    base64url(left)
}

fn attribute<'a>(client: &'a ClientRepresentation, name: &str) -> Option<&'a str> {
    client
        .attributes
        .as_ref()?
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}
