//! Keys: the master key that seals secrets at rest, the signing keys of realms, password hashes.

mod error;
mod master;
mod passwords;
mod realm_keys;

pub use error::KeysError;
pub use master::{MasterKey, SealKey};
pub use passwords::{PasswordError, PasswordHasher, PasswordMatch, StoredPassword};
pub use realm_keys::{Keys, RealmKeySet, generate_realm_keys, public_key};
