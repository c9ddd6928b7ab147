//! Password hashes, in the form a realm export has them, computed by a bounded pool.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use realmkeep_representations::SecretString;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

/// Parameters of new hashes: KiB, passes, lanes, bytes.
const MEMORY: u32 = 7168;
const ITERATIONS: u32 = 5;
const PARALLELISM: u32 = 1;
const HASH_LENGTH: usize = 32;
const SALT_LENGTH: usize = 16;
/// Hashes that may wait for a free worker, per worker; more are refused.
const QUEUE_PER_WORKER: usize = 64;
/// What an imported hash may ask for.
const MEMORY_LIMIT: u32 = 256 * 1024;
const ITERATIONS_LIMIT: u32 = 100;
const PARALLELISM_LIMIT: u32 = 16;
const PBKDF2_ITERATIONS_LIMIT: u32 = 10_000_000;
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
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self::with_limits(cores, cores.saturating_mul(QUEUE_PER_WORKER))
    }

    /// `workers` hashes at once, `queue` waiting.
    pub fn with_limits(workers: usize, queue: usize) -> Self {
        Self(Arc::new(Pool {
            workers: Arc::new(Semaphore::new(workers.max(1))),
            waiting: AtomicUsize::new(0),
            queue,
            memory: Mutex::new(Vec::new()),
        }))
    }

    /// Hashes a new password: Argon2id, 7 MiB, 5 passes.
    ///
    /// # Errors
    /// When there is too much to do, or the password is too long.
    pub async fn hash(&self, password: &str) -> Result<StoredPassword, PasswordError> {
        let mut salt = [0; SALT_LENGTH];
        aws_lc_rs::rand::fill(&mut salt)
            .map_err(|_| PasswordError::Failed("no randomness".to_owned()))?;
        let pool = self.0.clone();
        let hash = self
            .run(password, move |password| {
                let mut hash = Zeroizing::new(vec![0; HASH_LENGTH]);
                pool.argon2(&Argon2Settings::default(), password, &salt, &mut hash)?;
                Ok(hash)
            })
            .await?;
        let one = |value: &str| vec![value.to_owned()];
        let data = CredentialData {
            hash_iterations: ITERATIONS,
            algorithm: "argon2".to_owned(),
            additional_parameters: BTreeMap::from([
                ("hashLength".to_owned(), one(&HASH_LENGTH.to_string())),
                ("memory".to_owned(), one(&MEMORY.to_string())),
                ("type".to_owned(), one("id")),
                ("version".to_owned(), one("1.3")),
                ("parallelism".to_owned(), one(&PARALLELISM.to_string())),
            ]),
        };
        let secret = SecretData {
            value: Zeroizing::new(STANDARD.encode(&*hash)),
            salt: STANDARD.encode(salt),
            additional_parameters: BTreeMap::new(),
        };
        let failed = |e: serde_json::Error| PasswordError::Failed(e.to_string());
        Ok(StoredPassword {
            credential_data: serde_json::to_string(&data).map_err(failed)?,
            secret_data: SecretString::new(serde_json::to_string(&secret).map_err(failed)?),
        })
    }

    /// Compares in constant time. Knows `argon2`, `pbkdf2-sha512`, `pbkdf2-sha256` and `pbkdf2`.
    ///
    /// # Errors
    /// When there is too much to do, or the stored password makes no sense.
    pub async fn verify(
        &self,
        password: &str,
        stored: &StoredPassword,
    ) -> Result<PasswordMatch, PasswordError> {
        let data: CredentialData = serde_json::from_str(&stored.credential_data)
            .map_err(|_| unusable("its credentialData is not what a password has"))?;
        let secret: SecretData = serde_json::from_str(stored.secret_data.expose())
            .map_err(|_| unusable("its secretData is not what a password has"))?;
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
        let pool = self.0.clone();
        self.run(password, move |password| {
            if data.algorithm == "argon2" {
                let settings = Argon2Settings::of(&data)?;
                let mut hash = Zeroizing::new(vec![0; expected.len()]);
                pool.argon2(&settings, password, &salt, &mut hash)?;
                let equal = bool::from(hash.ct_eq(&expected));
                let current = settings == Argon2Settings::default() && hash.len() == HASH_LENGTH;
                return Ok(outcome(equal, current));
            }
            let algorithm = match data.algorithm.as_str() {
                "pbkdf2-sha512" => pbkdf2::PBKDF2_HMAC_SHA512,
                "pbkdf2-sha256" => pbkdf2::PBKDF2_HMAC_SHA256,
                "pbkdf2" => pbkdf2::PBKDF2_HMAC_SHA1,
                other => return Err(unusable(&format!("its algorithm {other:.40} is not known"))),
            };
            let iterations = std::num::NonZeroU32::new(data.hash_iterations)
                .filter(|n| n.get() <= PBKDF2_ITERATIONS_LIMIT)
                .ok_or_else(|| unusable("its hashIterations are out of bounds"))?;
            let equal = pbkdf2::verify(algorithm, iterations, &salt, password, &expected).is_ok();
            Ok(outcome(equal, false))
        })
        .await
    }

    /// Does the work of a comparison and forgets it, so that an unknown user costs what a known one does.
    ///
    /// # Errors
    /// When there is too much to do.
    pub async fn pretend(&self, password: &str) -> Result<(), PasswordError> {
        let pool = self.0.clone();
        self.run(password, move |password| {
            let mut hash = Zeroizing::new(vec![0; HASH_LENGTH]);
            pool.argon2(
                &Argon2Settings::default(),
                password,
                &[0; SALT_LENGTH],
                &mut hash,
            )
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

#[derive(PartialEq)]
struct Argon2Settings {
    kind: Algorithm,
    version: Version,
    memory: u32,
    iterations: u32,
    parallelism: u32,
}

impl Argon2Settings {
    fn of(data: &CredentialData) -> Result<Self, PasswordError> {
        let text = |name: &str| {
            data.additional_parameters
                .get(name)
                .and_then(|values| values.first())
                .map(String::as_str)
        };
        let number = |name: &str, limit: u32| {
            text(name)
                .and_then(|value| value.parse::<u32>().ok())
                .filter(|value| (1..=limit).contains(value))
                .ok_or_else(|| unusable(&format!("its {name} is missing or out of bounds")))
        };
        if !(1..=ITERATIONS_LIMIT).contains(&data.hash_iterations) {
            return Err(unusable("its hashIterations are out of bounds"));
        }
        Ok(Self {
            kind: match text("type") {
                Some("id") => Algorithm::Argon2id,
                Some("i") => Algorithm::Argon2i,
                Some("d") => Algorithm::Argon2d,
                _ => return Err(unusable("its Argon2 type is not id, i or d")),
            },
            version: match text("version") {
                Some("1.3") => Version::V0x13,
                Some("1.0") => Version::V0x10,
                _ => return Err(unusable("its Argon2 version is not 1.3 or 1.0")),
            },
            memory: number("memory", MEMORY_LIMIT)?,
            iterations: data.hash_iterations,
            parallelism: number("parallelism", PARALLELISM_LIMIT)?,
        })
    }
}

impl Default for Argon2Settings {
    fn default() -> Self {
        Self {
            kind: Algorithm::Argon2id,
            version: Version::V0x13,
            memory: MEMORY,
            iterations: ITERATIONS,
            parallelism: PARALLELISM,
        }
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
        let stored = hasher.hash("pässword").await.unwrap();
        let data: serde_json::Value = serde_json::from_str(&stored.credential_data).unwrap();
        assert_eq!(data["hashIterations"], 5);
        assert_eq!(data["algorithm"], "argon2");
        assert_eq!(data["additionalParameters"]["memory"][0], "7168");
        assert_eq!(
            hasher.verify("pässword", &stored).await.unwrap(),
            PasswordMatch::Right
        );
        assert_eq!(
            hasher.verify("passwort", &stored).await.unwrap(),
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
                hasher.verify("password", &stored).await.unwrap(),
                PasswordMatch::Outdated
            );
            assert_eq!(
                hasher.verify("Password", &stored).await.unwrap(),
                PasswordMatch::Wrong
            );
        }
    }

    #[tokio::test]
    async fn nonsense_is_refused_with_a_reason() {
        let hasher = PasswordHasher::new();
        let good = hasher.hash("x").await.unwrap();
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
                    hasher.verify("x", &stored).await,
                    Err(PasswordError::Unusable(_))
                ),
                "{data}"
            );
        }
        assert!(matches!(
            hasher.hash(&"x".repeat(5000)).await,
            Err(PasswordError::TooLong)
        ));
    }

    #[tokio::test]
    async fn a_full_queue_is_overload() {
        let hasher = PasswordHasher::with_limits(1, 1);
        let permit = hasher.0.workers.clone().try_acquire_owned().unwrap();
        let waiting = tokio::spawn({
            let hasher = hasher.clone();
            async move { hasher.hash("x").await.map(|_| ()) }
        });
        while hasher.0.waiting.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(
            hasher.hash("y").await,
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
