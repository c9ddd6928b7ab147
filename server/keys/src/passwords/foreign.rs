//! Hashes that no password of ours gets, from other servers.

use super::{PasswordError, unusable};

/// Name of the algorithm in the credentials of who used a Keycloak with an extension for it.
pub(super) const BCRYPT: &str = "bcrypt";
/// Cost that an imported hash may have, as a power of two: two seconds or so.
const BCRYPT_COST_LIMIT: u32 = 15;

/// Compares with a hash as `crypt(3)` writes it, `$2b$10$…`, in constant time.
pub(super) fn bcrypt(password: &[u8], hash: &str) -> Result<bool, PasswordError> {
    let cost = hash.split('$').nth(2).and_then(|cost| cost.parse().ok());
    if cost.is_none_or(|cost: u32| cost > BCRYPT_COST_LIMIT) {
        return Err(unusable("its cost is missing or out of bounds"));
    }
    bcrypt::verify(password, hash).map_err(|_| unusable("it is no hash of bcrypt"))
}
