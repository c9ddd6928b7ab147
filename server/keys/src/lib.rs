//! Keys: the master key that seals secrets at rest, the keys of realms and the providers that make
//! them, password hashes, Java key stores, and the vaults that hold secrets outside of the database.

mod error;
mod keystore;
mod master;
mod passwords;
pub mod providers;
mod realm_keys;
pub mod vault;

pub use error::KeysError;
pub use keystore::KeystoreFolder;
pub use master::{MasterKey, SealKey};
pub use passwords::{
    HashAlgorithm, Hashing, PasswordError, PasswordHasher, PasswordMatch, StoredPassword,
};
pub use realm_keys::{Keys, RealmKeySet, certificate_public_key, generate_realm_keys, public_key};
