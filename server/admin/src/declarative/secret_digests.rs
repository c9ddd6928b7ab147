//! Digests of secrets that are not shown, and whether a candidate is the secret.
//!
//! The digest is keyed with a key of the server's, so that it serves nobody for guessing; it changes
//! when the secret does. Whether a value is the secret is answered to who may replace it, and not often
//! when it is not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::{Extension, Json};
use http::{HeaderName, HeaderValue, StatusCode};
use realmkeep_representations::{
    ClientRepresentation, ComponentRepresentation, IdentityProviderRepresentation,
    RealmRepresentation, SecretString,
};
use realmkeep_store::Store;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::error::{ApiError, ApiResult};
use crate::request::{Cx, Given};
use crate::rights::Right;
use crate::{clients, components};

/// Comparisons in one request.
const MOST: usize = 200;
/// Size of a candidate, in bytes.
const CANDIDATE_BYTES: usize = 16 * 1024;
/// Wrong candidates for one object within [`WINDOW`] seconds.
const WRONG: u32 = 20;
const WINDOW: i64 = 60;
/// Objects that are remembered for their wrong candidates.
const REMEMBERED: usize = 10_000;

/// The fields of one object that hold secrets, with a digest of each.
#[derive(Clone, Debug, Default)]
pub struct SecretDigests(Vec<(String, String)>);

/// Secrets of one object, by field.
type Secrets = Vec<(String, String)>;

impl SecretDigests {
    pub const HEADER: HeaderName = HeaderName::from_static("realmkeep-secret-digests");

    fn of(store: &Store, realm_id: &str, object: &str, secrets: Secrets) -> ApiResult<Self> {
        let mut digests = Vec::new();
        for (field, secret) in secrets {
            let context = context(realm_id, object, &field);
            digests.push((field, store.secret_digest(&secret, &context)?));
        }
        Ok(Self(digests))
    }

    /// Of a client's secret.
    ///
    /// # Errors
    /// When the cryptographic library refuses.
    pub fn of_client(cx: &Cx, client: &ClientRepresentation) -> ApiResult<Self> {
        let object = format!("clients/{}", client.id.as_deref().unwrap_or_default());
        Self::of(cx.store(), &cx.realm.id, &object, client_secrets(client))
    }

    /// # Errors
    /// As [`SecretDigests::of_client`].
    pub fn of_realm(cx: &Cx) -> ApiResult<Self> {
        let secrets = realm_secrets(&cx.realm.settings);
        Self::of(cx.store(), &cx.realm.id, "", secrets)
    }

    /// # Errors
    /// As [`SecretDigests::of_client`].
    pub fn of_provider(cx: &Cx, provider: &IdentityProviderRepresentation) -> ApiResult<Self> {
        let alias = provider.alias.as_deref().unwrap_or_default();
        let object = format!("identity-provider/instances/{alias}");
        Self::of(
            cx.store(),
            &cx.realm.id,
            &object,
            provider_secrets(provider),
        )
    }

    /// # Errors
    /// As [`SecretDigests::of_client`].
    pub fn of_component(cx: &Cx, component: &ComponentRepresentation) -> ApiResult<Self> {
        let object = format!("components/{}", component.id.as_deref().unwrap_or_default());
        Self::of(
            cx.store(),
            &cx.realm.id,
            &object,
            component_secrets(component),
        )
    }

    /// A list of RFC 9651: the field, with its digest as a parameter.
    pub fn header(&self) -> Option<HeaderValue> {
        if self.0.is_empty() {
            return None;
        }
        let items: Vec<String> = self
            .0
            .iter()
            .map(|(field, digest)| format!("\"{field}\";digest=\"{digest}\""))
            .collect();
        HeaderValue::from_str(&items.join(", ")).ok()
    }

