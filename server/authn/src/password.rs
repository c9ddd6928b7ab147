//! Passwords: finding who is meant, and checking what they know.

use std::sync::Arc;

use realmkeep_keys::{Hashing, PasswordError, PasswordMatch, StoredPassword};
use realmkeep_representations::{CredentialRepresentation, UserRepresentation};
use realmkeep_store::{Batch, Realm, StoreError, Subject};

use crate::Services;
use crate::brute_force::{self, Admission};
use crate::set_password::{SetPasswordError, hashing};

/// Longest username that is looked up, in bytes.
const MAX_USERNAME: usize = 255;

/// Why a login was refused. Outside, [`LoginFailure::Refused`] is one answer whatever its reason.
#[derive(Debug, thiserror::Error)]
pub enum LoginFailure {
    /// The reason is for the event only.
    #[error("invalid user credentials")]
    Refused {
        reason: Refusal,
        /// Known only when there is such a user.
        user_id: Option<String>,
    },
    /// Answer 503 with Retry-After.
    #[error("too many logins at once")]
    Overloaded,
    #[error("a password could not be checked")]
    Hash(#[source] PasswordError),
    #[error("a password could not be set")]
    SetPassword(#[source] SetPasswordError),
    #[error(
        "the stored credential {0} cannot be read; delete it and let the user set up a new one"
    )]
    Credential(String),
    #[error("the flow cannot be run")]
    Flow(#[from] crate::flow::TreeError),
    #[error("a value could not be sealed")]
    Keys(#[from] realmkeep_keys::KeysError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SetPasswordError> for LoginFailure {
    fn from(error: SetPasswordError) -> Self {
        match error {
            SetPasswordError::Overloaded => Self::Overloaded,
            other => Self::SetPassword(other),
        }
    }
}

/// The error codes of login events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    UserNotFound,
    UserDisabled,
    UserTemporarilyDisabled,
    InvalidUserCredentials,
    /// A step named another user than a step before it.
    DifferentUser,
    /// The user has required actions to do, which takes a browser.
    AccountNotSetUp,
    /// A step of the flow said no.
    AccessDenied,
}

impl Refusal {
    /// As it stands in event logs.
    pub fn code(self) -> &'static str {
        match self {
            Self::UserNotFound => "user_not_found",
            Self::UserDisabled => "user_disabled",
            Self::UserTemporarilyDisabled => "user_temporarily_disabled",
            Self::DifferentUser => "different_user_authenticated",
            Self::AccountNotSetUp => "resolve_required_actions",
            Self::AccessDenied => "access_denied",
            Self::InvalidUserCredentials => "invalid_user_credentials",
        }
    }
}

/// Who the credentials belong to. Every refusal costs one password hash, so that neither time nor
/// answer tells which users exist.
///
/// # Errors
/// When the credentials are refused, or nothing can be said about them.
pub async fn verify_password(
    services: &Services,
    realm: &Realm,
    login: &str,
    password: &str,
) -> Result<Arc<Subject>, LoginFailure> {
    verify_by_name(services, realm, login, password, "").await
}

/// As [`verify_password`], for a request from the address `ip`.
///
/// # Errors
/// When the credentials are refused, or nothing can be said about them.
pub async fn verify_by_name(
    services: &Services,
    realm: &Realm,
    login: &str,
    password: &str,
    ip: &str,
) -> Result<Arc<Subject>, LoginFailure> {
    let user = find_user(services, realm, login).await?;
    verify(services, realm, user.as_ref(), login, password, ip).await?;
    let user_id = user.and_then(|user| user.id).unwrap_or_default();
    match services.store.subject(realm, &user_id).await? {
        Some(subject) if subject.user.enabled == Some(true) => Ok(subject),
        Some(_) => Err(refused(Refusal::UserDisabled, Some(user_id))),
        None => Err(refused(Refusal::UserNotFound, None)),
    }
}

