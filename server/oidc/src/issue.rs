//! The one door for tokens: every grant ends here, and nothing else signs one.
//!
//! [`prepare`] checks who may have a token now, and gathers what goes into it; the grant then commits
//! what it changes; [`Prepared::sign`] makes the tokens. A grant that cannot commit has no token.

use std::sync::Arc;

use aws_lc_rs::digest;
use http::StatusCode;
use realmkeep_authn::{random, session};
use realmkeep_events::Event;
use realmkeep_jose::{Algorithm, SigningKey, base64url};
use realmkeep_representations::ClientRepresentation;
use realmkeep_store::sessions::{ClientSessionDetail, UserSession};
use realmkeep_store::{Client, Subject};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::authorize::consent;
use crate::binding::Binding;
use crate::claims::{Claims, Target};
use crate::context::Context;
use crate::encryption::Encryption;
use crate::error::OAuthError;
use crate::lifespans;
use crate::material::{Login, Material, session_notes};
use crate::policies::Effects;
use crate::scopes::Scopes;

/// How a token came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantKind {
    AuthorizationCode,
    Ciba,
    ClientCredentials,
    DeviceCode,
    /// Tokens that the authorization endpoint hands out itself.
    Implicit,
    JwtAuthorization,
    Password,
    RefreshToken,
    TokenExchange,
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
    /// The client's part in the session: its notes say how the user logged in and what was asked for.
    pub client_session: Option<&'a ClientSessionDetail>,
}

/// What a grant asks for beside the ordinary.
#[derive(Debug, Default)]
pub struct Extras<'a> {
    /// What the tokens are bound to.
    pub binding: Binding,
    /// The session that the refresh token is for, where that is not the login: an offline session.
    pub refresh_session: Option<&'a UserSession>,
    /// The refresh token's scope, where the other tokens have less.
    pub refresh_scope: Option<String>,
    pub no_refresh_token: bool,
    pub no_id_token: bool,
    /// The only audiences that the access token keeps; empty: all.
    pub audience: Vec<String>,
    /// For token exchange (RFC 8693 section 2.2.1).
    pub issued_token_type: Option<&'static str>,
    /// What the realm's policies wish of the answer.
    pub policy: Effects,
}

/// A grant that passed every check.
pub struct Prepared<'a> {
    extras: Extras<'a>,
    context: &'a Context,
    client: &'a ClientRepresentation,
    user_id: &'a str,
    session: Option<&'a UserSession>,
    nonce: Option<&'a str>,
    material: Material<'a>,
    access_key: SigningKey,
    id_key: Option<SigningKey>,
    id_encryption: Option<Encryption>,
    refresh_key: Option<SigningKey>,
    token_id: String,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_token_type: Option<&'static str>,
    /// What mappers put beside the tokens.
    #[serde(flatten)]
    pub mapped: Map<String, Value>,
    /// `jti` of the access token, for the event.
    #[serde(skip)]
    pub token_id: String,
}

/// What the authorization endpoint sends to an application itself.
#[derive(Clone, Copy, Debug)]
pub struct FrontChannel<'a> {
    pub access_token: bool,
    pub id_token: bool,
    /// The code that is sent along.
    pub code: Option<&'a str>,
    /// The request's.
    pub state: Option<&'a str>,
}

