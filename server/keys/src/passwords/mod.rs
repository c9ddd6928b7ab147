//! Password hashes, in the form a realm export has them, computed by a bounded pool.

mod foreign;
mod hashing;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use argon2::{Argon2, Block, Params};
use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use realmkeep_representations::SecretString;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use hashing::{Argon2Settings, MEMORY, checked_iterations};
pub use hashing::{HashAlgorithm, Hashing};

const SALT_LENGTH: usize = 16;
/// Hashes that may wait for a free worker, per worker; more are refused.
const QUEUE_PER_WORKER: usize = 64;
/// Longer passwords are refused unhashed, bytes.
const PASSWORD_LIMIT: usize = 4096;

/// Why a password was neither right nor wrong.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Answer 503 with Retry-After.
    #[error("too many passwords are being checked; try again in a moment")]
    Overloaded,
    #[error("the stored password cannot be used: {0}")]
    Unusable(String),
    #[error("the password is longer than {PASSWORD_LIMIT} bytes")]
    TooLong,
    #[error("password hashing failed: {0}")]
    Failed(String),
}

/// The two JSON texts of a `password` credential.
#[derive(Clone, Debug)]
pub struct StoredPassword {
    pub credential_data: String,
    pub secret_data: SecretString,
}

/// The outcome of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordMatch {
    Right,
    /// Right, but hashed with other parameters than new passwords are; hash it again.
    Outdated,
    Wrong,
}

/// Hashes passwords on as many threads as there are cores and keeps a bounded queue before them.
#[derive(Clone)]
pub struct PasswordHasher(Arc<Pool>);

