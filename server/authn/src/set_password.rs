//! Setting a password, with everything that the realm's policy asks of a new one.

use realmkeep_keys::{Hashing, PasswordError, PasswordMatch, StoredPassword};
use realmkeep_model::password_policy::{PasswordPolicy, PolicyError, PolicyParseError, PolicyUser};
use realmkeep_representations::{CredentialRepresentation, UserRepresentation};
use realmkeep_store::{Realm, Step, Store, StoreError};
use uuid::Uuid;

use crate::Services;

/// Kind of the credentials that earlier passwords are kept as.
pub const HISTORY: &str = "password-history";

/// A day in milliseconds.
const DAY: i64 = 86_400_000;

/// A password was not set.
#[derive(Debug, thiserror::Error)]
pub enum SetPasswordError {
    /// The realm's policy refuses it; a message for the user.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Answer 503 with Retry-After.
    #[error("too many passwords at once")]
    Overloaded,
    #[error("the realm's password policy cannot be read")]
    Setting(#[from] PolicyParseError),
    #[error(
        "the realm's password policy names the blacklist '{0}', which this server does not have; put the file into the folder of password blacklists and start the server anew, or change the policy"
    )]
    Blacklist(String),
    #[error("the password could not be hashed")]
    Hash(#[source] PasswordError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Looks at what the realm's policy asks for besides passwords: its hashing, and its blacklists.
///
/// # Errors
/// When this server does not have it.
pub fn check_policy(services: &Services, policy: &PasswordPolicy) -> Result<(), SetPasswordError> {
    hashing_of(services, policy)?;
    let mut names = policy.blacklist_names();
    match names.find(|name| !services.accounts.blacklists.knows(name)) {
        Some(missing) => Err(SetPasswordError::Blacklist(missing.to_owned())),
        None => Ok(()),
    }
}

/// How the realm wants passwords hashed.
///
/// # Errors
/// When its policy cannot be read, or asks for what is too much.
pub fn hashing(services: &Services, realm: &Realm) -> Result<Hashing, SetPasswordError> {
    hashing_of(services, &*services.accounts.password_policy(realm)?)
}

/// As [`hashing`], of a policy.
///
/// # Errors
/// When it asks for what is too much.
pub fn hashing_of(
    services: &Services,
    policy: &PasswordPolicy,
) -> Result<Hashing, SetPasswordError> {
    let (algorithm, iterations) = (policy.hash_algorithm(), policy.hash_iterations());
    let hashing = services.passwords.hashing(algorithm, iterations);
    hashing.map_err(SetPasswordError::Hash)
}

/// The steps that give the user the password, after the policy was found met. `credentials` are
/// those the user has (none for a new user), `user` as they will be.
///
/// # Errors
/// When the policy is not met, or it could not be decided.
pub async fn set_password(
    services: &Services,
    realm: &Realm,
    user: &UserRepresentation,
    credentials: &[CredentialRepresentation],
    password: &str,
) -> Result<Vec<Step>, SetPasswordError> {
    check(services, realm, user, credentials, password).await?;
    let policy = services.accounts.password_policy(realm)?;
    let hashing = hashing_of(services, &policy)?;
    let now = services.clock.now_millis();
    let used = Used::of(credentials);
    let hashed = match services.passwords.hash(password, hashing).await {
        Ok(hashed) => hashed,
        Err(PasswordError::TooLong) => return Err(too_long().into()),
        Err(PasswordError::Overloaded) => return Err(SetPasswordError::Overloaded),
        Err(e) => return Err(SetPasswordError::Hash(e)),
    };
    let user_id = user.id.as_deref().unwrap_or_default();
    let mut steps = used.replace(services, user_id, &policy, now)?;
    let fresh = CredentialRepresentation {
        id: Some(Uuid::new_v4().to_string()),
        r#type: Some("password".to_owned()),
        created_date: Some(now),
        priority: used.current.and_then(|current| current.priority),
        credential_data: Some(hashed.credential_data),
        secret_data: Some(hashed.secret_data),
        ..CredentialRepresentation::default()
    };
    steps.push(services.store.insert_credential(user_id, &fresh)?);
    Ok(steps)
}

/// Whether the user may have the password: see [`set_password`].
///
/// # Errors
/// When the policy is not met, or it could not be decided.
pub async fn check(
    services: &Services,
    realm: &Realm,
    user: &UserRepresentation,
    credentials: &[CredentialRepresentation],
    password: &str,
) -> Result<(), SetPasswordError> {
    let policy = services.accounts.password_policy(realm)?;
    check_policy(services, &policy)?;
    let whose = PolicyUser {
        username: user.username.as_deref(),
        email: user.email.as_deref(),
    };
    policy.check(password, &whose, &services.accounts.blacklists)?;
    let now = services.clock.now_millis();
    let used = Used::of(credentials);
    used.check(services, &policy, password, now).await
}

/// Whether the user's password has to be changed by `now` (milliseconds since 1970), as the policy
/// wants.
pub fn is_expired(
    services: &Services,
    realm: &Realm,
    credentials: &[CredentialRepresentation],
    now: i64,
) -> bool {
    let Ok(policy) = services.accounts.password_policy(realm) else {
        return false;
    };
    let created = of_kind(credentials, "password").find_map(|c| c.created_date);
    created.is_some_and(|created| policy.is_expired(created / 1_000, now / 1_000))
}

/// The passwords that the user has and had.
struct Used<'a> {
    current: Option<&'a CredentialRepresentation>,
    /// The latest first.
    earlier: Vec<&'a CredentialRepresentation>,
}

