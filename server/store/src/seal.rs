//! Encryption at rest of the secret fields of documents; the key is the caller's.

use crate::StoreError;

/// Seals and opens short secrets; `context` binds a sealed value to its table.
pub trait Seal: Send + Sync {
    /// Text that is safe to store.
    ///
    /// # Errors
    /// When encryption fails.
    fn seal(&self, plaintext: &str, context: &str) -> Result<String, StoreError>;
    /// # Errors
    /// When the text was not sealed with this key and context.
    fn open(&self, sealed: &str, context: &str) -> Result<String, StoreError>;
    /// A keyed digest: the same for the same text in the same context, and of no use for guessing to
    /// who has not the key.
    ///
    /// # Errors
    /// When the cryptographic library refuses.
    fn digest(&self, plaintext: &str, context: &str) -> Result<String, StoreError>;
}

/// Stores secrets as they are; for tests of the store only.
#[derive(Debug)]
pub struct NoSeal;

impl Seal for NoSeal {
    fn seal(&self, plaintext: &str, _: &str) -> Result<String, StoreError> {
        Ok(plaintext.to_owned())
    }

    fn open(&self, sealed: &str, _: &str) -> Result<String, StoreError> {
        Ok(sealed.to_owned())
    }

    fn digest(&self, plaintext: &str, context: &str) -> Result<String, StoreError> {
        Ok(format!("{context}|{plaintext}"))
    }
}