struct Pool {
    workers: Arc<Semaphore>,
    waiting: AtomicUsize,
    queue: usize,
    default: HashAlgorithm,
    /// Memory of finished hashes, for the next ones.
    memory: Mutex<Vec<Vec<Block>>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CredentialData {
    hash_iterations: u32,
    algorithm: String,
    #[serde(default)]
    additional_parameters: BTreeMap<String, Vec<String>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretData {
    value: Zeroizing<String>,
    salt: String,
    #[serde(default)]
    additional_parameters: BTreeMap<String, Vec<String>>,
}

impl PasswordHasher {
    /// With as many workers as there are cores.
    pub fn new() -> Self {
        Self::with_default(HashAlgorithm::default(), None)
    }

    /// `default` is for realms that do not say how to hash; `workers` is how many hashes are
    /// computed at once, as many as there are cores where it is None.
    pub fn with_default(default: HashAlgorithm, workers: Option<usize>) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let workers = workers.unwrap_or(cores);
        Self::with_limits(default, workers, workers.saturating_mul(QUEUE_PER_WORKER))
    }

    /// `workers` hashes at once (at least one), `queue` waiting.
    pub fn with_limits(default: HashAlgorithm, workers: usize, queue: usize) -> Self {
        Self(Arc::new(Pool {
            workers: Arc::new(Semaphore::new(workers.max(1))),
            waiting: AtomicUsize::new(0),
            queue,
            default,
            memory: Mutex::new(Vec::new()),
        }))
    }

    /// What new passwords are hashed with where nobody says otherwise.
    pub fn default_algorithm(&self) -> HashAlgorithm {
        self.0.default
    }

    /// How passwords of a realm are hashed whose policy asks for these, if for any. Iterations that
    /// would take the server down are not refused, since exports of Keycloak have them: where the
    /// policy names no algorithm they are meant for another one, and its own default counts; else the
    /// most that may be.
    ///
    /// # Errors
    /// When there is no such algorithm.
    pub fn hashing(
        &self,
        algorithm: Option<&str>,
        iterations: Option<u32>,
    ) -> Result<Hashing, PasswordError> {
        let Some(name) = algorithm else {
            let meant = iterations.filter(|wanted| *wanted <= self.0.default.most_iterations());
            return Ok(Hashing::new(self.0.default, meant));
        };
        let algorithm = HashAlgorithm::named(name).ok_or_else(|| {
            PasswordError::Failed(format!("there is no hashing algorithm {name:.40}"))
        })?;
        Ok(Hashing::new(algorithm, iterations))
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// When there is too much to do, or the password is too long.
    pub async fn hash(
        &self,
        password: &str,
        hashing: Hashing,
    ) -> Result<StoredPassword, PasswordError> {
        let mut salt = [0; SALT_LENGTH];
        aws_lc_rs::rand::fill(&mut salt)
            .map_err(|_| PasswordError::Failed("no randomness".to_owned()))?;
        let pool = self.0.clone();
        let hash = self
            .run(password, move |password| {
                pool.derive(hashing, password, &salt)
            })
            .await?;
        let secret = SecretData {
            value: Zeroizing::new(STANDARD.encode(&*hash)),
            salt: STANDARD.encode(salt),
            additional_parameters: BTreeMap::new(),
        };
        let failed = |e: serde_json::Error| PasswordError::Failed(e.to_string());
        Ok(StoredPassword {
            credential_data: serde_json::to_string(&hashing.credential_data()).map_err(failed)?,
            secret_data: SecretString::new(serde_json::to_string(&secret).map_err(failed)?),
        })
    }

    /// Compares in constant time, with whatever algorithm the stored password has; `wanted` is what
    /// it should have.
    ///
    /// # Errors
    /// When there is too much to do, or the stored password makes no sense.
    pub async fn verify(
        &self,
        password: &str,
        stored: &StoredPassword,
        wanted: Hashing,
    ) -> Result<PasswordMatch, PasswordError> {
        let data: CredentialData = serde_json::from_str(&stored.credential_data)
            .map_err(|_| unusable("its credentialData is not what a password has"))?;
        let secret: SecretData = serde_json::from_str(stored.secret_data.expose())
            .map_err(|_| unusable("its secretData is not what a password has"))?;
        if data.algorithm == foreign::BCRYPT {
            let verified = move |password: &[u8]| foreign::bcrypt(password, &secret.value);
            let equal = self.run(password, verified).await?;
            // Whatever its cost: new passwords are not hashed so.
            return Ok(outcome(equal, false));
        }
        let salt = STANDARD
            .decode(&secret.salt)
            .map_err(|_| unusable("its salt is not base64"))?;
        let expected = Zeroizing::new(
            STANDARD
                .decode(secret.value.as_bytes())
                .map_err(|_| unusable("its value is not base64"))?,
        );
        if expected.len() < 16 || expected.len() > 1024 {
            return Err(unusable("its value has an impossible length"));
        }
        let algorithm = HashAlgorithm::named(&data.algorithm).ok_or_else(|| {
            unusable(&format!(
                "its algorithm {:.40} is not known",
                data.algorithm
            ))
        })?;
        let pool = self.0.clone();
        self.run(password, move |password| {
            let as_wanted = algorithm == wanted.algorithm && expected.len() == algorithm.length();
            let Some(pbkdf2) = algorithm.pbkdf2() else {
                let settings = Argon2Settings::of(&data)?;
                let mut hash = Zeroizing::new(vec![0; expected.len()]);
                pool.argon2(&settings, password, &salt, &mut hash)?;
                let equal = bool::from(hash.ct_eq(&expected));
                return Ok(outcome(equal, as_wanted && settings == wanted.argon2()));
            };
            let iterations = checked_iterations(algorithm, &data)?;
            let times = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);
            let equal = pbkdf2::verify(pbkdf2, times, &salt, password, &expected).is_ok();
            Ok(outcome(equal, as_wanted && iterations == wanted.iterations))
        })
        .await
    }

    /// Does the work of a comparison and forgets it, so that an unknown user costs what a known one does.
    ///
    /// # Errors
    /// When there is too much to do.
    pub async fn pretend(&self, password: &str, hashing: Hashing) -> Result<(), PasswordError> {
        let pool = self.0.clone();
        self.run(password, move |password| {
            pool.derive(hashing, password, &[0; SALT_LENGTH])
                .map(|_| ())
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        password: &str,
        work: impl FnOnce(&[u8]) -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        if password.len() > PASSWORD_LIMIT {
            return Err(PasswordError::TooLong);
        }
        let password = Zeroizing::new(password.as_bytes().to_vec());
        let permit = self.0.worker().await?;
        // The permit goes with the work: a caller that hangs up does not make room for another hash.
        let work = move || {
            let _permit = permit;
            work(&password)
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|e| PasswordError::Failed(e.to_string()))?
    }
}

impl Default for PasswordHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordHasher").finish_non_exhaustive()
    }
}

impl Pool {
    async fn worker(&self) -> Result<OwnedSemaphorePermit, PasswordError> {
        if let Ok(permit) = self.workers.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = Waiting::enter(self)?;
        self.workers
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| PasswordError::Overloaded)
    }