/// Tokens that pass through a browser.
pub struct FrontTokens {
    pub access_token: Option<String>,
    /// Seconds.
    pub expires_in: i64,
    pub id_token: Option<String>,
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
    // A password sent by the application says nothing of what its owner allows.
    if grant.kind == GrantKind::Password && client.consent_required == Some(true) {
        return Err(OAuthError::new(
            StatusCode::BAD_REQUEST,
            "invalid_client",
            "Client requires user consent",
        )
        .event("consent_denied"));
    }
    // These have asked in this very grant, and write the answer down with it.
    let asked = matches!(grant.kind, GrantKind::Implicit | GrantKind::Ciba);
    let asks = grant.session.filter(|_| !asked);
    let is_granted = match asks {
        Some(_) => consent::is_granted(context, client, &grant.scopes, user_id).await?,
        None => true,
    };
    if !is_granted {
        return Err(
            OAuthError::invalid_grant("Client no longer has requested consent from user")
                .event("consent_denied"),
        );
    }
    let notes = match grant.session {
        Some(session) => session_notes(session),
        None => service_account_notes(context, client),
    };
    let openid = grant.scopes.openid;
    let login = Login {
        session: grant.session,
        part: grant.client_session,
    };
    let material = Material::gather(
        context,
        grant.client,
        grant.subject,
        grant.scopes,
        notes,
        login,
    )
    .await?;
    let access_key = signing_key(context, client, "access.token.signed.response.alg").await?;
    let id_key = if openid {
        Some(signing_key(context, client, "id.token.signed.response.alg").await?)
    } else {
        None
    };
    let id_encryption = match &id_key {
        Some(_) => Encryption::wanted(context, client, "id.token.encrypted.response").await?,
        None => None,
    };
    let refreshable = grant.session.is_some()
        && grant.kind != GrantKind::Implicit
        && attribute(client, "use.refresh.tokens") != Some("false");
    let refresh_key = if refreshable {
        let keys = &context.services.keys;
        Some(
            keys.active_signing(&context.realm, Algorithm::Hs512)
                .await?,
        )
    } else {
        None
    };
    let token_id = token_id(grant.kind, grant.session);
    Ok(Prepared {
        token_id,
        extras: Extras::default(),
        context,
        client,
        user_id,
        session: grant.session,
        nonce: grant.nonce,
        material,
        access_key,
        id_key,
        id_encryption,
        refresh_key,
    })
}

impl<'a> Prepared<'a> {
    #[must_use]
    pub fn with(mut self, extras: Extras<'a>) -> Self {
        self.extras = extras;
        self
    }

    /// Notes in the event what the access token is.
    pub fn note(&self, event: &mut Event) {
        event.details.insert("token_id", self.token_id.clone());
        let scope = self.material.scopes.shown();
        event.details.insert("scope", scope);
    }

    /// Audiences that were asked for and that the access token would not have.
    pub fn missing_audience(&self) -> Option<&str> {
        let claims = self.material.claims(Target::AccessToken, self.nonce);
        let wanted = self.extras.audience.iter();
        let mut missing = wanted.filter(|name| !claims.audience.contains(name));
        missing.next().map(String::as_str)
    }

    /// Makes the tokens. `place` is that of the refresh token; without one it does not matter.
    ///
    /// # Errors
    /// When signing fails.
    // Signatures are made on the calling thread: they take less than a millisecond, there are as many
    // worker threads as cores, and a hop to another thread would only add to it.
    pub fn sign(self, place: &Place) -> Result<TokenResponse, OAuthError> {
        let now = self.context.now;
        let realm = &self.context.realm;
        let expiry = lifespans::access_token_expiry(realm, self.client, self.session, now);
        let access_token = self.access_token(expiry, &self.token_id)?;
        let id_token = self
            .id_key
            .as_ref()
            .filter(|_| !self.extras.no_id_token)
            .map(|key| self.id_token(key, expiry, &[("at_hash", &access_token)], false))
            .transpose()?;
        let refresh_session = self.extras.refresh_session.or(self.session);
        let refresh = match (&self.refresh_key, refresh_session) {
            (Some(key), Some(session)) if !self.keeps_refresh_token() => {
                let expiry = lifespans::refresh_token_expiry(realm, self.client, session, now);
                let token = self.refresh_token(key, session, expiry, place)?;
                Some((token, expiry))
            }
            _ => None,
        };
        let (refresh_token, refresh_expiry) = refresh.unzip();
        Ok(TokenResponse {
            access_token,
            expires_in: expiry - now,
            // 0 as well for an offline token that nothing but idle time ends.
            refresh_expires_in: refresh_expiry.flatten().map_or(0, |expiry| expiry - now),
            refresh_token,
            token_type: self.access_binding().token_type(),
            id_token,
            not_before_policy: realm.settings.not_before.unwrap_or(0),
            session_state: self.session.map(|session| session.id.clone()),
            scope: self.material.scopes.shown(),
            issued_token_type: self.extras.issued_token_type,
            mapped: beside_tokens(self.material.claims(Target::TokenResponse, self.nonce)),
            token_id: self.token_id,
        })
    }

