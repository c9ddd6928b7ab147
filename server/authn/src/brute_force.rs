//! Detection of guessing: every door at which a credential can be tried goes through [`begin`].
//!
//! An attempt is counted before the credential is looked at, so that attempts at the same time cannot
//! be more than the limit leaves; its outcome is counted after. Each change of the row is one
//! conditional statement, tried again when another came first.

use realmkeep_events::{Event, EventType};
use realmkeep_representations::{RealmRepresentation, RealmRepresentationBruteForceStrategy};
use realmkeep_store::login_failures::LoginFailures;
use realmkeep_store::{Batch, Realm, Store, StoreError, Touch};

use crate::Services;

/// An attempt whose outcome was never told, because the process ended, stops counting after this;
/// milliseconds.
const ABANDONED: i64 = 60_000;
/// Changes that may come first before an attempt is refused.
const RETRIES: usize = 200;
/// Rows shared by all logins that name nobody, so that they cost what others do.
const NOBODY: usize = 16;

/// A realm's settings; times in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Failures in a row after which a user is locked out.
    pub max_failures: i64,
    pub strategy: Strategy,
    pub wait_increment: i64,
    pub max_wait: i64,
    /// Failures closer together than this are too quick.
    pub quick: i64,
    pub quick_wait: i64,
    /// Failures older than this are forgotten.
    pub reset: i64,
    pub permanent: bool,
    /// Temporary lockouts before the permanent one.
    pub max_lockouts: i64,
}

/// How the wait grows with the failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    Multiple,
    Linear,
}

/// What a failure led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Counted,
    LockedForAWhile,
    LockedForGood,
}

/// Whether an attempt may be made.
#[derive(Debug)]
pub enum Admission {
    Admitted(Attempt),
    /// Answer exactly as to a wrong credential.
    Locked,
}

/// An attempt that was admitted; tell its outcome.
#[derive(Debug)]
#[must_use = "an attempt ends by passed or failed"]
pub struct Attempt {
    /// None where the realm does not look for guessing.
    counted: Option<(Policy, String)>,
    known: bool,
}

impl Policy {
    /// None when the realm does not look for guessing.
    pub fn of(realm: &RealmRepresentation) -> Option<Self> {
        if realm.brute_force_protected != Some(true) {
            return None;
        }
        let number = |value: Option<i32>, default: i64| value.map_or(default, i64::from).max(0);
        let seconds = |value, default| number(value, default).saturating_mul(1000);
        let strategy = match realm.brute_force_strategy {
            Some(RealmRepresentationBruteForceStrategy::Linear) => Strategy::Linear,
            _ => Strategy::Multiple,
        };
        Some(Self {
            max_failures: number(realm.failure_factor, 30).max(1),
            strategy,
            wait_increment: seconds(realm.wait_increment_seconds, 60),
            max_wait: seconds(realm.max_failure_wait_seconds, 900),
            quick: realm.quick_login_check_milli_seconds.unwrap_or(1000).max(0),
            quick_wait: seconds(realm.minimum_quick_login_wait_seconds, 60),
            reset: seconds(realm.max_delta_time_seconds, 43_200),
            permanent: realm.permanent_lockout == Some(true),
            max_lockouts: number(realm.max_temporary_lockouts, 0),
        })
    }

    /// The row with one more attempt under way; None when the user is locked out, or as many
    /// attempts are under way as the limit leaves.
    pub fn admit(&self, row: &LoginFailures, now: i64) -> Option<LoginFailures> {
        if row.locked_until > now {
            return None;
        }
        let mut new = row.clone();
        if now.saturating_sub(row.pending_since) > ABANDONED {
            new.pending = 0;
        }
        let room = (self.max_failures - self.failures_at(row, now)).max(1);
        if new.pending >= room {
            return None;
        }
        new.pending += 1;
        new.pending_since = now;
        Some(new)
    }

