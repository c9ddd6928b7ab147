//! The master key: seals secrets at rest and gives sub-keys for other uses.

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf;
use aws_lc_rs::hmac;
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use realmkeep_store::{Seal, StoreError};
use zeroize::{Zeroize, Zeroizing};

use crate::KeysError;

/// Marks the format of sealed text, so that it can change.
const VERSION: &str = "v1.";

/// 32 random bytes from which every key of this installation that is not a realm's is derived
/// (HKDF-SHA-256, RFC 5869). Cloning shares it.
#[derive(Clone)]
pub struct MasterKey(Arc<Inner>);

struct Inner {
    bytes: Zeroizing<[u8; 32]>,
    at_rest: SealKey,
    digests: hmac::Key,
}

impl MasterKey {
    /// # Errors
    /// When the cryptographic library refuses.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeysError> {
        let bytes = Zeroizing::new(bytes);
        let at_rest = SealKey::new(&*expand(&*bytes, "secrets at rest")?)?;
        let digests = hmac::Key::new(hmac::HMAC_SHA256, &*expand(&*bytes, "digests of secrets")?);
        Ok(Self(Arc::new(Inner {
            bytes,
            at_rest,
            digests,
        })))
    }

    /// # Errors
    /// When the cryptographic library refuses.
    pub fn generate() -> Result<Self, KeysError> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| KeysError::Seal)?;
        Self::from_bytes(bytes)
    }

    /// From 32 bytes in base64; white space around is ignored.
    ///
    /// # Errors
    /// When it is something else.
    pub fn from_base64(text: &str) -> Result<Self, KeysError> {
        let decoded = Zeroizing::new(
            STANDARD
                .decode(text.trim())
                .map_err(|_| KeysError::MasterKeyFormat)?,
        );
        let mut bytes: [u8; 32] = decoded
            .as_slice()
            .try_into()
            .map_err(|_| KeysError::MasterKeyFormat)?;
        let key = Self::from_bytes(bytes);
        bytes.zeroize();
        key
    }

    /// Reads the base64 key in the file at `path`; when there is no file, makes one that only its
    /// owner can read.
    ///
    /// # Errors
    /// When the file cannot be read or made, or holds something else.
    pub fn load_or_create(path: &Path) -> Result<Self, KeysError> {
        let failed = |reason: String| KeysError::MasterKeyFile {
            path: path.display().to_string(),
            reason,
        };
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let text = Zeroizing::new(text);
                Self::from_base64(&text).map_err(|e| failed(e.to_string()))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let key = Self::generate()?;
                let mut options = std::fs::OpenOptions::new();
                options.write(true).create_new(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                let mut file = options.open(path).map_err(|e| failed(e.to_string()))?;
                let text = Zeroizing::new(STANDARD.encode(*key.0.bytes));
                file.write_all(text.as_bytes())
                    .and_then(|()| file.sync_all())
                    .map_err(|e| failed(e.to_string()))?;
                Ok(key)
            }
            Err(e) => Err(failed(e.to_string())),
        }
    }

    /// A key for one purpose; two purposes never share a key.
    ///
    /// # Errors
    /// When the cryptographic library refuses.
    pub fn derive(&self, purpose: &str) -> Result<SealKey, KeysError> {
        SealKey::new(&*self.derive_bytes(purpose)?)
    }

    /// As [`MasterKey::derive`], for keys that are not for sealing, such as of an HMAC.
    ///
    /// # Errors
    /// When the cryptographic library refuses.
    pub fn derive_bytes(&self, purpose: &str) -> Result<Zeroizing<[u8; 32]>, KeysError> {
        expand(&*self.0.bytes, purpose)
    }
}

impl Seal for MasterKey {
    fn seal(&self, plaintext: &str, context: &str) -> Result<String, StoreError> {
        self.0
            .at_rest
            .seal(plaintext.as_bytes(), context.as_bytes())
            .map_err(|_| unreadable("it could not be encrypted"))
    }

    fn open(&self, sealed: &str, context: &str) -> Result<String, StoreError> {
        let plaintext = self
            .0
            .at_rest
            .open(sealed, context.as_bytes())
            .ok_or_else(|| {
                unreadable("it was not encrypted with this master key; start with the key that this database was made with")
            })?;
        String::from_utf8(plaintext).map_err(|_| unreadable("it is not text"))
    }