    /// Makes what the authorization endpoint sends along (OpenID Connect Core sections 3.2.2.5 and
    /// 3.3.2.5): no refresh token, and an ID token that vouches for what comes with it.
    ///
    /// # Errors
    /// When signing fails.
    pub fn sign_front_channel(self, wanted: &FrontChannel<'_>) -> Result<FrontTokens, OAuthError> {
        let now = self.context.now;
        let realm = &self.context.realm;
        // A hybrid request ends as a code does; the other lifespan is for those that cannot refresh.
        let expiry = if wanted.code.is_some() {
            lifespans::access_token_expiry(realm, self.client, self.session, now)
        } else {
            lifespans::implicit_token_expiry(realm, self.client, self.session, now)
        };
        let access_token = if wanted.access_token {
            Some(self.access_token(expiry, &self.token_id)?)
        } else {
            None
        };
        let mut hashed = Vec::new();
        if let Some(token) = &access_token {
            hashed.push(("at_hash", token.as_str()));
        }
        hashed.extend(wanted.code.map(|code| ("c_hash", code)));
        hashed.extend(wanted.state.map(|state| ("s_hash", state)));
        let id_token = match &self.id_key {
            Some(key) if wanted.id_token => {
                let detached = attribute(self.client, DETACHED) == Some("true");
                Some(self.id_token(key, expiry, &hashed, detached && wanted.code.is_some())?)
            }
            _ => None,
        };
        Ok(FrontTokens {
            access_token,
            expires_in: expiry - now,
            id_token,
        })
    }

    fn keeps_refresh_token(&self) -> bool {
        self.extras.no_refresh_token || self.extras.policy.keep_refresh_token
    }

    /// What the access token is bound to.
    fn access_binding(&self) -> Binding {
        let mut binding = self.extras.binding.clone();
        if self.extras.policy.bind_only_refresh_token {
            binding.jkt = None;
        }
        binding
    }

    fn access_token(&self, expiry: i64, token_id: &str) -> Result<String, OAuthError> {
        let lightweight = attribute(self.client, LIGHTWEIGHT) == Some("true");
        let target = if lightweight || self.extras.policy.lightweight {
            Target::LightweightAccessToken
        } else {
            Target::AccessToken
        };
        let mut claims = self.material.claims(target, self.nonce);
        if !self.extras.audience.is_empty() {
            narrow(&mut claims, &self.extras.audience);
        }
        let mut token = self.base(expiry, token_id, "Bearer", &claims);
        if !claims.audience.is_empty() {
            token.insert("aud".to_owned(), one_or_many(claims.audience));
        }
        if let Some(cnf) = self.access_binding().confirmation() {
            token.insert("cnf".to_owned(), cnf);
        }
        token.insert("scope".to_owned(), self.material.scopes.shown().into());
        let token = with_mapped(token, claims.values);
        let typ = match attribute(self.client, "access.token.header.type.rfc9068") {
            Some("true") => "at+jwt",
            _ => "JWT",
        };
        sign(&self.access_key, typ, &token)
    }

    /// OpenID Connect Core section 2. Of each `hashed` text the claim of that name holds half the
    /// hash.
    fn id_token(
        &self,
        key: &SigningKey,
        expiry: i64,
        hashed: &[(&str, &str)],
        detached: bool,
    ) -> Result<String, OAuthError> {
        let mut claims = self.material.claims(Target::IdToken, self.nonce);
        if detached {
            // It vouches for the answer; who the user is the token endpoint tells.
            claims
                .values
                .retain(|name, _| OF_LOGIN.contains(&name.as_str()));
        }
        let mut token = self.base(expiry, &Uuid::new_v4().to_string(), "ID", &claims);
        let own = self.client.client_id.clone().unwrap_or_default();
        let mut audience = vec![own];
        for more in claims.audience {
            if !audience.contains(&more) {
                audience.push(more);
            }
        }
        token.insert("aud".to_owned(), one_or_many(audience));
        // A pairwise mapper has put a pseudonym there.
        let subject = token.entry("sub").or_insert(Value::Null);
        if subject.is_null() {
            *subject = self.user_id.into();
        }
        if let Some(nonce) = self.nonce {
            token.insert("nonce".to_owned(), nonce.into());
        }
        for (claim, text) in hashed {
            let hash = half_hash(key.algorithm(), text);
            token.insert((*claim).to_owned(), hash.into());
        }
        let signed = sign(key, "JWT", &with_mapped(token, claims.values))?;
        match &self.id_encryption {
            Some(encryption) => encryption.nested(&signed),
            None => Ok(signed),
        }
    }

