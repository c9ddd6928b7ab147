//! What a token has to survive before somebody believes it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::LazyLock;

use proptest::prelude::*;
use realmkeep_jose::{
    Algorithm, Audience, Checks, ClaimError, JoseError, JwkSet, KeyError, KeySet, MAX_TOKEN_BYTES,
    SigningKey, UnverifiedJwt, Verified, VerifyingKey, base64url, from_base64url, verify,
};
use serde_json::{Value, json};

static KEYS: LazyLock<Vec<SigningKey>> = LazyLock::new(|| {
    Algorithm::ASYMMETRIC
        .into_iter()
        .map(|a| SigningKey::generate(a).unwrap())
        .collect()
});

fn key(algorithm: Algorithm) -> &'static SigningKey {
    KEYS.iter()
        .find(|key| key.algorithm() == algorithm)
        .unwrap()
}

fn published() -> JwkSet {
    JwkSet {
        keys: KEYS.iter().map(|key| key.public_jwk().unwrap()).collect(),
    }
}

/// A token with any header, signed by `key` whatever the header says.
fn forge(header: &str, claims: &str, key: &SigningKey) -> String {
    let input = format!("{}.{}", base64url(header), base64url(claims));
    let signature = base64url(key.signature(input.as_bytes()).unwrap());
    format!("{input}.{signature}")
}

fn check(token: &str, keys: &KeySet) -> Result<Verified, JoseError> {
    let jwt = UnverifiedJwt::parse(token)?;
    let key = keys.find(jwt.unverified_kid(), jwt.unverified_algorithm())?;
    verify(&jwt, key)
}

fn verified(claims: Value) -> Verified {
    let key = key(Algorithm::EdDsa);
    let token = key.sign("JWT", &claims).unwrap();
    verify(
        &UnverifiedJwt::parse(&token).unwrap(),
        &key.verifying_key().unwrap(),
    )
    .unwrap()
}

