//! PKCS#12 (RFC 7292), as Java's keytool and OpenSSL write it.

use p12_keystore::error::Error;
use p12_keystore::secret::SecretKeyType;
use p12_keystore::{CertificateBag, Pkcs12Archive, PrivateKeyBag};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Entry, KeystoreError, MOST_CERTIFICATES, Passwords, no_such_alias, same_alias};

pub(super) fn entry(
    content: &[u8],
    alias: &str,
    passwords: &Passwords<'_>,
) -> Result<Entry, KeystoreError> {
    let archive = Pkcs12Archive::from_pkcs12(content, passwords.store).map_err(|e| match e {
        Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_) => {
            KeystoreError::File("keystore password was incorrect".to_owned())
        }
        Error::UnsupportedEncryptionScheme | Error::UnsupportedMacAlgorithm => {
            KeystoreError::Unsupported(format!("the PKCS12 store is not read: {e}"))
        }
        e => KeystoreError::File(e.to_string()),
    })?;
    let key = archive
        .keys
        .iter()
        .enumerate()
        .find(|(at, key)| same_alias(&name_of(&archive.keys, *at, key), alias));
    if let Some((_, bag)) = key {
        opened(passwords)?;
        return Ok(Entry::Private {
            key: Zeroizing::new(bag.key.as_der().to_vec()),
            chain: chain(bag, &archive.certs),
        });
    }
    let named = |name: &Option<String>| name.as_deref().is_some_and(|n| same_alias(n, alias));
    if let Some(bag) = archive.secrets.iter().find(|bag| named(&bag.friendly_name)) {
        opened(passwords)?;
        return Ok(Entry::Secret {
            algorithm: java_name(bag.key.key_type()),
            key: Zeroizing::new(bag.key.key().to_vec()),
        });
    }
    if archive
        .certs
        .iter()
        .any(|bag| bag.trusted && named(&bag.friendly_name))
    {
        return Err(KeystoreError::Certificate);
    }
    Err(no_such_alias(alias))
}

/// A key without a name, as OpenSSL writes it, goes by its number for Java.
fn name_of(keys: &[PrivateKeyBag], at: usize, key: &PrivateKeyBag) -> String {
    key.friendly_name.clone().unwrap_or_else(|| {
        let before = keys
            .iter()
            .take(at)
            .filter(|key| key.friendly_name.is_none());
        (before.count() + 1).to_string()
    })
}

/// Neither keytool nor OpenSSL gives a key of such a store a password of its own.
fn opened(passwords: &Passwords<'_>) -> Result<(), KeystoreError> {
    let same = passwords.key.as_bytes().ct_eq(passwords.store.as_bytes());
    if bool::from(same) {
        return Ok(());
    }
    Err(KeystoreError::Key(
        "The password of a key in a PKCS12 store is the store's.".to_owned(),
    ))
}

/// The certificate of the key, and those above it.
fn chain(key: &PrivateKeyBag, certificates: &[CertificateBag]) -> Vec<Vec<u8>> {
    let id = key.local_key_id.as_ref().map(AsRef::as_ref);
    let own = certificates
        .iter()
        .find(|bag| id.is_some() && bag.local_key_id.as_deref() == id);
    let mut chain = Vec::new();
    let mut next = own;
    while let Some(bag) = next {
        let der = bag.cert.as_der().to_vec();
        if chain.len() == MOST_CERTIFICATES || chain.contains(&der) {
            break;
        }
        chain.push(der);
        if bag.cert.subject() == bag.cert.issuer() {
            break;
        }
        next = certificates
            .iter()
            .find(|above| above.cert.subject() == bag.cert.issuer());
    }
    chain
}

fn java_name(kind: SecretKeyType) -> String {
    match kind {
        SecretKeyType::Aes
        | SecretKeyType::Aes128Cbc
        | SecretKeyType::Aes192Cbc
        | SecretKeyType::Aes256Cbc => "AES".to_owned(),
        SecretKeyType::HmacSha1 => "HmacSHA1".to_owned(),
        SecretKeyType::HmacSha224 => "HmacSHA224".to_owned(),
        SecretKeyType::HmacSha256 => "HmacSHA256".to_owned(),
        SecretKeyType::HmacSha384 => "HmacSHA384".to_owned(),
        SecretKeyType::HmacSha512 => "HmacSHA512".to_owned(),
        other => other.to_oid().to_string(),
    }
}