    /// The row after a failure at `now`.
    pub fn failed(&self, row: &LoginFailures, now: i64, ip: &str) -> (LoginFailures, Verdict) {
        let mut new = row.clone();
        new.pending = (row.pending - 1).max(0);
        new.failures = self.failures_at(row, now) + 1;
        if row.last_failure > 0 && now.saturating_sub(row.last_failure) > self.reset {
            new.lockouts = 0;
        }
        let mut wait = self.wait(new.failures);
        let quick = row.last_failure > 0 && now.saturating_sub(row.last_failure) < self.quick;
        if wait == 0 && quick {
            wait = self.quick_wait;
        }
        wait = wait.min(self.max_wait);
        new.last_failure = now;
        ip.clone_into(&mut new.last_ip);
        let full = new.failures >= self.max_failures;
        if self.permanent && self.max_lockouts == 0 && full {
            return (new, Verdict::LockedForGood);
        }
        if wait == 0 {
            return (new, Verdict::Counted);
        }
        new.locked_until = now.saturating_add(wait);
        new.lockouts += 1;
        if self.permanent && self.max_lockouts > 0 && new.lockouts > self.max_lockouts {
            return (new, Verdict::LockedForGood);
        }
        (new, Verdict::LockedForAWhile)
    }

    /// Milliseconds of lockout after so many failures in a row.
    pub fn wait(&self, failures: i64) -> i64 {
        let times = match self.strategy {
            Strategy::Multiple => failures / self.max_failures,
            Strategy::Linear => (1 + failures - self.max_failures).max(0),
        };
        self.wait_increment.saturating_mul(times)
    }

    fn failures_at(&self, row: &LoginFailures, now: i64) -> i64 {
        if now.saturating_sub(row.last_failure) > self.reset {
            0
        } else {
            row.failures
        }
    }
}

/// Whether the user may try a credential now; for doors that only begin something. Whoever looks at
/// a credential calls [`begin`].
///
/// # Errors
/// When the database fails.
pub async fn may_authenticate(
    services: &Services,
    realm: &Realm,
    user_id: &str,
) -> Result<bool, StoreError> {
    if Policy::of(&realm.settings).is_none() {
        return Ok(true);
    }
    let row = services
        .store
        .brute_force_status(&realm.id, user_id)
        .await?;
    let now = services.clock.now_millis();
    Ok(row.is_none_or(|row| row.locked_until <= now))
}

/// Counts an attempt for the user before the credential is looked at. `user_id` is None for a name
/// that is nobody's: the same work is done.
///
/// # Errors
/// When the database fails.
pub async fn begin(
    services: &Services,
    realm: &Realm,
    user_id: Option<&str>,
    name: &str,
) -> Result<Admission, StoreError> {
    let known = user_id.is_some();
    let Some(policy) = Policy::of(&realm.settings) else {
        return Ok(Admission::Admitted(Attempt {
            counted: None,
            known,
        }));
    };
    let key = user_id.map_or_else(|| nobody(name), str::to_owned);
    for _ in 0..RETRIES {
        let now = services.clock.now_millis();
        let row = row(services, realm, &key).await?;
        let new = match policy.admit(&row, now) {
            Some(new) => new,
            None if known => return Ok(Admission::Locked),
            None => row,
        };
        if services.store.swap_login_failures(&realm.id, &new).await? {
            let counted = Some((policy, key));
            return Ok(Admission::Admitted(Attempt { counted, known }));
        }
    }
    Ok(Admission::Locked)
}

/// The step that forgets the failures of a user who signed in; part of the batch that does it.
pub fn forget(realm: &Realm, user_id: &str) -> Option<realmkeep_store::Step> {
    Policy::of(&realm.settings).map(|_| Store::brute_force_clear(&realm.id, user_id))
}

