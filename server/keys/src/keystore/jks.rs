//! JKS, the format of Java before version 9: entries one after the other, a digest over them with the
//! store's password, each private key under its own. Secret keys it cannot hold.
//!
//! The protection is Java's own and older than any standard; only reading is here, for who brings such a
//! file (docs/decisions/0013). SHA-1 is what it is made of.

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA1_OUTPUT_LEN};
use subtle::ConstantTimeEq;
use x509_parser::asn1_rs::{FromDer, OctetString, Oid, Sequence, oid};
use zeroize::Zeroizing;

use super::{Entry, KeystoreError, MOST_CERTIFICATES, Passwords, no_such_alias, same_alias};

/// Goes into the digest between password and content.
const WHITENER: &[u8] = b"Mighty Aphrodite";
/// Bytes before the encrypted key.
const SALT: usize = 20;
const PRIVATE_KEY: u32 = 1;
const TRUSTED_CERTIFICATE: u32 = 2;

pub(super) fn entry(
    content: &[u8],
    alias: &str,
    passwords: &Passwords<'_>,
) -> Result<Entry, KeystoreError> {
    let (body, digest) = content
        .split_last_chunk::<SHA1_OUTPUT_LEN>()
        .ok_or_else(damaged)?;
    let password = utf16(passwords.store);
    if !bool::from(sha1(&[&password, WHITENER, body]).ct_eq(digest)) {
        return Err(KeystoreError::File(
            "Keystore was tampered with, or password was incorrect".to_owned(),
        ));
    }
    let mut rest = Reader(body);
    rest.number()?;
    let version = rest.number()?;
    if !matches!(version, 1 | 2) {
        return Err(KeystoreError::File("Invalid keystore format".to_owned()));
    }
    for _ in 0..rest.number()? {
        let kind = rest.number()?;
        let name = rest.text()?;
        let found = same_alias(&name, alias);
        // When it was made.
        rest.take(8)?;
        match kind {
            PRIVATE_KEY => {
                let protected = rest.block()?;
                let mut chain = Vec::new();
                for _ in 0..rest.number()? {
                    let certificate = rest.certificate(version)?;
                    if found && chain.len() < MOST_CERTIFICATES {
                        chain.push(certificate.to_vec());
                    }
                }
                if found {
                    let key = unprotected(protected, passwords.key)?;
                    return Ok(Entry::Private { key, chain });
                }
            }
            TRUSTED_CERTIFICATE => {
                rest.certificate(version)?;
                if found {
                    return Err(KeystoreError::Certificate);
                }
            }
            _ => return Err(damaged()),
        }
    }
    Err(no_such_alias(alias))
}

/// The private key: what comes of digests over password and salt, and then password and digest, lies over it;
/// the digest of password and key behind it says whether the password is right.
fn unprotected(info: &[u8], password: &str) -> Result<Zeroizing<Vec<u8>>, KeystoreError> {
    let content = encrypted(info).ok_or_else(damaged)?;
    let cannot = || KeystoreError::Key("Cannot recover key".to_owned());
    let (content, check) = content
        .split_last_chunk::<SHA1_OUTPUT_LEN>()
        .ok_or_else(cannot)?;
    let (salt, key) = content.split_at_checked(SALT).ok_or_else(cannot)?;
    let password = utf16(password);
    let mut plain = Zeroizing::new(Vec::with_capacity(key.len()));
    let mut over: Zeroizing<Vec<u8>> = Zeroizing::new(salt.to_vec());
    for block in key.chunks(SHA1_OUTPUT_LEN) {
        over = Zeroizing::new(sha1(&[&password, &over]).to_vec());
        plain.extend(block.iter().zip(over.iter()).map(|(a, b)| a ^ b));
    }
    if bool::from(sha1(&[&password, &plain]).ct_eq(check)) {
        Ok(plain)
    } else {
        Err(cannot())
    }
}

/// The content of an EncryptedPrivateKeyInfo (RFC 5958 section 3) of Java's algorithm.
fn encrypted(info: &[u8]) -> Option<Vec<u8>> {
    let (after, whole) = Sequence::from_der(info).ok()?;
    let (content, algorithm) = Sequence::from_der(&whole.content).ok()?;
    let (_, id) = Oid::from_der(&algorithm.content).ok()?;
    let (rest, content) = OctetString::from_der(content).ok()?;
    let java = oid!(1.3.6.1.4.1.42.2.17.1.1);
    (after.is_empty() && rest.is_empty() && id == java).then(|| content.as_ref().to_vec())
}

/// A password as Java counts it: two bytes for each unit of UTF-16.
fn utf16(password: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(password.encode_utf16().flat_map(u16::to_be_bytes).collect())
}

fn sha1(parts: &[&[u8]]) -> [u8; SHA1_OUTPUT_LEN] {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    for part in parts {
        context.update(part);
    }
    let mut out = [0; SHA1_OUTPUT_LEN];
    out.copy_from_slice(context.finish().as_ref());
    out
}

fn damaged() -> KeystoreError {
    KeystoreError::File("Invalid keystore format".to_owned())
}

/// What is left of the file; nothing is made larger than it.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], KeystoreError> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or_else(damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, KeystoreError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or_else(damaged)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*taken))
    }

    fn block(&mut self) -> Result<&'a [u8], KeystoreError> {
        let length = self.number()?;
        self.take(usize::try_from(length).map_err(|_| damaged())?)
    }

    fn text(&mut self) -> Result<String, KeystoreError> {
        let (length, rest) = self.0.split_first_chunk().ok_or_else(damaged)?;
        self.0 = rest;
        let bytes = self.take(usize::from(u16::from_be_bytes(*length)))?;
        String::from_utf8(bytes.to_vec()).map_err(|_| damaged())
    }

    fn certificate(&mut self, version: u32) -> Result<&'a [u8], KeystoreError> {
        // Before version 2 there is but X.509.
        if version == 2 {
            self.text()?;
        }
        self.block()
    }
}
