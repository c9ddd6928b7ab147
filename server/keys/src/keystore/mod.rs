//! Java key stores: JKS and PKCS#12 files with private keys, their certificates and secret keys.

mod file;
mod jks;
mod pkcs12;

pub use file::{KeystoreFileError, KeystoreFolder};

use p12_keystore::PrivateKey;
use zeroize::Zeroizing;

/// Most bytes of a file.
pub(crate) const MOST_BYTES: u64 = 1024 * 1024;
/// Most certificates that are looked at for one key.
const MOST_CERTIFICATES: usize = 10;

/// Why an entry cannot be had. The texts are Keycloak's where it has one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeystoreError {
    /// It is no such file, or another password's.
    #[error("IO error on server. {0}")]
    File(String),
    /// The file is right, its entry is not to be had.
    #[error("Key in the keystore cannot be recovered. {0}")]
    Key(String),
    #[error("trusted certificate entries are not password-protected")]
    Certificate,
    /// It is right, and not read here.
    #[error("{0}")]
    Unsupported(String),
}

/// A format that key stores come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Jks,
    Pkcs12,
}

/// What stands under an alias.
pub(crate) enum Entry {
    Private {
        /// PKCS#8, DER.
        key: Zeroizing<Vec<u8>>,
        /// X.509, DER: the key's own first, then who issued it.
        chain: Vec<Vec<u8>>,
    },
    Secret {
        /// As Java calls it: `AES`, `HmacSHA256`.
        algorithm: String,
        key: Zeroizing<Vec<u8>>,
    },
}

/// What opens a store and an entry of it.
pub(crate) struct Passwords<'a> {
    pub store: &'a str,
    pub key: &'a str,
}

impl Format {
    /// What the file itself says: each format is read whichever of the two the settings name, as Java does.
    fn of(content: &[u8]) -> Result<Self, KeystoreError> {
        match content {
            [0xfe, 0xed, 0xfe, 0xed, ..] => Ok(Self::Jks),
            [0xce, 0xce, 0xce, 0xce, ..] => Err(KeystoreError::Unsupported(
                "JCEKS stores are not read; convert it with `keytool -importkeystore -deststoretype PKCS12`".to_owned(),
            )),
            [0x30, ..] => Ok(Self::Pkcs12),
            _ => Err(KeystoreError::File("Invalid keystore format".to_owned())),
        }
    }
}

/// The entry of the alias, in capitals or not.
///
/// # Errors
/// When the file is damaged, a password is wrong, or there is no such key.
pub(crate) fn entry(
    content: &[u8],
    alias: &str,
    passwords: &Passwords<'_>,
) -> Result<Entry, KeystoreError> {
    match Format::of(content)? {
        Format::Jks => jks::entry(content, alias, passwords),
        Format::Pkcs12 => pkcs12::entry(content, alias, passwords),
    }
}

fn same_alias(left: &str, right: &str) -> bool {
    left.to_lowercase() == right.to_lowercase()
}

fn no_such_alias(alias: &str) -> KeystoreError {
    KeystoreError::Key(format!("Alias {alias} does not exists in the keystore."))
}

/// What Java calls the algorithm of a private key in PKCS#8.
pub(crate) fn key_algorithm(pkcs8: &[u8]) -> String {
    let Ok(key) = PrivateKey::from_der(pkcs8) else {
        return "unknown".to_owned();
    };
    let oid = key.oid().to_string();
    match oid.as_str() {
        "1.2.840.113549.1.1.1" => "RSA".to_owned(),
        "1.2.840.113549.1.1.10" => "RSASSA-PSS".to_owned(),
        "1.2.840.10045.2.1" => "EC".to_owned(),
        "1.2.840.10040.4.1" => "DSA".to_owned(),
        "1.3.101.112" | "1.3.101.113" => "EdDSA".to_owned(),
        "1.3.101.110" | "1.3.101.111" => "XDH".to_owned(),
        _ => oid,
    }
}