    fn derive(
        &self,
        hashing: Hashing,
        password: &[u8],
        salt: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, PasswordError> {
        let mut hash = Zeroizing::new(vec![0; hashing.algorithm.length()]);
        match hashing.algorithm.pbkdf2() {
            None => self.argon2(&hashing.argon2(), password, salt, &mut hash)?,
            Some(algorithm) => {
                let times = NonZeroU32::new(hashing.iterations).unwrap_or(NonZeroU32::MIN);
                pbkdf2::derive(algorithm, times, salt, password, &mut hash);
            }
        }
        Ok(hash)
    }

    fn argon2(
        &self,
        settings: &Argon2Settings,
        password: &[u8],
        salt: &[u8],
        out: &mut [u8],
    ) -> Result<(), PasswordError> {
        let failed = |e: argon2::Error| unusable(&e.to_string());
        let params = Params::new(
            settings.memory,
            settings.iterations,
            settings.parallelism,
            Some(out.len()),
        )
        .map_err(failed)?;
        let blocks = params.block_count();
        let argon2 = Argon2::new(settings.kind, settings.version, params);
        // Only memory of the usual size is kept; fresh pages cost more than the hash's first pass.
        let usual = settings.memory == MEMORY;
        let mut memory = if usual {
            self.kept().pop().unwrap_or_default()
        } else {
            Vec::new()
        };
        memory.resize(blocks, Block::new());
        let done = argon2
            .hash_password_into_with_memory(password, salt, out, &mut memory)
            .map_err(failed);
        if usual {
            self.kept().push(memory);
        }
        done
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Block>>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One place in the queue.
struct Waiting<'a>(&'a Pool);

impl<'a> Waiting<'a> {
    fn enter(pool: &'a Pool) -> Result<Self, PasswordError> {
        let before = pool.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Self(pool);
        if before >= pool.queue {
            return Err(PasswordError::Overloaded);
        }
        Ok(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

fn outcome(equal: bool, current: bool) -> PasswordMatch {
    match (equal, current) {
        (true, true) => PasswordMatch::Right,
        (true, false) => PasswordMatch::Outdated,
        (false, _) => PasswordMatch::Wrong,
    }
}

fn unusable(reason: &str) -> PasswordError {
    PasswordError::Unusable(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_has_the_known_form_and_verifies() {
        let hasher = PasswordHasher::new();
        let stored = hasher.hash("pässword", Hashing::default()).await.unwrap();
        let data: serde_json::Value = serde_json::from_str(&stored.credential_data).unwrap();
        assert_eq!(data["hashIterations"], 5);
        assert_eq!(data["algorithm"], "argon2");
        assert_eq!(data["additionalParameters"]["memory"][0], "7168");
        assert_eq!(
            hasher
                .verify("pässword", &stored, Hashing::default())
                .await
                .unwrap(),
            PasswordMatch::Right
        );
        assert_eq!(
            hasher
                .verify("passwort", &stored, Hashing::default())
                .await
                .unwrap(),
            PasswordMatch::Wrong
        );
        assert!(!format!("{stored:?}").contains("salt"));
    }

    /// The PBKDF2 values were computed with Python's hashlib.
    #[tokio::test]
    async fn imported_hashes_verify_and_ask_to_be_renewed() {
        let hasher = PasswordHasher::new();
        for (algorithm, iterations, value) in PBKDF2 {
            let stored = StoredPassword {
                credential_data: format!(
                    r#"{{"hashIterations":{iterations},"algorithm":"{algorithm}","additionalParameters":{{}}}}"#
                ),
                secret_data: SecretString::new(format!(
                    r#"{{"value":"{value}","salt":"c2FsdHNhbHRzYWx0c2FsdA==","additionalParameters":{{}}}}"#
                )),
            };
            assert_eq!(
                hasher
                    .verify("password", &stored, Hashing::default())
                    .await
                    .unwrap(),
                PasswordMatch::Outdated
            );
            assert_eq!(
                hasher
                    .verify("Password", &stored, Hashing::default())
                    .await
                    .unwrap(),
                PasswordMatch::Wrong
            );
        }
    }

    #[tokio::test]
    async fn nonsense_is_refused_with_a_reason() {
        let hasher = PasswordHasher::new();
        let good = hasher.hash("x", Hashing::default()).await.unwrap();
        for data in [
            "",
            "{}",
            r#"{"hashIterations":5,"algorithm":"md5"}"#,
            r#"{"hashIterations":0,"algorithm":"pbkdf2-sha256"}"#,
            r#"{"hashIterations":5,"algorithm":"argon2"}"#,
            r#"{"hashIterations":5,"algorithm":"argon2","additionalParameters":{"type":["id"],"version":["1.3"],"memory":["4000000000"],"parallelism":["1"]}}"#,
        ] {
            let stored = StoredPassword {
                credential_data: data.to_owned(),
                ..good.clone()
            };
            assert!(
                matches!(
                    hasher.verify("x", &stored, Hashing::default()).await,
                    Err(PasswordError::Unusable(_))
                ),
                "{data}"
            );
        }
        assert!(matches!(
            hasher.hash(&"x".repeat(5000), Hashing::default()).await,
            Err(PasswordError::TooLong)
        ));
    }

    /// The one worker of the hasher is busy until the permit is dropped.
    async fn one_at_work_and_one_waiting(
        hasher: &PasswordHasher,
    ) -> (
        OwnedSemaphorePermit,
        tokio::task::JoinHandle<Result<(), PasswordError>>,
    ) {
        let permit = hasher.0.workers.clone().try_acquire_owned().unwrap();
        let waiting = tokio::spawn({
            let hasher = hasher.clone();
            async move { hasher.hash("x", Hashing::default()).await.map(|_| ()) }
        });
        while hasher.0.waiting.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        (permit, waiting)
    }

    /// As many hashes are computed at once as there are cores, or as is configured; what comes
    /// beyond waits in a queue that has an end.
    ///
    /// spec: PWPOL-10
    #[tokio::test]
    async fn hashes_at_once_are_limited() {
        let of = |workers| PasswordHasher::with_default(HashAlgorithm::Argon2, workers);
        let cores = std::thread::available_parallelism().unwrap().get();
        assert_eq!(of(None).0.workers.available_permits(), cores);
        let hasher = of(Some(1));
        let (permit, waiting) = one_at_work_and_one_waiting(&hasher).await;
        assert!(!waiting.is_finished());
        drop(permit);
        waiting.await.unwrap().unwrap();
    }

    /// A right password is outdated when it was hashed otherwise than is wanted now.
    #[tokio::test]
    async fn another_algorithm_or_number_of_iterations_is_outdated() {
        let hasher = PasswordHasher::new();
        let of = |name: &str, iterations| hasher.hashing(Some(name), iterations).unwrap();
        let ways = [
            of("argon2", None),
            of("argon2", Some(2)),
            of("pbkdf2", Some(1_000)),
            of("pbkdf2-sha256", Some(1_000)),
            of("pbkdf2-sha512", Some(1_000)),
            of("pbkdf2-sha512", Some(1_001)),
        ];
        for stored_by in ways {
            let stored = hasher.hash("pw", stored_by).await.unwrap();
            for wanted in ways {
                let found = hasher.verify("pw", &stored, wanted).await.unwrap();
                let expected = match wanted == stored_by {
                    true => PasswordMatch::Right,
                    false => PasswordMatch::Outdated,
                };
                assert_eq!(found, expected, "{stored_by:?} {wanted:?}");
                let found = hasher.verify("px", &stored, wanted).await.unwrap();
                assert_eq!(found, PasswordMatch::Wrong);
            }
        }
    }

    /// From where an extension of Keycloak hashed with bcrypt.
    #[tokio::test]
    async fn bcrypt_is_right_and_outdated() {
        let hasher = PasswordHasher::new();
        let found = async |password: &str, value: &str| {
            let stored = StoredPassword {
                credential_data: r#"{"hashIterations":6,"algorithm":"bcrypt"}"#.to_owned(),
                secret_data: SecretString::new(format!(r#"{{"value":"{value}","salt":""}}"#)),
            };
            hasher.verify(password, &stored, Hashing::default()).await
        };
        const ABC: &str = "If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i";
        for kind in ["2a", "2b", "2y"] {
            let value = format!("${kind}$06${ABC}");
            let right = found("abc", &value).await.unwrap();
            assert_eq!(right, PasswordMatch::Outdated);
            for wrong in ["abd", "", "ABC"] {
                let wrong = found(wrong, &value).await.unwrap();
                assert_eq!(wrong, PasswordMatch::Wrong);
            }
        }
        // What cannot be read, or would take the server down.
        for bad in [
            String::new(),
            "$2a$06$x".to_owned(),
            format!("$2a$31${ABC}"),
            format!("$1$06${ABC}"),
        ] {
            let unusable = found("abc", &bad).await;
            assert!(matches!(unusable, Err(PasswordError::Unusable(_))), "{bad}");
        }
    }

    /// Realms of Keycloak say `hashIterations(27500)` from a time when that was PBKDF2's.
    #[test]
    fn iterations_beyond_what_may_be_are_what_may_be() {
        let hasher = PasswordHasher::new();
        let of = |name, iterations| hasher.hashing(name, Some(iterations)).unwrap();
        assert_eq!(of(None, 27_500), Hashing::default());
        assert_eq!(of(None, 7).iterations, 7);
        assert_eq!(of(Some("argon2"), 101).iterations, 100);
        assert_eq!(of(Some("argon2"), 0).iterations, 1);
        assert_eq!(of(Some("pbkdf2"), 10_000_001).iterations, 10_000_000);
        assert!(hasher.hashing(Some("md5"), None).is_err());
    }

    #[tokio::test]
    async fn a_full_queue_is_overload() {
        let hasher = PasswordHasher::with_limits(HashAlgorithm::Argon2, 1, 1);
        let (permit, waiting) = one_at_work_and_one_waiting(&hasher).await;
        assert!(matches!(
            hasher.hash("y", Hashing::default()).await,
            Err(PasswordError::Overloaded)
        ));
        drop(permit);
        waiting.await.unwrap().unwrap();
    }

    const PBKDF2: [(&str, u32, &str); 3] = [
        (
            "pbkdf2-sha512",
            1000,
            "715rqIr5dXOVPpBhqqsugl037zT5bWJTWYmZtIcK8hBnisKpwfY7kokvwjDrNHqHhF50Pb7MD6HvkJwiDQw4ww==",
        ),
        (
            "pbkdf2-sha256",
            1000,
            "8nX7hwFEzIB8aPajJTYK8weHQc5Ngz0pFVAKvSu4jQB0UGBqBuY/H7qOFFsvzkF7LUOJ8kPlApoYcOEvL+yDFw==",
        ),
        (
            "pbkdf2",
            1000,
            "2FWw/oC7TQkskizC+81lWlmFAMPzfuUU9jSdPALS95LIy5o7zcHjeb3ORZKEwmJExRHQSJFFjLR62Rvm9lmvBw==",
        ),
    ];
}