impl<'a> Used<'a> {
    fn of(credentials: &'a [CredentialRepresentation]) -> Self {
        let mut earlier: Vec<_> = of_kind(credentials, HISTORY).collect();
        earlier.sort_by_key(|c| std::cmp::Reverse(c.created_date));
        Self {
            current: of_kind(credentials, "password").next(),
            earlier,
        }
    }

    /// How many of the earlier passwords a new one must differ from, because they are the latest,
    /// and because they are of the latest days.
    fn counted(&self, policy: &PasswordPolicy, now: i64) -> (usize, usize) {
        // The present one is one of the latest.
        let by_count = usize::try_from(policy.history())
            .unwrap_or(0)
            .saturating_sub(1);
        let since = now.saturating_sub(i64::from(policy.reuse_days()).saturating_mul(DAY));
        let by_age = match policy.reuse_days() {
            0 => 0,
            _ => self
                .earlier
                .iter()
                .take_while(|c| c.created_date.unwrap_or(0) >= since)
                .count(),
        };
        (by_count.min(self.earlier.len()), by_age)
    }

    async fn check(
        &self,
        services: &Services,
        policy: &PasswordPolicy,
        password: &str,
        now: i64,
    ) -> Result<(), SetPasswordError> {
        if policy.history() == 0 && policy.reuse_days() == 0 {
            return Ok(());
        }
        let (by_count, by_age) = self.counted(policy, now);
        if let Some(current) = self.current
            && is_same(services, current, password).await?
        {
            let counts = policy.history() > 0;
            return Err(refusal(policy, counts).into());
        }
        for (place, earlier) in self.earlier.iter().take(by_count.max(by_age)).enumerate() {
            if is_same(services, earlier, password).await? {
                return Err(refusal(policy, place < by_count).into());
            }
        }
        Ok(())
    }

    /// Makes the present password an earlier one where the policy looks at them, and forgets those
    /// that it does not look at any more.
    fn replace(
        &self,
        services: &Services,
        user_id: &str,
        policy: &PasswordPolicy,
        now: i64,
    ) -> Result<Vec<Step>, StoreError> {
        let mut steps = Vec::new();
        let keeps = policy.history() > 1 || policy.reuse_days() > 0;
        if let Some(current) = self.current {
            // It goes under another id: a login that hashes it anew at this moment must not bring
            // it back.
            let id = current.id.as_deref().unwrap_or_default();
            steps.push(Store::delete_credential(user_id, id));
            if keeps {
                let earlier = CredentialRepresentation {
                    id: Some(Uuid::new_v4().to_string()),
                    r#type: Some(HISTORY.to_owned()),
                    ..current.clone()
                };
                steps.push(services.store.insert_credential(user_id, &earlier)?);
            }
        }
        let (by_count, by_age) = self.counted(policy, now);
        // The one that has just become an earlier one takes a place.
        let places = usize::try_from(policy.history())
            .unwrap_or(0)
            .saturating_sub(2);
        for old in self.earlier.iter().skip(by_count.min(places).max(by_age)) {
            let id = old.id.as_deref().unwrap_or_default();
            steps.push(Store::delete_credential(user_id, id));
        }
        Ok(steps)
    }
}

fn refusal(policy: &PasswordPolicy, by_count: bool) -> PolicyError {
    if by_count {
        policy.history_error()
    } else {
        policy.reuse_error()
    }
}

async fn is_same(
    services: &Services,
    credential: &CredentialRepresentation,
    password: &str,
) -> Result<bool, SetPasswordError> {
    let data = credential.credential_data.clone();
    let Some((credential_data, secret_data)) = data.zip(credential.secret_data.clone()) else {
        return Ok(false);
    };
    let stored = StoredPassword {
        credential_data,
        secret_data,
    };
    // Which parameters it has is of no interest here.
    let any = Hashing::default();
    match services.passwords.verify(password, &stored, any).await {
        Ok(PasswordMatch::Right | PasswordMatch::Outdated) => Ok(true),
        Ok(PasswordMatch::Wrong) => Ok(false),
        Err(PasswordError::Overloaded) => Err(SetPasswordError::Overloaded),
        Err(PasswordError::TooLong) => Err(too_long().into()),
        Err(e) => Err(SetPasswordError::Hash(e)),
    }
}

fn of_kind<'a>(
    credentials: &'a [CredentialRepresentation],
    kind: &'a str,
) -> impl Iterator<Item = &'a CredentialRepresentation> {
    credentials
        .iter()
        .filter(move |c| c.r#type.as_deref() == Some(kind))
}

/// Longer than any password is hashed.
fn too_long() -> PolicyError {
    PolicyError {
        message_key: "invalidPasswordGenericMessage",
        params: Vec::new(),
    }
}