#[test]
fn every_algorithm_signs_what_its_published_key_verifies_and_others_agree() {
    let text = serde_json::to_string(&published()).unwrap();
    let keys = KeySet::from_jwks(&serde_json::from_str(&text).unwrap());
    assert_eq!(keys.len(), 10);
    for key in KEYS.iter() {
        let token = key.sign("at+jwt", &json!({"sub": "a", "exp": 1})).unwrap();
        let verified = check(&token, &keys).unwrap();
        assert_eq!(
            (verified.sub(), verified.typ()),
            (Some("a"), Some("at+jwt"))
        );

        // jsonwebtoken, through its own key handling, agrees; it has no ES512, of which the RFC's
        // example is verified in known_answers.
        if key.algorithm() != Algorithm::Es512 {
            let jwk: jsonwebtoken::jwk::Jwk =
                serde_json::from_value(serde_json::to_value(key.public_jwk()).unwrap()).unwrap();
            let mut validation =
                jsonwebtoken::Validation::new(key.algorithm().as_str().parse().unwrap());
            validation.validate_exp = false;
            validation.validate_aud = false;
            let theirs = jsonwebtoken::decode::<Value>(
                &token,
                &jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap(),
                &validation,
            )
            .unwrap();
            assert_eq!(theirs.claims["sub"], "a");
        }

        // The stored form is the same key.
        let again = SigningKey::from_pkcs8(key.algorithm(), "", &key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(again.public_jwk(), key.public_jwk());
        assert_eq!(again.kid(), key.public_jwk().unwrap().thumbprint().unwrap());
    }
}

#[test]
fn shared_secrets_work_and_are_never_published() {
    for (algorithm, length) in Algorithm::SYMMETRIC.into_iter().zip([32, 48, 64]) {
        let key = SigningKey::hmac(algorithm, "h", &vec![7; length]).unwrap();
        let keys = KeySet::from_signing_keys([&key]).unwrap();
        check(&key.sign("JWT", &json!({"a": 1})).unwrap(), &keys).unwrap();
        assert!(key.public_jwk().is_none());
        assert!(SigningKey::generate(algorithm).is_err());
        assert_eq!(
            SigningKey::hmac(algorithm, "h", &vec![7; length - 1]).unwrap_err(),
            KeyError::SecretTooShort(length)
        );
    }
    let jwks: JwkSet = serde_json::from_value(
        json!({"keys": [{"kty": "oct", "kid": "h", "k": base64url([7; 32])}]}),
    )
    .unwrap();
    assert!(KeySet::from_jwks(&jwks).is_empty());
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let rsa = key(Algorithm::Rs256);
    let jwk = rsa.public_jwk().unwrap();
    let keys = KeySet::from_jwks(&published());
    // The classic: HS256 "signed" with what everybody can read.
    for secret in [
        from_base64url(jwk.n.clone().unwrap()).unwrap(),
        jwk.n.clone().unwrap().into_bytes(),
        serde_json::to_vec(&jwk).unwrap(),
    ] {
        let hmac = SigningKey::hmac(Algorithm::Hs256, rsa.kid(), &secret).unwrap();
        let token = hmac.sign("JWT", &json!({"sub": "root"})).unwrap();
        assert_eq!(
            check(&token, &keys).unwrap_err(),
            JoseError::Key(KeyError::AlgorithmNotAllowed(Algorithm::Hs256))
        );
        // Also when somebody picked the key without asking for the algorithm.
        let jwt = UnverifiedJwt::parse(&token).unwrap();
        assert!(verify(&jwt, &rsa.verifying_key().unwrap()).is_err());
    }
}

#[test]
fn the_key_decides_the_algorithm() {
    let keys = KeySet::from_jwks(&published());
    for signer in KEYS.iter() {
        for claimed in Algorithm::ASYMMETRIC
            .into_iter()
            .filter(|a| *a != signer.algorithm())
        {
            let header = json!({"alg": claimed.as_str(), "kid": signer.kid()}).to_string();
            let token = forge(&header, r#"{"sub":"root"}"#, signer);
            assert_eq!(
                check(&token, &keys).unwrap_err(),
                JoseError::Key(KeyError::AlgorithmNotAllowed(claimed)),
                "{} presented as {claimed}",
                signer.algorithm()
            );
            // Nor does another key of the right type help.
            let other = key(claimed);
            let header = json!({"alg": claimed.as_str(), "kid": other.kid()}).to_string();
            let token = forge(&header, r#"{"sub":"root"}"#, signer);
            assert_eq!(
                check(&token, &keys).unwrap_err(),
                JoseError::InvalidSignature
            );
        }
    }
}

#[test]
fn without_alg_the_type_and_curve_of_a_key_decide() {
    let mut jwk = key(Algorithm::Rs256).public_jwk().unwrap();
    jwk.alg = None;
    let rsa = VerifyingKey::from_jwk(&jwk).unwrap();
    for algorithm in Algorithm::ASYMMETRIC
        .into_iter()
        .chain(Algorithm::SYMMETRIC)
    {
        assert_eq!(
            rsa.allows(algorithm),
            algorithm.key_type() == Algorithm::Rs256.key_type()
        );
    }
    let mut jwk = key(Algorithm::Es256).public_jwk().unwrap();
    jwk.alg = Some("RS256".to_owned());
    assert_eq!(
        VerifyingKey::from_jwk(&jwk).unwrap_err(),
        KeyError::WrongType(Algorithm::Rs256)
    );
    jwk.alg = Some("HS256".to_owned());
    assert_eq!(
        VerifyingKey::from_jwk(&jwk).unwrap_err(),
        KeyError::WrongType(Algorithm::Hs256)
    );
}

#[test]
fn none_is_refused_in_every_spelling() {
    for alg in [
        "none", "None", "NONE", "", "nOnE", "HS1", "RSA-OAEP", "ES256K",
    ] {
        let header = base64url(json!({"alg": alg}).to_string());
        for token in [
            format!("{header}.{}.", base64url("{}")),
            format!("{header}.{}.AA", base64url("{}")),
        ] {
            assert!(
                matches!(
                    UnverifiedJwt::parse(&token).unwrap_err(),
                    JoseError::UnsupportedAlgorithm(_)
                ),
                "{alg}"
            );
        }
    }
}

#[test]
fn headers_that_change_the_meaning_are_refused() {
    let signer = key(Algorithm::EdDsa);
    let refused = |header: &str, claims: &str| {
        UnverifiedJwt::parse(&forge(header, claims, signer)).unwrap_err()
    };
    assert_eq!(
        refused(r#"{"alg":"EdDSA","crit":["x"]}"#, "{}"),
        JoseError::UnsupportedHeader("crit")
    );
    assert_eq!(
        refused(r#"{"alg":"EdDSA","crit":[]}"#, "{}"),
        JoseError::UnsupportedHeader("crit")
    );
    assert_eq!(
        refused(r#"{"alg":"EdDSA","b64":false}"#, "{}"),
        JoseError::UnsupportedHeader("b64")
    );
    assert_eq!(
        refused(r#"{"alg":"EdDSA","zip":"DEF"}"#, "{}"),
        JoseError::UnsupportedHeader("zip")
    );
    assert_eq!(
        refused(r#"{"alg":"EdDSA","enc":"A128GCM"}"#, "{}"),
        JoseError::Encrypted
    );
    assert_eq!(
        refused(r#"{"kid":"a"}"#, "{}"),
        JoseError::MissingHeader("alg")
    );
    assert_eq!(
        refused(r#"{"alg":["EdDSA"]}"#, "{}"),
        JoseError::HeaderType("alg")
    );
    assert_eq!(
        refused(r#"{"alg":"EdDSA","kid":7}"#, "{}"),
        JoseError::HeaderType("kid")
    );
    assert_eq!(
        refused(r#"{"alg":"EdDSA","typ":null}"#, "{}"),
        JoseError::HeaderType("typ")
    );
    assert_eq!(
        refused(r#"{"alg":"EdDSA","alg":"none"}"#, "{}"),
        JoseError::InvalidJson { part: "header" }
    );
    assert_eq!(
        refused(r#"{"alg":"EdDSA"}"#, r#"{"sub":"a","sub":"root"}"#),
        JoseError::InvalidJson { part: "payload" }
    );
    assert_eq!(
        refused(r#"{"alg":"EdDSA"}"#, "[]"),
        JoseError::InvalidJson { part: "payload" }
    );
}

#[test]
fn claims_of_the_wrong_type_are_errors() {
    let signer = key(Algorithm::EdDsa);
    for (claims, name) in [
        (r#"{"exp":"1300819380"}"#, "exp"),
        (r#"{"exp":null}"#, "exp"),
        (r#"{"exp":1e300}"#, "exp"),
        (r#"{"exp":18446744073709551615}"#, "exp"),
        (r#"{"nbf":"0"}"#, "nbf"),
        (r#"{"iat":[]}"#, "iat"),
        (r#"{"iss":1}"#, "iss"),
        (r#"{"sub":["a"]}"#, "sub"),
        (r#"{"jti":{}}"#, "jti"),
        (r#"{"aud":7}"#, "aud"),
        (r#"{"aud":["a",7]}"#, "aud"),
        (r#"{"aud":null}"#, "aud"),
    ] {
        let token = forge(r#"{"alg":"EdDSA"}"#, claims, signer);
        assert_eq!(
            UnverifiedJwt::parse(&token).unwrap_err(),
            JoseError::ClaimType(name),
            "{claims}"
        );
    }
    assert_eq!(verified(json!({"exp": 10.9})).exp(), Some(10));
}

#[test]
fn shapes_that_are_no_token() {
    let signer = key(Algorithm::EdDsa);
    let good = signer.sign("JWT", &json!({"sub": "a"})).unwrap();
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!()
    };
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!("{header}..{signature}"),
        format!(".{claims}.{signature}"),
        format!("{good}.{signature}"),
        format!("{good}."),
        format!("{good}="),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{header}.{claims}=.{signature}"),
        format!("{header}.{}+.{signature}", claims),
    ] {
        assert!(UnverifiedJwt::parse(&bad).is_err(), "{bad}");
    }
    assert_eq!(
        UnverifiedJwt::parse("a.b.c.d.e").unwrap_err(),
        JoseError::Encrypted
    );
    assert_eq!(
        UnverifiedJwt::parse(&"a".repeat(MAX_TOKEN_BYTES + 1)).unwrap_err(),
        JoseError::TooLong {
            length: MAX_TOKEN_BYTES + 1,
            limit: MAX_TOKEN_BYTES
        }
    );
}

#[test]
fn the_kid_chooses_and_nothing_is_guessed() {
    let keys = KeySet::from_jwks(&published());
    let signer = key(Algorithm::Es256);
    assert_eq!(
        keys.find(Some("other"), Algorithm::Es256).unwrap_err(),
        KeyError::UnknownKid
    );
    assert_eq!(
        keys.find(None, Algorithm::Es256).unwrap().kid(),
        Some(signer.kid())
    );
    assert_eq!(
        keys.find(None, Algorithm::Hs256).unwrap_err(),
        KeyError::NoKeyFor(Algorithm::Hs256)
    );
    let mut two = published();
    two.keys.push(
        SigningKey::generate(Algorithm::Es256)
            .unwrap()
            .public_jwk()
            .unwrap(),
    );
    let keys = KeySet::from_jwks(&two);
    assert_eq!(
        keys.find(None, Algorithm::Es256).unwrap_err(),
        KeyError::Ambiguous(Algorithm::Es256)
    );
}

#[test]
fn keys_that_cannot_be_used_are_left_out() {
    let good = serde_json::to_value(key(Algorithm::Es256).public_jwk()).unwrap();
    let with = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        jwk
    };
    let rsa = |n: Vec<u8>, e: &str| json!({"kty": "RSA", "kid": "r", "n": base64url(n), "e": e});
    let jwks: JwkSet = serde_json::from_value(json!({"keys": [
        good,
        with("use", json!("enc")),
        with("use", json!("jwt-svid")),
        with("key_ops", json!(["encrypt"])),
        with("kty", json!("PQ")),
        with("crv", json!("P-521")),
        with("crv", json!("P-384")),
        with("x", json!("AAAA")),
        // On no curve.
        with("x", json!(base64url([1; 32]))),
        with("alg", json!("ECDH-ES")),
        "not a key",
        {"kid": "no type"},
        rsa(vec![0xff; 128], "AQAB"),
        rsa([vec![0x7f], vec![0xff; 255]].concat(), "AQAB"),
        rsa(vec![0xff; 256], "AQ"),
        rsa(vec![0xff; 256], "Ag"),
        rsa(vec![0xff; 256], ""),
        {"kty": "OKP", "crv": "Ed448", "x": base64url([1; 57])},
        {"kty": "OKP", "crv": "X25519", "x": base64url([1; 32])},
    ]}))
    .unwrap();
    assert_eq!(KeySet::from_jwks(&jwks).len(), 1);
}

#[test]
fn each_check_has_its_own_reason() {
    let audiences = ["a".to_owned(), "b".to_owned()];
    let base = Checks {
        leeway: 5,
        issuer: Some("https://i"),
        audience: Audience::AnyOf(&audiences),
        require_subject: true,
        require_jti: true,
        max_age: Some(100),
        max_lifetime: Some(500),
        ..Checks::new(1000)
    };
    let claims = json!({"iss": "https://i", "sub": "s", "aud": "a", "exp": 1010, "iat": 990, "nbf": 990, "jti": "j"});
    assert_eq!(base.check(&verified(claims.clone())), Ok(()));

    let changed = |name: &str, value: Value| {
        let mut claims = claims.clone();
        match value {
            Value::Null => {
                claims.as_object_mut().unwrap().remove(name);
            }
            value => claims[name] = value,
        }
        base.check(&verified(claims))
    };
    assert_eq!(changed("iss", Value::Null), Err(ClaimError::MissingIssuer));
    assert_eq!(
        changed("iss", json!("https://i/")),
        Err(ClaimError::WrongIssuer)
    );
    assert_eq!(changed("sub", Value::Null), Err(ClaimError::MissingSubject));
    assert_eq!(changed("sub", json!("")), Err(ClaimError::MissingSubject));
    assert_eq!(
        changed("aud", Value::Null),
        Err(ClaimError::MissingAudience)
    );
    assert_eq!(changed("aud", json!([])), Err(ClaimError::MissingAudience));
    assert_eq!(changed("aud", json!("A")), Err(ClaimError::WrongAudience));
    assert_eq!(changed("aud", json!(["x", "b"])), Ok(()));
    assert_eq!(changed("exp", Value::Null), Err(ClaimError::MissingExpiry));
    assert_eq!(changed("exp", json!(995)), Err(ClaimError::Expired));
    assert_eq!(changed("exp", json!(996)), Ok(()));
    assert_eq!(changed("nbf", json!(1006)), Err(ClaimError::NotYetValid));
    assert_eq!(changed("nbf", json!(1005)), Ok(()));
    assert_eq!(changed("nbf", Value::Null), Ok(()));
    assert_eq!(changed("iat", json!(1006)), Err(ClaimError::IssuedInFuture));
    assert_eq!(changed("iat", json!(894)), Err(ClaimError::TooOld));
    assert_eq!(changed("iat", Value::Null), Ok(()));
    assert_eq!(
        changed("exp", json!(1491)),
        Err(ClaimError::LifetimeTooLong)
    );
    assert_eq!(changed("jti", Value::Null), Err(ClaimError::MissingJti));

    let without_iat =
        verified(json!({"iss": "https://i", "sub": "s", "aud": "a", "exp": 1106, "jti": "j"}));
    assert_eq!(base.check(&without_iat), Err(ClaimError::AgeUnknown));

    let sole = Checks {
        audience: Audience::Sole(&audiences),
        ..Checks::new(0)
    };
    for (aud, result) in [
        (json!("a"), Ok(())),
        (json!(["b"]), Ok(())),
        (json!(["a", "b"]), Err(ClaimError::MultipleAudiences)),
        (json!(["a", "a"]), Err(ClaimError::MultipleAudiences)),
        (json!(["x", "y"]), Err(ClaimError::WrongAudience)),
        (json!("x"), Err(ClaimError::WrongAudience)),
    ] {
        assert_eq!(
            sole.check_audience(&verified(json!({"aud": aud}))),
            result,
            "{aud}"
        );
    }
}

#[test]
fn nothing_prints_a_key_or_a_token() {
    let secret =
        SigningKey::hmac(Algorithm::Hs256, "h", b"canary-canary-canary-canary-canary").unwrap();
    let token = secret
        .sign("JWT", &json!({"sub": "s", "private": "canary"}))
        .unwrap();
    let jwt = UnverifiedJwt::parse(&token).unwrap();
    let key = secret.verifying_key().unwrap();
    let verified = verify(&jwt, &key).unwrap();
    let printed = format!(
        "{secret:?}{jwt:?}{key:?}{verified:?}{:?}",
        key_error(&token)
    );
    assert!(!printed.contains("canary"));
    assert!(!printed.contains(token.rsplit('.').next().unwrap()));
    let der = key_of_pkcs8();
    assert!(!format!("{:?}", der.0).contains(&base64url(&der.1)));
}

fn key_error(token: &str) -> JoseError {
    UnverifiedJwt::parse(&format!("{token}.{token}")).unwrap_err()
}

fn key_of_pkcs8() -> (SigningKey, Vec<u8>) {
    let key = key(Algorithm::Es384).clone();
    let der = key.to_pkcs8().unwrap().to_vec();
    (key, der)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parsing_never_panics(token in "[ -~]{0,300}") {
        let _ = UnverifiedJwt::parse(&token);
    }

    #[test]
    fn parsing_of_json_like_segments_never_panics(header in "\\PC{0,60}", claims in "\\PC{0,60}", signature in proptest::collection::vec(any::<u8>(), 0..80)) {
        let token = format!("{}.{}.{}", base64url(header), base64url(claims), base64url(signature));
        let _ = UnverifiedJwt::parse(&token);
    }

    #[test]
    fn any_changed_byte_breaks_the_token(position in 0_usize..200, replacement in "[A-Za-z0-9_.=-]") {
        let signer = key(Algorithm::Es256);
        let token = signer.sign("JWT", &json!({"sub": "subject", "exp": 1_300_819_380})).unwrap();
        let position = position % token.len();
        let mut changed = token.clone();
        changed.replace_range(position..=position, &replacement);
        prop_assume!(changed != token);
        let keys = KeySet::from_signing_keys([signer]).unwrap();
        prop_assert!(check(&changed, &keys).is_err());
    }

    #[test]
    fn claims_come_back_as_they_were(sub in "\\PC{0,40}", exp in -1_000_000_i64..10_000_000_000, list in proptest::collection::vec("\\PC{0,10}", 0..5)) {
        let verified = verified(json!({"sub": sub, "exp": exp, "aud": list}));
        prop_assert_eq!(verified.sub(), Some(sub.as_str()));
        prop_assert_eq!(verified.exp(), Some(exp));
        prop_assert_eq!(verified.aud(), list.iter().map(String::as_str).collect::<Vec<_>>());
    }
}
