//! JSON Web Encryption: what is made can be read by its recipient, and by nobody else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use realmkeep_jose::{
    ContentEncryption, DecryptionKey, EncryptedJwt, EncryptionKey, JweError, KeyManagement,
    base64url, from_base64url,
};
use serde_json::{Value, json};

fn key(alg: KeyManagement) -> DecryptionKey {
    match alg {
        KeyManagement::RsaOaep | KeyManagement::RsaOaep256 => {
            DecryptionKey::generate_rsa(alg, 2048).unwrap()
        }
        KeyManagement::EcdhEs => DecryptionKey::generate_ec(alg, "P-256").unwrap(),
        KeyManagement::EcdhEsA128Kw => DecryptionKey::generate_ec(alg, "P-384").unwrap(),
        KeyManagement::EcdhEsA256Kw => DecryptionKey::generate_ec(alg, "P-521").unwrap(),
    }
}

#[test]
fn every_algorithm_comes_back() {
    for alg in KeyManagement::ALL {
        let own = key(alg);
        let stored = DecryptionKey::from_pkcs8(alg, "", &own.to_pkcs8().unwrap()).unwrap();
        assert_eq!(stored.kid(), own.kid());
        let public = EncryptionKey::choose(&[own.public_jwk()], alg).unwrap();
        for enc in ContentEncryption::ALL {
            for plain in ["", "x", &"long ".repeat(100)] {
                let message = public.encrypt(enc, Some("JWT"), plain.as_bytes()).unwrap();
                let parsed = EncryptedJwt::parse(&message).unwrap();
                assert_eq!(parsed.kid(), Some(own.kid()));
                assert_eq!(parsed.content_type(), Some("JWT"));
                assert_eq!(stored.decrypt(&parsed).unwrap(), plain.as_bytes());
            }
        }
    }
}

/// Each byte of each segment counts.
#[test]
fn a_changed_message_does_not_open() {
    for alg in [KeyManagement::RsaOaep256, KeyManagement::EcdhEsA256Kw] {
        let own = key(alg);
        let public = EncryptionKey::from_jwk(&own.public_jwk(), alg).unwrap();
        for enc in [ContentEncryption::A256Gcm, ContentEncryption::A128CbcHs256] {
            let message = public.encrypt(enc, None, b"secret").unwrap();
            let parts: Vec<Vec<u8>> = message
                .split('.')
                .map(|part| from_base64url(part).unwrap())
                .collect();
            for (index, part) in parts.iter().enumerate().skip(1) {
                for at in 0..part.len() {
                    let mut changed = parts.clone();
                    changed[index][at] ^= 1;
                    let text: Vec<String> = changed.iter().map(base64url).collect();
                    let parsed = EncryptedJwt::parse(&text.join(".")).unwrap();
                    assert_eq!(
                        own.decrypt(&parsed),
                        Err(JweError::Decryption),
                        "{index} {at}"
                    );
                }
                let mut short = parts.clone();
                short[index].pop();
                let text: Vec<String> = short.iter().map(base64url).collect();
                let parsed = EncryptedJwt::parse(&text.join(".")).unwrap();
                assert_eq!(own.decrypt(&parsed), Err(JweError::Decryption));
            }
            // A header that says something else.
            let mut header: Value = serde_json::from_slice(&parts[0]).unwrap();
            header["cty"] = json!("JWT");
            let mut text: Vec<String> = parts.iter().map(base64url).collect();
            text[0] = base64url(header.to_string());
            let parsed = EncryptedJwt::parse(&text.join(".")).unwrap();
            assert_eq!(own.decrypt(&parsed), Err(JweError::Decryption));
        }
    }
}

#[test]
fn another_key_or_algorithm_does_not_open() {
    let own = key(KeyManagement::RsaOaep256);
    let other = key(KeyManagement::RsaOaep256);
    let weaker = DecryptionKey::from_pkcs8(KeyManagement::RsaOaep, "", &own.to_pkcs8().unwrap());
    let public = EncryptionKey::from_jwk(&own.public_jwk(), KeyManagement::RsaOaep256).unwrap();
    let message = public
        .encrypt(ContentEncryption::A256Gcm, None, b"x")
        .unwrap();
    let parsed = EncryptedJwt::parse(&message).unwrap();
    assert_eq!(other.decrypt(&parsed), Err(JweError::Decryption));
    assert_eq!(weaker.unwrap().decrypt(&parsed), Err(JweError::NoKey));

    let mut signing = own.public_jwk();
    signing.use_ = Some("sig".to_owned());
    assert!(EncryptionKey::from_jwk(&signing, KeyManagement::RsaOaep256).is_err());
    assert!(EncryptionKey::from_jwk(&own.public_jwk(), KeyManagement::RsaOaep).is_err());
    assert!(EncryptionKey::choose(&[own.public_jwk()], KeyManagement::EcdhEs).is_none());
    let mut small = own.public_jwk();
    small.n = Some(base64url([0xc1; 128]));
    assert!(EncryptionKey::from_jwk(&small, KeyManagement::RsaOaep256).is_err());
}