    /// Only this server reads it; the shared secret keeps others from verifying it.
    fn refresh_token(
        &self,
        key: &SigningKey,
        session: &UserSession,
        expiry: Option<i64>,
        place: &Place,
    ) -> Result<String, OAuthError> {
        let kind = if session.detail.offline {
            OFFLINE
        } else {
            REFRESH
        };
        let scope = self.extras.refresh_scope.clone();
        let binding = self.extras.binding.of_refresh_token(self.client);
        let mut token = json!({
            "exp": expiry,
            "iat": self.context.now,
            "jti": Uuid::new_v4().to_string(),
            "iss": self.context.issuer,
            "aud": self.context.issuer,
            // The client could read it.
            "sub": (!self.material.is_pairwise()).then_some(self.user_id),
            "typ": kind,
            "azp": self.client.client_id,
            "sid": session.id,
            "scope": scope.unwrap_or_else(|| self.material.scopes.all()),
            "cnf": binding.confirmation(),
            "fam": place.family,
            "gen": place.generation,
        });
        if let Some(members) = token.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
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
}

/// Says how the token came to be: kind of session, kind of token, grant.
fn token_id(kind: GrantKind, session: Option<&UserSession>) -> String {
    let session = match session {
        Some(session) if session.detail.offline => "of",
        Some(_) => "on",
        None => "tr",
    };
    let grant = match kind {
        GrantKind::AuthorizationCode => "ac",
        GrantKind::Ciba => "ci",
        GrantKind::ClientCredentials => "cc",
        GrantKind::DeviceCode => "dg",
        GrantKind::Implicit => "na",
        GrantKind::JwtAuthorization => "ag",
        GrantKind::Password => "ro",
        GrantKind::RefreshToken => "rt",
        GrantKind::TokenExchange => "te",
    };
    format!("{session}rt{grant}:{}", Uuid::new_v4())
}

/// `typ` of refresh tokens: of a login, and of an offline session.
pub(crate) const REFRESH: &str = "Refresh";
pub(crate) const OFFLINE: &str = "Offline";

/// Where a refresh token stands in its line.
#[derive(Clone, Debug)]
pub struct Place {
    /// The line: one a login.
    pub family: String,
    /// How many tokens of the line were replaced before this one.
    pub generation: i64,
}

impl Place {
    /// The first of a new line.
    pub fn first() -> Self {
        Self {
            family: random::token(12),
            generation: 0,
        }
    }
}

/// Takes out audiences, and roles for services, that were not asked for.
fn narrow(claims: &mut Claims, audience: &[String]) {
    claims.audience.retain(|name| audience.contains(name));
    if let Some(Value::Object(services)) = claims.values.get_mut("resource_access") {
        services.retain(|name, _| audience.contains(name));
    }
}

/// Client attribute: an ID token beside a code is there for its signature only (FAPI 1.0 Advanced section
/// 5.1).
const DETACHED: &str = "id.token.as.detached.signature";
/// What such an ID token tells of the login.
const OF_LOGIN: [&str; 4] = ["sub", "auth_time", "acr", "sid"];

/// Client attribute: access tokens hold next to nothing.
const LIGHTWEIGHT: &str = "client.use.lightweight.access.token.enabled";

/// Members that a mapper may not take the place of.
fn beside_tokens(claims: Claims) -> Map<String, Value> {
    const OWN: [&str; 10] = [
        "access_token",
        "expires_in",
        "refresh_expires_in",
        "refresh_token",
        "token_type",
        "id_token",
        "not-before-policy",
        "session_state",
        "scope",
        "issued_token_type",
    ];
    let mut members = claims.values;
    members.retain(|name, _| !OWN.contains(&name.as_str()));
    members
}

/// The client, when the request is one of the endpoints that a client authenticates at.
pub(crate) fn client_id(client: &Arc<Client>) -> &str {
    client
        .representation
        .client_id
        .as_deref()
        .unwrap_or_default()
}

pub(crate) async fn signing_key(
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
    Ok(keys
        .active_or_fallback(&context.realm, algorithm, context.now)
        .await?)
}

pub(crate) fn service_account_notes(
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

pub(crate) fn one_or_many(mut values: Vec<String>) -> Value {
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
        Algorithm::Rs512
        | Algorithm::Ps512
        | Algorithm::Es512
        | Algorithm::Hs512
        | Algorithm::EdDsa => &digest::SHA512,
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