/// Checks the password of `user`, who was looked up by `login`. None stands for a name that is
/// nobody's: the same work is done.
///
/// # Errors
/// When the password is refused, or nothing can be said about it.
pub async fn verify(
    services: &Services,
    realm: &Realm,
    user: Option<&UserRepresentation>,
    login: &str,
    password: &str,
    ip: &str,
) -> Result<(), LoginFailure> {
    let user_id = user.and_then(|user| user.id.clone());
    let hashing = hashing(services, realm)?;
    let admission = brute_force::begin(services, realm, user_id.as_deref(), login).await?;
    let Admission::Admitted(attempt) = admission else {
        pretend(services, password, hashing).await?;
        return Err(refused(Refusal::UserTemporarilyDisabled, user_id));
    };
    let right = match &user_id {
        Some(user_id) => check(services, user_id, password, hashing).await?,
        None => {
            pretend(services, password, hashing).await?;
            false
        }
    };
    let enabled = user.is_some_and(|user| user.enabled == Some(true));
    if right && enabled {
        attempt.passed(services, realm).await?;
        return Ok(());
    }
    if right {
        attempt.passed(services, realm).await?;
    } else {
        attempt.failed(services, realm, ip).await?;
    }
    let reason = match (user, enabled) {
        (None, _) => Refusal::UserNotFound,
        (Some(_), false) => Refusal::UserDisabled,
        (Some(_), true) => Refusal::InvalidUserCredentials,
    };
    Err(refused(reason, user_id))
}

/// By username, or by e-mail address where the realm allows it. Service accounts do not log in.
///
/// # Errors
/// When the database fails.
pub async fn find_user(
    services: &Services,
    realm: &Realm,
    login: &str,
) -> Result<Option<UserRepresentation>, StoreError> {
    let login = login.trim();
    if login.is_empty() || login.len() > MAX_USERNAME {
        return Ok(None);
    }
    let store = &services.store;
    let mut user = None;
    if login.contains('@') && realm.settings.login_with_email_allowed != Some(false) {
        user = store.find_user_by_email(&realm.id, login).await?;
    }
    if user.is_none() {
        user = store.find_user_named(&realm.id, login).await?;
    }
    Ok(user.filter(|u| u.service_account_client_id.is_none()))
}

/// Compares with the user's password; hashes it anew when its parameters are old.
async fn check(
    services: &Services,
    user_id: &str,
    password: &str,
    hashing: Hashing,
) -> Result<bool, LoginFailure> {
    let credentials = services.store.credentials(user_id).await?;
    let stored = credentials.iter().find_map(|credential| {
        let is_password = credential.r#type.as_deref() == Some("password");
        let data = credential.credential_data.clone().filter(|_| is_password)?;
        let secret = credential.secret_data.clone()?;
        Some((
            credential,
            StoredPassword {
                credential_data: data,
                secret_data: secret,
            },
        ))
    });
    let Some((credential, stored)) = stored else {
        pretend(services, password, hashing).await?;
        return Ok(false);
    };
    match services.passwords.verify(password, &stored, hashing).await {
        Ok(PasswordMatch::Right) => Ok(true),
        Ok(PasswordMatch::Wrong) => Ok(false),
        Ok(PasswordMatch::Outdated) => {
            if let Err(error) = rehash(services, user_id, credential, password, hashing).await {
                tracing::warn!(user = user_id, %error, "the password was right but could not be hashed anew");
            }
            Ok(true)
        }
        Err(PasswordError::TooLong) => Ok(false),
        Err(e) => Err(failure(e)),
    }
}

async fn pretend(
    services: &Services,
    password: &str,
    hashing: Hashing,
) -> Result<(), LoginFailure> {
    let pretended = services.passwords.pretend(password, hashing).await;
    pretended.or_else(too_long_is_wrong)
}

async fn rehash(
    services: &Services,
    user_id: &str,
    credential: &CredentialRepresentation,
    password: &str,
    hashing: Hashing,
) -> Result<(), LoginFailure> {
    let fresh = services.passwords.hash(password, hashing).await;
    let fresh = fresh.map_err(failure)?;
    let credential = CredentialRepresentation {
        credential_data: Some(fresh.credential_data),
        secret_data: Some(fresh.secret_data),
        ..credential.clone()
    };
    let mut batch = Batch::new();
    batch.push(services.store.update_credential(user_id, &credential)?);
    services.store.commit(batch).await?;
    Ok(())
}

fn refused(reason: Refusal, user_id: Option<String>) -> LoginFailure {
    LoginFailure::Refused { reason, user_id }
}

/// A password that is too long to be anybody's is a wrong one.
fn too_long_is_wrong(error: PasswordError) -> Result<(), LoginFailure> {
    match error {
        PasswordError::TooLong => Ok(()),
        other => Err(failure(other)),
    }
}

fn failure(error: PasswordError) -> LoginFailure {
    match error {
        PasswordError::Overloaded => LoginFailure::Overloaded,
        other => LoginFailure::Hash(other),
    }
}