#[test]
fn malformed_messages_are_refused() {
    let header = |json: Value| format!("{}.AA.AA.AA.AA", base64url(json.to_string()));
    let cases = [
        ("".to_owned(), JweError::Malformed),
        ("a.b.c".to_owned(), JweError::Malformed),
        ("a.b.c.d.e.f".to_owned(), JweError::Malformed),
        ("%.AA.AA.AA.AA".to_owned(), JweError::Malformed),
        (header(json!([])), JweError::Malformed),
        (header(json!({"enc": "A256GCM"})), JweError::Header("alg")),
        (
            header(json!({"alg": "RSA1_5", "enc": "A256GCM"})),
            JweError::Header("alg"),
        ),
        (
            header(json!({"alg": "dir", "enc": "A256GCM"})),
            JweError::Header("alg"),
        ),
        (header(json!({"alg": "ECDH-ES"})), JweError::Header("enc")),
        (
            header(json!({"alg": "ECDH-ES", "enc": "A256GCM", "zip": "DEF"})),
            JweError::Header("zip"),
        ),
        (
            header(json!({"alg": "ECDH-ES", "enc": "A256GCM", "crit": ["x"]})),
            JweError::Header("crit"),
        ),
        ("a".repeat(65 * 1024), JweError::TooLong),
    ];
    for (message, expected) in cases {
        assert_eq!(EncryptedJwt::parse(&message).unwrap_err(), expected);
    }
    // A point that is not on the curve, and one of another curve.
    let own = key(KeyManagement::EcdhEs);
    let public = EncryptionKey::from_jwk(&own.public_jwk(), KeyManagement::EcdhEs).unwrap();
    let message = public
        .encrypt(ContentEncryption::A128Gcm, None, b"x")
        .unwrap();
    for epk in [
        json!({"kty": "EC", "crv": "P-256", "x": base64url([1; 32]), "y": base64url([1; 32])}),
        json!({"kty": "EC", "crv": "P-384", "x": base64url([1; 48]), "y": base64url([1; 48])}),
        json!({"kty": "oct"}),
        json!(1),
    ] {
        let mut parts: Vec<String> = message.split('.').map(str::to_owned).collect();
        let bytes = from_base64url(&parts[0]).unwrap();
        let mut header: Value = serde_json::from_slice(&bytes).unwrap();
        header["epk"] = epk;
        parts[0] = base64url(header.to_string());
        let parsed = EncryptedJwt::parse(&parts.join(".")).unwrap();
        assert!(own.decrypt(&parsed).is_err());
    }
}

/// RFC 7518 appendix C: the key that Alice and Bob agree on.
#[test]
fn key_agreement_is_as_in_the_rfc() {
    // Bob's key, as PKCS#8 around the private value of the appendix.
    let d = from_base64url("VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw").unwrap();
    let mut der = vec![
        0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
        0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x27, 0x30, 0x25,
        0x02, 0x01, 0x01, 0x04, 0x20,
    ];
    der.extend_from_slice(&d);
    let bob = DecryptionKey::from_pkcs8(KeyManagement::EcdhEs, "bob", &der).unwrap();
    assert_eq!(
        bob.public_jwk().x.as_deref(),
        Some("weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ")
    );
    // With the agreed key of the appendix, a message of the appendix's header opens.
    let header = json!({
        "alg": "ECDH-ES", "enc": "A128GCM", "apu": "QWxpY2U", "apv": "Qm9i",
        "epk": {
            "kty": "EC", "crv": "P-256",
            "x": "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
            "y": "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
        },
    });
    let aad = base64url(header.to_string());
    let agreed = from_base64url("VqqN6vgjbSBcIijNcacQGg").unwrap();
    let agreed = aws_lc_rs::aead::UnboundKey::new(&aws_lc_rs::aead::AES_128_GCM, &agreed).unwrap();
    let agreed = aws_lc_rs::aead::LessSafeKey::new(agreed);
    let mut data = b"hello Bob".to_vec();
    let nonce = aws_lc_rs::aead::Nonce::assume_unique_for_key([7; 12]);
    let tag = agreed
        .seal_in_place_separate_tag(nonce, aws_lc_rs::aead::Aad::from(aad.as_bytes()), &mut data)
        .unwrap();
    let message = format!(
        "{aad}..{}.{}.{}",
        base64url([7; 12]),
        base64url(data),
        base64url(tag.as_ref())
    );
    let parsed = EncryptedJwt::parse(&message).unwrap();
    assert_eq!(bob.decrypt(&parsed).unwrap(), b"hello Bob");
}
