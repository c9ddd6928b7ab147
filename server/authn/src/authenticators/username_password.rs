//! Username (or e-mail address) and password: `auth-username-password-form`, and the same check
//! for the direct grant.

use std::sync::Arc;

use realmkeep_keys::{PasswordError, PasswordMatch, StoredPassword};
use realmkeep_representations::{CredentialRepresentation, UserRepresentation};
use realmkeep_store::{Batch, Realm, StoreError, Subject};

use crate::Services;

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
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The error codes of login events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    UserNotFound,
    UserDisabled,
    InvalidUserCredentials,
}

impl Refusal {
    /// As it stands in event logs.
    pub fn code(self) -> &'static str {
        match self {
            Self::UserNotFound => "user_not_found",
            Self::UserDisabled => "user_disabled",
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
    let user = match find_user(services, realm, login).await? {
        Some(user) => user,
        None => {
            services
                .passwords
                .pretend(password)
                .await
                .or_else(too_long_is_wrong)?;
            return Err(refused(Refusal::UserNotFound, None));
        }
    };
    let user_id = user.id.clone().unwrap_or_default();
    let right = check(services, &user_id, password).await?;
    if user.enabled != Some(true) {
        return Err(refused(Refusal::UserDisabled, Some(user_id)));
    }
    if !right {
        return Err(refused(Refusal::InvalidUserCredentials, Some(user_id)));
    }
    match services.store.subject(realm, &user_id).await? {
        Some(subject) if subject.user.enabled == Some(true) => Ok(subject),
        Some(_) => Err(refused(Refusal::UserDisabled, Some(user_id))),
        None => Err(refused(Refusal::UserNotFound, None)),
    }
}

/// By username, or by e-mail address where the realm allows it. Service accounts do not log in.
async fn find_user(
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
async fn check(services: &Services, user_id: &str, password: &str) -> Result<bool, LoginFailure> {
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
        services
            .passwords
            .pretend(password)
            .await
            .or_else(too_long_is_wrong)?;
        return Ok(false);
    };
    match services.passwords.verify(password, &stored).await {
        Ok(PasswordMatch::Right) => Ok(true),
        Ok(PasswordMatch::Wrong) => Ok(false),
        Ok(PasswordMatch::Outdated) => {
            if let Err(error) = rehash(services, user_id, credential, password).await {
                tracing::warn!(user = user_id, %error, "the password was right but could not be hashed anew");
            }
            Ok(true)
        }
        Err(PasswordError::TooLong) => Ok(false),
        Err(e) => Err(failure(e)),
    }
}

async fn rehash(
    services: &Services,
    user_id: &str,
    credential: &CredentialRepresentation,
    password: &str,
) -> Result<(), LoginFailure> {
    let fresh = services.passwords.hash(password).await.map_err(failure)?;
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