impl Attempt {
    /// The credential was right. Failures are forgotten only when the whole login has succeeded.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn passed(self, services: &Services, realm: &Realm) -> Result<(), StoreError> {
        let Some((_, key)) = self.counted else {
            return Ok(());
        };
        for _ in 0..RETRIES {
            let mut row = row(services, realm, &key).await?;
            if row.pending == 0 {
                return Ok(());
            }
            row.pending -= 1;
            if services.store.swap_login_failures(&realm.id, &row).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The credential was wrong.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn failed(
        self,
        services: &Services,
        realm: &Realm,
        ip: &str,
    ) -> Result<Verdict, StoreError> {
        let Some((policy, key)) = self.counted else {
            return Ok(Verdict::Counted);
        };
        for _ in 0..RETRIES {
            let now = services.clock.now_millis();
            let row = row(services, realm, &key).await?;
            let (mut new, mut verdict) = policy.failed(&row, now, ip);
            if !self.known {
                new.failures = 0;
                new.locked_until = 0;
                verdict = Verdict::Counted;
            }
            if services.store.swap_login_failures(&realm.id, &new).await? {
                if verdict == Verdict::LockedForGood {
                    disable(services, realm, &key).await?;
                }
                tell(services, realm, &key, ip, verdict);
                return Ok(verdict);
            }
        }
        Ok(Verdict::Counted)
    }
}

fn tell(services: &Services, realm: &Realm, user_id: &str, ip: &str, verdict: Verdict) {
    let kind = match verdict {
        Verdict::Counted => return,
        Verdict::LockedForAWhile => EventType::UserDisabledByTemporaryLockout,
        Verdict::LockedForGood => EventType::UserDisabledByPermanentLockout,
    };
    let event = Event::new(kind, &realm.name, ip);
    services.events.emit(&event.user(user_id));
}

/// Until an administrator enables the account again.
async fn disable(services: &Services, realm: &Realm, user_id: &str) -> Result<(), StoreError> {
    let store = &services.store;
    let Some(mut user) = store.find_user(&realm.id, user_id).await? else {
        return Ok(());
    };
    user.enabled = Some(false);
    let mut batch = Batch::new();
    batch.push(store.update_user(&realm.id, &user, None)?);
    batch.touch(Touch::User(realm.id.clone(), user_id.to_owned()));
    store.commit(batch).await?;
    Ok(())
}

async fn row(services: &Services, realm: &Realm, key: &str) -> Result<LoginFailures, StoreError> {
    let found = services.store.brute_force_status(&realm.id, key).await?;
    Ok(found.unwrap_or_else(|| LoginFailures {
        user_id: key.to_owned(),
        ..LoginFailures::default()
    }))
}

fn nobody(name: &str) -> String {
    let sum = name.bytes().fold(0_usize, |sum, b| {
        sum.wrapping_mul(31).wrapping_add(b.into())
    });
    format!("nobody-{}", sum % NOBODY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(strategy: Strategy) -> Policy {
        Policy {
            max_failures: 5,
            strategy,
            wait_increment: 30_000,
            max_wait: 900_000,
            quick: 1_000,
            quick_wait: 60_000,
            reset: 43_200_000,
            permanent: false,
            max_lockouts: 0,
        }
    }

    /// The tables of the guide: limit 5, increment 30 seconds.
    ///
    /// spec: BF-18, BF-19, BF-20
    #[test]
    fn the_wait_grows_by_the_strategy() {
        let waits =
            |strategy| -> Vec<i64> { (1..=10).map(|n| policy(strategy).wait(n) / 1000).collect() };
        assert_eq!(
            waits(Strategy::Multiple),
            [0, 0, 0, 0, 30, 30, 30, 30, 30, 60]
        );
        assert_eq!(
            waits(Strategy::Linear),
            [0, 0, 0, 0, 30, 60, 90, 120, 150, 180]
        );
    }

    /// spec: BF-08, BF-09, BF-13, BF-15, BF-16
    #[test]
    fn a_lockout_is_counted_and_bounded() {
        let mut policy = policy(Strategy::Linear);
        let mut row = LoginFailures::default();
        let mut now = 1_000_000;
        for n in 1..=4 {
            let (new, verdict) = policy.failed(&row, now, "192.0.2.1");
            assert_eq!((new.failures, verdict), (n, Verdict::Counted));
            row = new;
            now += 2_000;
        }
        let (row, verdict) = policy.failed(&row, now, "192.0.2.1");
        assert_eq!(verdict, Verdict::LockedForAWhile);
        assert_eq!((row.locked_until, row.lockouts), (now + 30_000, 1));
        assert_eq!(row.last_ip, "192.0.2.1");
        assert_eq!(policy.admit(&row, now + 29_999), None);
        assert!(policy.admit(&row, now + 30_000).is_some());
        policy.max_wait = 45_000;
        let (row, _) = policy.failed(&row, now + 30_000, "");
        assert_eq!(row.locked_until, now + 75_000);
        assert_eq!(row.lockouts, 2);
    }

    /// spec: BF-06, BF-07, BF-14
    #[test]
    fn quick_failures_wait_before_the_limit() {
        let policy = policy(Strategy::Multiple);
        let (row, first) = policy.failed(&LoginFailures::default(), 5_000, "");
        assert_eq!(first, Verdict::Counted);
        let (quick, verdict) = policy.failed(&row, 5_999, "");
        assert_eq!(verdict, Verdict::LockedForAWhile);
        assert_eq!(quick.locked_until, 65_999);
        let (slow, verdict) = policy.failed(&row, 6_000, "");
        assert_eq!((slow.locked_until, verdict), (0, Verdict::Counted));
    }

    /// spec: BF-10, BF-12
    #[test]
    fn old_failures_are_forgotten() {
        let policy = policy(Strategy::Multiple);
        let row = LoginFailures {
            failures: 4,
            last_failure: 1_000,
            ..LoginFailures::default()
        };
        let (new, _) = policy.failed(&row, 1_000 + policy.reset, "");
        assert_eq!(new.failures, 5);
        let (new, _) = policy.failed(&row, 1_001 + policy.reset, "");
        assert_eq!(new.failures, 1);
    }

    /// spec: BF-02, BF-21, BF-22
    #[test]
    fn the_permanent_lockout_comes_at_the_limit_or_after_the_temporary_ones() {
        let mut policy = policy(Strategy::Multiple);
        policy.permanent = true;
        let row = LoginFailures {
            failures: 4,
            last_failure: 1_000,
            ..LoginFailures::default()
        };
        let (_, verdict) = policy.failed(&row, 9_000, "");
        assert_eq!(verdict, Verdict::LockedForGood);
        policy.max_lockouts = 2;
        let mut row = row;
        let mut verdicts = Vec::new();
        for n in 0..3 {
            let (new, verdict) = policy.failed(&row, 9_000 + n * 900_000, "");
            row = new;
            verdicts.push(verdict);
        }
        let (a_while, good) = (Verdict::LockedForAWhile, Verdict::LockedForGood);
        assert_eq!(verdicts, [a_while, a_while, good]);
    }

    #[test]
    fn attempts_at_once_are_no_more_than_the_limit_leaves() {
        let policy = policy(Strategy::Multiple);
        let mut row = LoginFailures {
            failures: 3,
            last_failure: 1_000,
            ..LoginFailures::default()
        };
        row = policy.admit(&row, 2_000).unwrap();
        row = policy.admit(&row, 2_000).unwrap();
        assert_eq!(policy.admit(&row, 2_000), None);
        assert!(policy.admit(&row, 2_001 + ABANDONED).is_some());
        row.failures = 9;
        row.pending = 0;
        row = policy.admit(&row, 2_000).unwrap();
        assert_eq!(policy.admit(&row, 2_000), None);
    }
}
