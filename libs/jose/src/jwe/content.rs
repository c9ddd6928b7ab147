//! Authenticated encryption of the content (RFC 7518 sections 5.2 and 5.3).

use aws_lc_rs::aead::{AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{hmac, rand};

use super::{ContentEncryption, JweError};

/// What comes of an encryption.
pub(super) struct Sealed {
    pub(super) iv: Vec<u8>,
    pub(super) ciphertext: Vec<u8>,
    pub(super) tag: Vec<u8>,
}

pub(super) fn encrypt(
    enc: ContentEncryption,
    key: &[u8],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Sealed, JweError> {
    let refused = |_| JweError::Crypto;
    let mut data = plaintext.to_vec();
    if let Some(key) = gcm(enc, key)? {
        let mut iv = [0; 12];
        rand::fill(&mut iv).map_err(refused)?;
        let nonce = Nonce::assume_unique_for_key(iv);
        let tag = key
            .seal_in_place_separate_tag(nonce, Aad::from(aad), &mut data)
            .map_err(refused)?;
        return Ok(Sealed {
            iv: iv.to_vec(),
            ciphertext: data,
            tag: tag.as_ref().to_vec(),
        });
    }
    let (mac, cipher) = cbc(enc, key)?;
    let mut iv = [0; 16];
    rand::fill(&mut iv).map_err(refused)?;
    PaddedBlockEncryptingKey::cbc_pkcs7(cipher)
        .and_then(|cipher| {
            let context = EncryptionContext::Iv128(FixedLength::from(iv));
            cipher.less_safe_encrypt(&mut data, context)
        })
        .map_err(refused)?;
    let tag = tag(&mac, aad, &iv, &data)?;
    Ok(Sealed {
        iv: iv.to_vec(),
        ciphertext: data,
        tag,
    })
}

pub(super) fn decrypt(
    enc: ContentEncryption,
    key: &[u8],
    aad: &[u8],
    sealed: Sealed,
) -> Result<Vec<u8>, JweError> {
    let refused = |_| JweError::Decryption;
    let Sealed {
        iv,
        ciphertext: mut data,
        tag: given,
    } = sealed;
    if let Some(key) = gcm(enc, key)? {
        let nonce = Nonce::try_assume_unique_for_key(&iv).map_err(refused)?;
        if given.len() != 16 {
            return Err(JweError::Decryption);
        }
        data.extend_from_slice(&given);
        let length = key
            .open_in_place(nonce, Aad::from(aad), &mut data)
            .map_err(refused)?
            .len();
        data.truncate(length);
        return Ok(data);
    }
    let (mac, cipher) = cbc(enc, key)?;
    let iv: [u8; 16] = iv.try_into().map_err(|_| JweError::Decryption)?;
    // The tag first: padding is looked at only in what the sender wrote.
    let expected = tag(&mac, aad, &iv, &data)?;
    verify_slices_are_equal(&expected, &given).map_err(refused)?;
    let cipher = PaddedBlockDecryptingKey::cbc_pkcs7(cipher).map_err(refused)?;
    let context = DecryptionContext::Iv128(FixedLength::from(iv));
    let length = cipher.decrypt(&mut data, context).map_err(refused)?.len();
    data.truncate(length);
    Ok(data)
}

fn gcm(enc: ContentEncryption, key: &[u8]) -> Result<Option<LessSafeKey>, JweError> {
    let algorithm = match enc {
        ContentEncryption::A128Gcm => &AES_128_GCM,
        ContentEncryption::A192Gcm => &AES_192_GCM,
        ContentEncryption::A256Gcm => &AES_256_GCM,
        _ => return Ok(None),
    };
    let key = UnboundKey::new(algorithm, key).map_err(|_| JweError::Crypto)?;
    Ok(Some(LessSafeKey::new(key)))
}

/// The first half of the key is for the tag, the second for the cipher (section 5.2.2.1).
fn cbc(enc: ContentEncryption, key: &[u8]) -> Result<(hmac::Key, UnboundCipherKey), JweError> {
    let (mac, cipher) = match enc {
        ContentEncryption::A128CbcHs256 => (hmac::HMAC_SHA256, &AES_128),
        ContentEncryption::A192CbcHs384 => (hmac::HMAC_SHA384, &AES_192),
        ContentEncryption::A256CbcHs512 => (hmac::HMAC_SHA512, &AES_256),
        _ => return Err(JweError::Crypto),
    };
    let (first, second) = key
        .split_at_checked(key.len() / 2)
        .ok_or(JweError::Crypto)?;
    let cipher = UnboundCipherKey::new(cipher, second).map_err(|_| JweError::Crypto)?;
    Ok((hmac::Key::new(mac, first), cipher))
}

fn tag(mac: &hmac::Key, aad: &[u8], iv: &[u8], ciphertext: &[u8]) -> Result<Vec<u8>, JweError> {
    let bits = u64::try_from(aad.len()).map_err(|_| JweError::Crypto)? * 8;
    let mut context = hmac::Context::with_key(mac);
    for part in [aad, iv, ciphertext, &bits.to_be_bytes()] {
        context.update(part);
    }
    let whole = context.sign();
    let (half, _) = whole.as_ref().split_at(whole.as_ref().len() / 2);
    Ok(half.to_vec())
}
