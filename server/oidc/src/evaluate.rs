//! What a client's tokens would say of a user, without making one: for administrators who set up
//! scopes and mappers.

use std::sync::Arc;

use realmkeep_authn::Services;
use realmkeep_store::sessions::{UserSession, UserSessionDetail};
use realmkeep_store::{Client, Realm, Subject};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::browser::Languages;
use crate::claims::Target;
use crate::context::Context;
use crate::error::OAuthError;
use crate::issue::one_or_many;
use crate::lifespans;
use crate::material::{Login, Material, session_notes};
use crate::scopes::Scopes;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Example {
    AccessToken,
    IdToken,
    UserInfo,
}

/// The claims as they would be after a login now, with this `scope` parameter.
///
/// # Errors
/// `invalid_scope`, or when the database fails.
pub async fn example(
    services: &Arc<Services>,
    realm: &Arc<Realm>,
    client: &Client,
    subject: &Subject,
    scope: Option<&str>,
    kind: Example,
) -> Result<Map<String, Value>, OAuthError> {
    let now = services.clock.now();
    let context = Context {
        services: services.clone(),
        realm: realm.clone(),
        issuer: services.issuer(&realm.name),
        ip: String::new(),
        origin: None,
        certificate: None,
        languages: Languages::default(),
        now,
    };
    let user_id = subject.user.id.clone().unwrap_or_default();
    // As sessions are, but kept nowhere.
    let session = UserSession {
        id: Uuid::new_v4().to_string(),
        user_id: user_id.clone(),
        started: now,
        last_refresh: now,
        expires: now,
        detail: UserSessionDetail {
            auth_time: now,
            ..UserSessionDetail::default()
        },
    };
    let representation = &client.representation;
    let scopes = Scopes::resolve(realm, representation, scope)?;
    let login = Login {
        session: Some(&session),
        part: None,
    };
    let notes = session_notes(&session);
    let material = Material::gather(&context, client, subject, scopes, notes, login).await?;
    let target = match kind {
        Example::AccessToken => Target::AccessToken,
        Example::IdToken => Target::IdToken,
        Example::UserInfo => Target::UserInfo,
    };
    let mapped = material.claims(target, None);
    let expiry = lifespans::access_token_expiry(realm, representation, Some(&session), now);
    let own = representation.client_id.clone().unwrap_or_default();
    let mut claims = Map::new();
    let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    if kind != Example::UserInfo {
        put("exp", expiry.into());
        put("iat", now.into());
        put("jti", Uuid::new_v4().to_string().into());
        put("iss", context.issuer.clone().into());
        put("azp", own.as_str().into());
        put("sid", session.id.as_str().into());
    }
    match kind {
        Example::AccessToken => {
            put("typ", "Bearer".into());
            put("scope", material.scopes.shown().into());
            if !mapped.audience.is_empty() {
                put("aud", one_or_many(mapped.audience));
            }
        }
        Example::IdToken => {
            put("typ", "ID".into());
            let mut audience = vec![own];
            audience.extend(mapped.audience);
            put("aud", one_or_many(audience));
        }
        Example::UserInfo => {}
    }
    claims.extend(mapped.values);
    if kind != Example::AccessToken {
        claims.entry("sub").or_insert_with(|| json!(user_id));
    }
    Ok(claims)
}