    fn digest(&self, plaintext: &str, context: &str) -> Result<String, StoreError> {
        let mut mac = hmac::Context::with_key(&self.0.digests);
        // Its length keeps the context and the text apart.
        mac.update(&context.len().to_be_bytes());
        mac.update(context.as_bytes());
        mac.update(plaintext.as_bytes());
        Ok(URL_SAFE_NO_PAD.encode(mac.sign()))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(***)")
    }
}

/// Seals short texts with AES-256-GCM under random nonces. Cloning shares the key.
#[derive(Clone)]
pub struct SealKey(Arc<RandomizedNonceKey>);

impl SealKey {
    fn new(key: &[u8]) -> Result<Self, KeysError> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| KeysError::Seal)?;
        Ok(Self(Arc::new(key)))
    }

    /// `v1.` and base64url of nonce, ciphertext and tag; `context` has to be given again to open it.
    ///
    /// # Errors
    /// When the cryptographic library refuses.
    pub fn seal(&self, plaintext: &[u8], context: &[u8]) -> Result<String, KeysError> {
        let mut ciphertext = plaintext.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(context), &mut ciphertext)
            .map_err(|_| KeysError::Seal)?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut ciphertext);
        Ok(format!("{VERSION}{}", URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// None when it was not sealed with this key and context, or was changed since.
    pub fn open(&self, sealed: &str, context: &[u8]) -> Option<Vec<u8>> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed.strip_prefix(VERSION)?).ok()?;
        let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut buffer = ciphertext.to_vec();
        let plaintext = self
            .0
            .open_in_place(nonce, Aad::from(context), &mut buffer)
            .ok()?;
        Some(plaintext.to_vec())
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(***)")
    }
}

fn expand(key: &[u8], purpose: &str) -> Result<Zeroizing<[u8; 32]>, KeysError> {
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"realmkeep");
    let info = [purpose.as_bytes()];
    let mut out = Zeroizing::new([0; 32]);
    salt.extract(key)
        .expand(&info, hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut *out))
        .map_err(|_| KeysError::Seal)?;
    Ok(out)
}

fn unreadable(reason: &str) -> StoreError {
    StoreError::Corrupt {
        what: "a secret",
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_only_with_its_key_and_context() {
        let key = MasterKey::generate().unwrap();
        let sealed = Seal::seal(&key, "s3cret", "client").unwrap();
        assert!(sealed.starts_with("v1.") && !sealed.contains("s3cret"));
        assert_ne!(sealed, Seal::seal(&key, "s3cret", "client").unwrap());
        assert_eq!(Seal::open(&key, &sealed, "client").unwrap(), "s3cret");
        assert!(Seal::open(&key, &sealed, "realm").is_err());
        assert!(Seal::open(&MasterKey::generate().unwrap(), &sealed, "client").is_err());
        let mut torn = sealed.clone();
        torn.pop();
        for bad in [torn.as_str(), "", "v1.", "s3cret", "v1.AAAA", "v2.AAAA"] {
            assert!(Seal::open(&key, bad, "client").is_err(), "{bad}");
        }
    }

    #[test]
    fn a_digest_tells_texts_contexts_and_keys_apart() {
        let key = MasterKey::generate().unwrap();
        let digest = Seal::digest(&key, "s3cret", "client").unwrap();
        assert_eq!(digest, Seal::digest(&key, "s3cret", "client").unwrap());
        for (text, context) in [
            ("s3cret", "realm"),
            ("s3crets", "client"),
            ("ts3cret", "clien"),
        ] {
            assert_ne!(digest, Seal::digest(&key, text, context).unwrap());
        }
        let other = MasterKey::generate().unwrap();
        assert_ne!(digest, Seal::digest(&other, "s3cret", "client").unwrap());
    }

    #[test]
    fn purposes_do_not_share_keys() {
        let key = MasterKey::generate().unwrap();
        let sealed = key.derive("cookie").unwrap().seal(b"x", b"").unwrap();
        assert!(key.derive("cookie").unwrap().open(&sealed, b"").is_some());
        assert!(key.derive("other").unwrap().open(&sealed, b"").is_none());
    }

    #[test]
    fn the_key_file_is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let first = MasterKey::load_or_create(&path).unwrap();
        let again = MasterKey::load_or_create(&path).unwrap();
        let sealed = first.seal("x", "y").unwrap();
        assert_eq!(again.open(&sealed, "y").unwrap(), "x");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        std::fs::write(&path, "short").unwrap();
        assert!(MasterKey::load_or_create(&path).is_err());
    }
}