    pub fn append_to(&self, bytes: &mut Vec<u8>) {
        for (field, digest) in &self.0 {
            for part in [field, digest] {
                bytes.push(0);
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }

    /// As it goes with an answer.
    pub fn beside<T>(self, shown: T) -> (Extension<Self>, Json<T>) {
        (Extension(self), Json(shown))
    }
}

/// A digest holds for one place: equal secrets in two places do not look equal.
fn context(realm_id: &str, object: &str, field: &str) -> String {
    format!("{realm_id}\n{object}\n{field}")
}

fn client_secrets(client: &ClientRepresentation) -> Secrets {
    let secret = client.secret.iter();
    secret
        .map(|s| ("secret".to_owned(), s.expose().to_owned()))
        .collect()
}

fn realm_secrets(settings: &RealmRepresentation) -> Secrets {
    let smtp = settings.smtp_server.as_ref();
    ["password", "authTokenClientSecret"]
        .iter()
        .filter_map(|key| Some((format!("smtpServer.{key}"), smtp?.get(*key)?.clone())))
        .collect()
}

fn provider_secrets(provider: &IdentityProviderRepresentation) -> Secrets {
    let config = provider.config.as_ref();
    ["clientSecret"]
        .iter()
        .filter_map(|key| Some((format!("config.{key}"), config?.get(*key)?.clone())))
        .collect()
}

fn component_secrets(component: &ComponentRepresentation) -> Secrets {
    let config = component.config.iter().flatten();
    config
        .filter(|(key, _)| components::SECRETS.contains(&key.as_str()))
        .map(|(key, values)| (format!("config.{key}"), values.join("\n")))
        .collect()
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparisons {
    secrets: Vec<Comparison>,
}

/// Whether the field of the object holds this value.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Comparison {
    /// Path below the realm; empty for the realm itself.
    object: String,
    field: String,
    value: SecretString,
}

#[derive(Debug, Serialize)]
pub struct Compared {
    results: Vec<Outcome>,
}

#[derive(Debug, Serialize)]
struct Outcome {
    object: String,
    field: String,
    equal: bool,
}

/// Says of each candidate whether it is the secret in its place.
pub async fn compare(
    cx: Cx,
    Extension(guesses): Extension<Arc<Guesses>>,
    given: Given<Comparisons>,
) -> ApiResult<Json<Compared>> {
    let asked = given.value.secrets;
    if asked.len() > MOST {
        return Err(ApiError::bad_request(format!(
            "secrets: at most {MOST} can be compared at once"
        )));
    }
    let now = cx.services.clock.now();
    let mut results = Vec::new();
    for (
        index,
        Comparison {
            object,
            field,
            value,
        },
    ) in asked.into_iter().enumerate()
    {
        let place = format!("secrets[{index}]");
        if value.expose().len() > CANDIDATE_BYTES {
            return Err(ApiError::bad_request(format!(
                "{place}.value: it is too long"
            )));
        }
        let secrets = secrets_at(&cx, &object).await.map_err(|e| e.at(&place))?;
        let guessed = format!("{}/{object}", cx.realm.id);
        guesses.refuse_too_many(&guessed, now)?;
        let stored = secrets.iter().find(|(name, _)| *name == field);
        let context = context(&cx.realm.id, &object, &field);
        let equal = match stored {
            // Of equal length whatever the secrets are.
            Some((_, stored)) => {
                let stored = cx.store().secret_digest(stored, &context)?;
                let candidate = cx.store().secret_digest(value.expose(), &context)?;
                stored.as_bytes().ct_eq(candidate.as_bytes()).into()
            }
            None => false,
        };
        if !equal {
            guesses.note_wrong(guessed, now);
        }
        results.push(Outcome {
            object,
            field,
            equal,
        });
    }
    Ok(Json(Compared { results }))
}

/// The secrets of an object that the caller may replace.
async fn secrets_at(cx: &Cx, object: &str) -> ApiResult<Secrets> {
    let nothing = || ApiError::not_found("there is no such object");
    let segments: Vec<&str> = object.split('/').filter(|s| !s.is_empty()).collect();
    match segments.as_slice() {
        [] => {
            cx.require(&[Right::MANAGE_REALM])?;
            Ok(realm_secrets(&cx.realm.settings))
        }
        ["clients", id] => {
            cx.require(clients::MANAGE)?;
            let found = cx.store().find::<ClientRepresentation>(&cx.realm.id, id);
            let client = found.await?.ok_or_else(nothing)?;
            clients::require_manageable(cx, &client).await?;
            Ok(client_secrets(&client))
        }
        ["identity-provider", "instances", alias] => {
            cx.require(&[Right::MANAGE_IDENTITY_PROVIDERS])?;
            let provider = cx.realm.identity_provider(alias).ok_or_else(nothing)?;
            Ok(provider_secrets(provider))
        }
        ["components", id] => {
            cx.require(&[Right::MANAGE_REALM])?;
            let found = cx.store().find::<ComponentRepresentation>(&cx.realm.id, id);
            Ok(component_secrets(&found.await?.ok_or_else(nothing)?))
        }
        _ => Err(ApiError::bad_request(
            "object: a client, identity provider or component was expected, or nothing for the realm",
        )),
    }
}

/// Wrong candidates of late, by object.
#[derive(Debug, Default)]
pub struct Guesses(Mutex<HashMap<String, (i64, u32)>>);

impl Guesses {
    /// # Errors
    /// 429 when the object has had too many wrong candidates.
    fn refuse_too_many(&self, object: &str, now: i64) -> ApiResult<()> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = |(since, count): &(i64, u32)| now - since < WINDOW && *count >= WRONG;
        if known.get(object).is_some_and(recent) {
            return Err(ApiError::message(
                StatusCode::TOO_MANY_REQUESTS,
                "too many wrong values for this object; try again in a minute",
            ));
        }
        Ok(())
    }

    fn note_wrong(&self, object: String, now: i64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.retain(|_, (since, _)| now - *since < WINDOW);
        }
        let entry = known.entry(object).or_insert((now, 0));
        if now - entry.0 >= WINDOW {
            *entry = (now, 0);
        }
        entry.1 += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_candidates_are_few_in_a_minute() {
        let guesses = Guesses::default();
        for _ in 0..WRONG {
            assert!(guesses.refuse_too_many("a", 100).is_ok());
            guesses.note_wrong("a".to_owned(), 100);
        }
        assert!(guesses.refuse_too_many("a", 100 + WINDOW - 1).is_err());
        assert!(guesses.refuse_too_many("b", 100).is_ok());
        assert!(guesses.refuse_too_many("a", 100 + WINDOW).is_ok());
    }
}
