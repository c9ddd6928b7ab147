//! Failed logins by user, and the counters that make codes count once.

use crate::db::{Row, Step, Value, statements};
use crate::{Batch, Store, StoreError};

statements! {
    BY_USER = "SELECT user_id, failures, last_failure, last_ip, locked_until, lockouts, pending, pending_since, version FROM login_failure WHERE realm_id = ?1 AND user_id = ?2";
    OF_REALM = "SELECT user_id, failures, last_failure, last_ip, locked_until, lockouts, pending, pending_since, version FROM login_failure WHERE realm_id = ?1 AND locked_until > ?2 ORDER BY user_id LIMIT ?3";
    CREATE = "INSERT INTO login_failure (realm_id, user_id, failures, last_failure, last_ip, locked_until, lockouts, pending, pending_since, version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1) ON CONFLICT DO NOTHING RETURNING version";
    SWAP = "UPDATE login_failure SET failures = ?3, last_failure = ?4, last_ip = ?5, locked_until = ?6, lockouts = ?7, pending = ?8, pending_since = ?9, version = version + 1 WHERE realm_id = ?1 AND user_id = ?2 AND version = ?10 RETURNING version";
    CLEAR = "DELETE FROM login_failure WHERE realm_id = ?1 AND user_id = ?2";
    CLEAR_REALM = "DELETE FROM login_failure WHERE realm_id = ?1";
    EXPIRE = "DELETE FROM login_failure WHERE last_failure < ?1 AND pending_since < ?1 AND locked_until < ?1";
    RISE = "INSERT INTO credential_counter (credential_id, counter) VALUES (?1, ?2) ON CONFLICT (credential_id) DO UPDATE SET counter = ?2 WHERE credential_counter.counter < ?2 RETURNING counter";
    COUNTER = "SELECT counter FROM credential_counter WHERE credential_id = ?1";
}

/// What is known of a user's failed logins. Times are milliseconds since 1970; 0 is never.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginFailures {
    pub user_id: String,
    /// In a row.
    pub failures: i64,
    pub last_failure: i64,
    pub last_ip: String,
    /// No login before this.
    pub locked_until: i64,
    /// How many times the user was locked out for a while.
    pub lockouts: i64,
    /// Attempts under way.
    pub pending: i64,
    pub pending_since: i64,
    /// 0 while there is no row.
    pub version: i64,
}

impl Store {
    /// What is known of the user's failed logins; nothing when there were none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn brute_force_status(
        &self,
        realm_id: &str,
        user_id: &str,
    ) -> Result<Option<LoginFailures>, StoreError> {
        let rows = self
            .query(&BY_USER, &[realm_id.into(), user_id.into()])
            .await?;
        rows.first().map(login_failures).transpose()
    }

    /// Users that are locked out at `now` (milliseconds), at most `max`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn brute_force_locked(
        &self,
        realm_id: &str,
        now: i64,
        max: i64,
    ) -> Result<Vec<LoginFailures>, StoreError> {
        let rows = self
            .query(&OF_REALM, &[realm_id.into(), now.into(), max.into()])
            .await?;
        rows.iter().map(login_failures).collect()
    }

    /// Replaces the row if it is still the one that `new.version` was read from; false otherwise.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn swap_login_failures(
        &self,
        realm_id: &str,
        new: &LoginFailures,
    ) -> Result<bool, StoreError> {
        let mut params: Vec<Value> = vec![
            realm_id.into(),
            new.user_id.as_str().into(),
            new.failures.into(),
            new.last_failure.into(),
            new.last_ip.as_str().into(),
            new.locked_until.into(),
            new.lockouts.into(),
            new.pending.into(),
            new.pending_since.into(),
        ];
        let statement = if new.version == 0 {
            &CREATE
        } else {
            params.push(new.version.into());
            &SWAP
        };
        let mut batch = Batch::new();
        batch.push(Step::new(statement, params).or_fail(CHANGED));
        decided(self.commit(batch).await)
    }

    /// The step that forgets the user's failed logins.
    pub fn brute_force_clear(realm_id: &str, user_id: &str) -> Step {
        Step::new(&CLEAR, vec![realm_id.into(), user_id.into()])
    }

    /// The step that forgets all failed logins of the realm.
    pub fn brute_force_clear_all(realm_id: &str) -> Step {
        Step::new(&CLEAR_REALM, vec![realm_id.into()])
    }

    /// The step that drops what did not change since `before` (milliseconds).
    pub fn expire_login_failures(before: i64) -> Step {
        Step::new(&EXPIRE, vec![before.into()])
    }

    /// Raises the credential's counter to `to`; of all callers with one value, one gets true, and
    /// nobody does with a value that is not above the highest so far.
    ///
    /// # Errors
    /// When the database fails, or the credential is gone.
    pub async fn raise_credential_counter(
        &self,
        credential_id: &str,
        to: i64,
    ) -> Result<bool, StoreError> {
        let mut batch = Batch::new();
        batch.push(Self::raise_counter(credential_id, to));
        decided(self.commit(batch).await)
    }

    /// The step of [`Store::raise_credential_counter`]; fails when the counter is not below `to`.
    pub fn raise_counter(credential_id: &str, to: i64) -> Step {
        let step = Step::new(&RISE, vec![credential_id.into(), to.into()]);
        step.or_fail(CHANGED).on_conflict("the credential is gone")
    }

    /// The highest counter of the credential that was used.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn credential_counter(&self, credential_id: &str) -> Result<Option<i64>, StoreError> {
        let rows = self.query(&COUNTER, &[credential_id.into()]).await?;
        rows.first().map(|row| row.int(0)).transpose()
    }
}

const CHANGED: &str = "it was changed meanwhile";

fn decided(result: Result<Vec<Vec<Row>>, StoreError>) -> Result<bool, StoreError> {
    match result {
        Ok(_) => Ok(true),
        Err(StoreError::Guard(_)) => Ok(false),
        Err(e) => Err(e),
    }
}

fn login_failures(row: &Row) -> Result<LoginFailures, StoreError> {
    Ok(LoginFailures {
        user_id: row.text(0)?.to_owned(),
        failures: row.int(1)?,
        last_failure: row.int(2)?,
        last_ip: row.text(3)?.to_owned(),
        locked_until: row.int(4)?,
        lockouts: row.int(5)?,
        pending: row.int(6)?,
        pending_since: row.int(7)?,
        version: row.int(8)?,
    })
}
