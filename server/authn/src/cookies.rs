//! What browsers keep for the server: sealed, so that they can neither read nor make it.

use realmkeep_keys::{KeysError, MasterKey, SealKey};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest sealed text that is looked at, in bytes.
const MAX_SEALED: usize = 16 * 1024;

/// Seals values with AES-256-GCM; a value opens only in the context it was sealed for.
#[derive(Clone, Debug)]
pub struct CookieSeal {
    key: SealKey,
}

impl CookieSeal {
    /// # Errors
    /// When the cryptographic library refuses.
    pub fn new(master: &MasterKey) -> Result<Self, KeysError> {
        let key = master.derive("cookies")?;
        Ok(Self { key })
    }

    /// `context` names the purpose and the owner, such as `identity` and the realm's id.
    ///
    /// # Errors
    /// When the value has no JSON form or the cryptographic library refuses.
    pub fn seal<T: Serialize>(&self, context: &[&str], value: &T) -> Result<String, KeysError> {
        let plain = serde_json::to_vec(value).map_err(|_| KeysError::Seal)?;
        self.key.seal(&plain, &aad(context))
    }

    /// None when it was not sealed with this key for this context, or was changed.
    pub fn open<T: DeserializeOwned>(&self, context: &[&str], text: &str) -> Option<T> {
        if text.len() > MAX_SEALED {
            return None;
        }
        let plain = self.key.open(text, &aad(context))?;
        serde_json::from_slice(&plain).ok()
    }
}

/// Each part with its length before it, so that no two lists of parts look alike.
fn aad(context: &[&str]) -> Vec<u8> {
    let mut aad = Vec::new();
    for part in context {
        aad.extend_from_slice(&(part.len() as u64).to_be_bytes());
        aad.extend_from_slice(part.as_bytes());
    }
    aad
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_in_its_context_and_unchanged() {
        let seal = CookieSeal::new(&MasterKey::from_bytes([7; 32]).unwrap()).unwrap();
        let sealed = seal.seal(&["identity", "r1"], &"value").unwrap();
        let open = |context: &[&str], text: &str| seal.open::<String>(context, text);
        assert_eq!(open(&["identity", "r1"], &sealed).unwrap(), "value");
        assert_eq!(open(&["identity", "r2"], &sealed), None);
        assert_eq!(open(&["identityr1"], &sealed), None);
        assert_eq!(open(&["identity", "r1"], ""), None);
        for i in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[i] = if changed[i] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(open(&["identity", "r1"], &changed), None, "{i}");
        }
        let other = CookieSeal::new(&MasterKey::from_bytes([8; 32]).unwrap()).unwrap();
        assert_eq!(other.open::<String>(&["identity", "r1"], &sealed), None);
    }
}
