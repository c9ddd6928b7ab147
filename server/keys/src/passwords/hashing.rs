//! How new passwords are hashed: what the server's default and a realm's policy come to.

use std::collections::BTreeMap;

use argon2::{Algorithm, Version};
use aws_lc_rs::pbkdf2;

use super::{CredentialData, PasswordError, unusable};

/// Parameters of new Argon2 hashes: KiB, passes, lanes, bytes.
pub(super) const MEMORY: u32 = 7168;
const ITERATIONS: u32 = 5;
const PARALLELISM: u32 = 1;
const ARGON2_LENGTH: usize = 32;
/// Bytes of new PBKDF2 hashes, whatever the hash function, as in Keycloak.
const PBKDF2_LENGTH: usize = 64;
/// What an imported hash, or a realm, may ask for.
const MEMORY_LIMIT: u32 = 256 * 1024;
const ARGON2_ITERATIONS_LIMIT: u32 = 100;
const PARALLELISM_LIMIT: u32 = 16;
const PBKDF2_ITERATIONS_LIMIT: u32 = 10_000_000;

/// A password hashing algorithm, by its name in realm settings and stored passwords.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashAlgorithm {
    #[default]
    Argon2,
    Pbkdf2Sha512,
    Pbkdf2Sha256,
    /// With SHA-1; for who has to.
    Pbkdf2,
}

impl HashAlgorithm {
    pub const ALL: [Self; 4] = [
        Self::Argon2,
        Self::Pbkdf2Sha512,
        Self::Pbkdf2Sha256,
        Self::Pbkdf2,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Argon2 => "argon2",
            Self::Pbkdf2Sha512 => "pbkdf2-sha512",
            Self::Pbkdf2Sha256 => "pbkdf2-sha256",
            Self::Pbkdf2 => "pbkdf2",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    fn default_iterations(self) -> u32 {
        match self {
            Self::Argon2 => ITERATIONS,
            Self::Pbkdf2Sha512 => 210_000,
            Self::Pbkdf2Sha256 => 600_000,
            Self::Pbkdf2 => 1_300_000,
        }
    }

    pub(super) fn most_iterations(self) -> u32 {
        match self {
            Self::Argon2 => ARGON2_ITERATIONS_LIMIT,
            _ => PBKDF2_ITERATIONS_LIMIT,
        }
    }

    /// Bytes of a new hash.
    pub(super) fn length(self) -> usize {
        match self {
            Self::Argon2 => ARGON2_LENGTH,
            _ => PBKDF2_LENGTH,
        }
    }

    pub(super) fn pbkdf2(self) -> Option<pbkdf2::Algorithm> {
        match self {
            Self::Argon2 => None,
            Self::Pbkdf2Sha512 => Some(pbkdf2::PBKDF2_HMAC_SHA512),
            Self::Pbkdf2Sha256 => Some(pbkdf2::PBKDF2_HMAC_SHA256),
            Self::Pbkdf2 => Some(pbkdf2::PBKDF2_HMAC_SHA1),
        }
    }
}

/// How a realm wants passwords hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashing {
    pub(super) algorithm: HashAlgorithm,
    pub(super) iterations: u32,
}

impl Hashing {
    /// `iterations` is None for the algorithm's default; so many that they would take the server down
    /// are as many as may be.
    pub fn new(algorithm: HashAlgorithm, iterations: Option<u32>) -> Self {
        let iterations = iterations.unwrap_or_else(|| algorithm.default_iterations());
        Self {
            algorithm,
            iterations: iterations.clamp(1, algorithm.most_iterations()),
        }
    }

    pub(super) fn argon2(self) -> Argon2Settings {
        Argon2Settings {
            kind: Algorithm::Argon2id,
            version: Version::V0x13,
            memory: MEMORY,
            iterations: self.iterations,
            parallelism: PARALLELISM,
        }
    }

    /// What a stored password says of how it was hashed.
    pub(super) fn credential_data(self) -> CredentialData {
        let one = |value: &str| vec![value.to_owned()];
        let additional_parameters = match self.algorithm {
            HashAlgorithm::Argon2 => BTreeMap::from([
                ("hashLength".to_owned(), one(&ARGON2_LENGTH.to_string())),
                ("memory".to_owned(), one(&MEMORY.to_string())),
                ("type".to_owned(), one("id")),
                ("version".to_owned(), one("1.3")),
                ("parallelism".to_owned(), one(&PARALLELISM.to_string())),
            ]),
            _ => BTreeMap::new(),
        };
        CredentialData {
            hash_iterations: self.iterations,
            algorithm: self.algorithm.name().to_owned(),
            additional_parameters,
        }
    }
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            algorithm: HashAlgorithm::default(),
            iterations: ITERATIONS,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Argon2Settings {
    pub(super) kind: Algorithm,
    pub(super) version: Version,
    pub(super) memory: u32,
    pub(super) iterations: u32,
    pub(super) parallelism: u32,
}

impl Argon2Settings {
    pub(super) fn of(data: &CredentialData) -> Result<Self, PasswordError> {
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
            iterations: checked_iterations(HashAlgorithm::Argon2, data)?,
            parallelism: number("parallelism", PARALLELISM_LIMIT)?,
        })
    }
}

/// The iterations of a stored hash, within what may be asked for.
pub(super) fn checked_iterations(
    algorithm: HashAlgorithm,
    data: &CredentialData,
) -> Result<u32, PasswordError> {
    let iterations = data.hash_iterations;
    if (1..=algorithm.most_iterations()).contains(&iterations) {
        Ok(iterations)
    } else {
        Err(unusable("its hashIterations are out of bounds"))
    }
}
