//! Links of mails: what somebody may do who can read a mailbox. Each counts once, for a while, in
//! one realm, for one user.

use realmkeep_keys::KeysError;
use realmkeep_store::single_use::Space;
use realmkeep_store::{Realm, Step, Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::authorization_request::AuthorizationRequest;
use crate::{Services, random};

/// Keycloak's defaults where a realm is silent, in seconds.
const BY_USER: i64 = 300;
const BY_ADMIN: i64 = 43_200;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// The address of the account is confirmed.
    #[serde(rename = "v")]
    VerifyEmail,
    /// The address of the account changes to the one in the token.
    #[serde(rename = "u")]
    UpdateEmail,
    /// The flow for forgotten credentials goes on.
    #[serde(rename = "r")]
    ResetCredentials,
    /// Required actions that an administrator asked for.
    #[serde(rename = "e")]
    ExecuteActions,
}

/// What the link carries, sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionToken {
    #[serde(rename = "p")]
    pub purpose: Purpose,
    /// Random name, by which it counts once.
    #[serde(rename = "i")]
    pub id: String,
    #[serde(rename = "u")]
    pub user_id: String,
    /// Seconds since 1970.
    #[serde(rename = "x")]
    pub expires: i64,
    /// The address that it was sent to.
    #[serde(rename = "m")]
    pub email: String,
    /// The clientId of the application that it leads back to.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Where it leads back to.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// The login that goes on.
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    pub request: Option<AuthorizationRequest>,
    /// Aliases of required actions.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
}

impl ActionToken {
    /// A token that is good for `lifespan` seconds from now.
    pub fn new(
        services: &Services,
        purpose: Purpose,
        user_id: &str,
        email: &str,
        lifespan: i64,
    ) -> Self {
        Self {
            purpose,
            id: random::token(16),
            user_id: user_id.to_owned(),
            expires: services.clock.now().saturating_add(lifespan),
            email: email.to_owned(),
            client_id: None,
            redirect_uri: None,
            request: None,
            actions: Vec::new(),
        }
    }

    /// The link.
    ///
    /// # Errors
    /// When the cryptographic library refuses.
    pub fn link(&self, services: &Services, realm: &Realm) -> Result<String, KeysError> {
        let key = services.cookies.seal(&["action-token", &realm.id], self)?;
        let issuer = services.issuer(&realm.name);
        Ok(format!("{issuer}/login-actions/action-token?key={key}"))
    }

    /// From the link's `key`; None when it is none of this realm's.
    pub fn open(services: &Services, realm: &Realm, key: &str) -> Option<Self> {
        services.cookies.open(&["action-token", &realm.id], key)
    }

    /// The step by which it counts: it fails the second time.
    ///
    /// # Errors
    /// When the step cannot be written.
    pub fn use_up(&self) -> Result<Step, StoreError> {
        use_up(&self.id, self.expires)
    }

    /// Whether it was used.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_used(&self, services: &Services) -> Result<bool, StoreError> {
        let found = services
            .store
            .peek_single_use::<()>(Space::ActionToken, &self.id, services.clock.now())
            .await?;
        Ok(found.is_some())
    }

    /// As a note of a login, whose first change uses the token up; see [`use_noted`].
    pub fn note(&self) -> String {
        format!("{} {}", self.expires, self.id)
    }
}

/// Name of the note that holds [`ActionToken::note`].
pub const NOTE: &str = "action-token";

/// The step that uses up the token of a login's note.
///
/// # Errors
/// When the step cannot be written.
pub fn use_noted(note: &str) -> Result<Step, StoreError> {
    let (expires, id) = note.split_once(' ').unwrap_or(("0", note));
    use_up(id, expires.parse().unwrap_or(0))
}

fn use_up(id: &str, expires: i64) -> Result<Step, StoreError> {
    // A login that the link began may last longer than the link.
    let until = expires.saturating_add(BY_ADMIN);
    Store::put_single_use(Space::ActionToken, id, until, &())
}

/// How long the links that users ask for are good, in seconds.
pub fn lifespan_by_user(realm: &Realm, purpose: Purpose) -> i64 {
    let general = realm.settings.action_token_generated_by_user_lifespan;
    own_lifespan(realm, purpose)
        .or(general.map(i64::from).filter(|s| *s > 0))
        .unwrap_or(BY_USER)
}

/// How long the links that administrators send are good, in seconds.
pub fn lifespan_by_admin(realm: &Realm, purpose: Purpose) -> i64 {
    // Only administrators send these; the time that the realm has for them would count for nothing.
    let own = match purpose {
        Purpose::ExecuteActions => own_lifespan(realm, purpose),
        Purpose::VerifyEmail | Purpose::UpdateEmail | Purpose::ResetCredentials => None,
    };
    let general = realm.settings.action_token_generated_by_admin_lifespan;
    own.or(general.map(i64::from).filter(|s| *s > 0))
        .unwrap_or(BY_ADMIN)
}

/// The realm's time for this purpose, where it has one of its own.
fn own_lifespan(realm: &Realm, purpose: Purpose) -> Option<i64> {
    let name = match purpose {
        Purpose::VerifyEmail => "verify-email",
        Purpose::UpdateEmail => "update-email",
        Purpose::ResetCredentials => "reset-credentials",
        Purpose::ExecuteActions => "execute-actions",
    };
    let attributes = realm.settings.attributes.as_ref()?;
    let value = attributes.get(&format!("actionTokenGeneratedByUserLifespan.{name}"))?;
    value.parse::<i64>().ok().filter(|seconds| *seconds > 0)
}
