//! How a Docker registry finds the key of a token: by the id that its library libtrust gives keys, the
//! first 30 bytes of the SHA-256 of the public key, in Base32, in groups of four between colons.

use realmkeep_authn::otp::base32;
use realmkeep_jose::sha256;

/// Bytes of the hash that count.
const BYTES: usize = 30;

/// `public_key` is X.509 SubjectPublicKeyInfo, DER.
pub(super) fn key_id(public_key: &[u8]) -> String {
    let hash = sha256(public_key);
    let text = base32(hash.get(..BYTES).unwrap_or(&hash));
    let mut id = String::new();
    for (at, letter) in text.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            id.push(':');
        }
        id.push(letter);
    }
    id
}
