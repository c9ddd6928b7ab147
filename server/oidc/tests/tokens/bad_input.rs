//! Bad input at the endpoints that clients call: the error of the RFC, nothing repeated, nothing done.

use realmkeep_jose::{Algorithm, Jwk, SigningKey, base64url};
use serde_json::{Value, json};

use crate::support::{Answer, Server};
use crate::{CONF, form, next, password, refresh, server};

/// Endpoints that take a form of a client, with a request that they would look into.
const PLACES: [(&str, &[(&str, &str)]); 6] = [
    ("token", &[("grant_type", "client_credentials")]),
    ("token/introspect", &[("token", "x")]),
    ("revoke", &[("token", "x")]),
    ("auth/device", &[("scope", "openid")]),
    ("ext/par/request", &[("response_type", "code")]),
    (
        "ext/ciba/auth",
        &[("login_hint", "alice"), ("scope", "openid")],
    ),
];
/// Stands in what is sent, and must not come back.
const MARK: &str = "m4rk3r";

async fn send(server: &Server, endpoint: &str, body: String) -> (Answer, String) {
    let request = server
        .http
        .post(server.url(endpoint))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body);
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    let answer = Answer {
        status,
        headers,
        body,
    };
    (answer, text)
}

fn encoded(parts: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parts)
        .finish()
}

/// An error of the client's, in the RFC's form, that repeats neither the secret nor what was sent.
#[track_caller]
fn is_refusal(what: &str, (answer, text): &(Answer, String)) {
    assert!(answer.status.is_client_error(), "{what}: {answer:?}");
    assert!(answer.body["error"].is_string(), "{what}: {text}");
    assert_eq!(answer.headers["cache-control"], "no-store", "{what}");
    for secret in [MARK, "s3cret", "panicked", "src/"] {
        assert!(!text.contains(secret), "{what}: {text}");
    }
}

/// A parameter that comes twice, whichever it is, even with the same value or none (RFC 6749 section
/// 3.2), ends the request.
#[tokio::test]
async fn parameters_come_once() {
    let server = server().await;
    for (endpoint, own) in PLACES {
        let good = encoded(&form(&[own, &CONF]));
        let names = own.iter().chain(&CONF).map(|(name, _)| *name);
        for name in names.chain(["scope", "resource", "unknown"]) {
            for (one, two) in [(MARK, "other"), (MARK, MARK), ("", "")] {
                let body = match good.contains(&format!("{name}=")) {
                    true => format!("{good}&{name}={two}"),
                    false => format!("{good}&{name}={one}&{name}={two}"),
                };
                let what = format!("{endpoint} {name}");
                let answer = send(&server, endpoint, body).await;
                is_refusal(&what, &answer);
                assert_eq!(answer.0.status, 400, "{what}");
                assert_eq!(answer.0.body["error"], "invalid_request", "{what}");
            }
        }
    }
}

/// Bytes that are no text, control characters, and ten times of what a value may be long.
#[tokio::test]
async fn odd_and_oversized_values_are_refused() {
    let server = server().await;
    let long = "x".repeat(200_000);
    for (endpoint, own) in PLACES {
        let good = encoded(&form(&[own, &CONF]));
        for bytes in ["%00", "%ff%fe", "%c0%ae", "%ed%a0%80", long.as_str()] {
            let what = format!("{endpoint} {bytes:.9}");
            let body = format!("{good}&x={MARK}{bytes}");
            let answer = send(&server, endpoint, body).await;
            is_refusal(&what, &answer);
            assert_eq!(answer.0.body["error"], "invalid_request", "{what}");
        }
        // As the value of what the endpoint reads.
        for (name, _) in own.iter().chain(&CONF) {
            for value in [
                "%0d%0aSet-Cookie:x",
                "%3Cscript%3E",
                "{{7*7}}",
                "..%2f..%2f",
                "%F0%9F%92%A9",
            ] {
                let rest: Vec<&str> = good
                    .split('&')
                    .filter(|p| !p.starts_with(&format!("{name}=")))
                    .collect();
                let body = format!("{}&{name}={MARK}{value}", rest.join("&"));
                let (answer, text) = send(&server, endpoint, body).await;
                let what = format!("{endpoint} {name} {value}");
                assert!(!answer.status.is_server_error(), "{what}: {text}");
                assert!(answer.headers.get("set-cookie").is_none(), "{what}");
                // A scope is named in its refusal; nothing else is.
                assert!(*name == "scope" || !text.contains(MARK), "{what}: {text}");
            }
        }
        let many: String = (0..1_000).map(|i| format!("&p{i}=1")).collect();
        is_refusal(
            endpoint,
            &send(&server, endpoint, format!("{good}{many}")).await,
        );
    }
}

/// Texts that are no tokens, and tokens that somebody else made, or made to look like others.
async fn forgeries(server: &Server) -> Vec<(String, String)> {
    let login = password(server, "openid").await;
    let good = login.text("access_token").to_owned();
    let parts: Vec<&str> = good.split('.').collect();
    let certs = server.http.get(server.url("certs")).send().await.unwrap();
    let keys: Vec<Jwk> =
        serde_json::from_value(Answer::read(certs).await.body["keys"].take()).unwrap();
    let rsa = keys
        .iter()
        .find(|k| k.alg.as_deref() == Some("RS256"))
        .unwrap();
    let rsa = serde_json::to_value(rsa).unwrap();
    let kid = rsa["kid"].as_str().unwrap();
    let part = |value: &Value| base64url(serde_json::to_vec(value).unwrap());
    let with = |header: Value| format!("{}.{}.{}", part(&header), parts[1], parts[2]);
    let mut all: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, token: String| all.push((name.to_owned(), token));
    for text in [
        "a",
        "..",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "a.b.c.d.e",
        "....",
        "ey.ey.ey",
        "e30.e30.",
        "null",
        "é.é.é",
    ] {
        add(text, text.to_owned());
    }
    add("long", "e".repeat(100_000));
    let nested = base64url(format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000)));
    add(
        "nested header",
        format!("{nested}.{}.{}", parts[1], parts[2]),
    );
    add(
        "nested claims",
        format!("{}.{nested}.{}", parts[0], parts[2]),
    );
    add("no signature", format!("{}.{}.", parts[0], parts[1]));
    add("cut", good[..good.len() - 4].to_owned());
    add("longer", format!("{good}AA"));
    add("padded", format!("{good}=="));
    add("blank", format!(" {good}"));
    add(
        "other claims",
        format!("{}.{}.{}", parts[0], base64url("{}"), parts[2]),
    );
    for alg in [
        "none", "None", "nOnE", "", "RS384", "PS256", "ES256", "EdDSA", "HS256", "RSA1_5", "dir",
    ] {
        add(
            &format!("alg {alg}"),
            with(json!({"alg": alg, "typ": "JWT", "kid": kid})),
        );
        let header = part(&json!({"alg": alg, "typ": "JWT", "kid": kid}));
        add(
            &format!("unsigned {alg}"),
            format!("{header}.{}.", parts[1]),
        );
    }
    for alg in [json!(null), json!(7), json!(["RS256"]), json!({})] {
        add(&format!("alg {alg}"), with(json!({"alg": alg, "kid": kid})));
    }
    let critical = json!({"alg": "RS256", "kid": kid, "crit": ["b64"], "b64": false});
    add("critical header", with(critical));
    for (name, value) in [
        ("kid", json!("../../etc/passwd")),
        ("kid", json!(["x"])),
        ("jku", json!("http://127.0.0.1:9/keys")),
        ("x5u", json!("http://127.0.0.1:9/cert")),
    ] {
        let mut header = json!({"alg": "RS256", "kid": "nobody"});
        header[name] = value;
        add(name, with(header));
    }
    // Signed, but with what everybody knows, or brings along.
    let claims: Value = crate::support::claims(&good);
    let sign = |key: &SigningKey, header: &Value| {
        let input = format!("{}.{}", part(header), part(&claims));
        let signature = key.signature(input.as_bytes()).unwrap();
        format!("{input}.{}", base64url(signature))
    };
    let modulus = rsa["n"].as_str().unwrap();
    for (name, secret) in [
        ("modulus", realmkeep_jose::from_base64url(modulus).unwrap()),
        ("modulus as text", modulus.as_bytes().to_vec()),
        ("key as JSON", serde_json::to_vec(&rsa).unwrap()),
        ("kid", kid.repeat(2).into_bytes()),
    ] {
        let key = SigningKey::hmac(Algorithm::Hs256, "", &secret[..secret.len().min(128)]);
        let header = json!({"alg": "HS256", "typ": "JWT", "kid": kid});
        add(name, sign(&key.unwrap(), &header));
    }
    let own = SigningKey::generate(Algorithm::Es256).unwrap();
    let jwk = serde_json::to_value(own.public_jwk().unwrap()).unwrap();
    let header = json!({"alg": "ES256", "typ": "JWT", "jwk": jwk});
    add("a key of its own", sign(&own, &header));
    let header = json!({"alg": "ES256", "typ": "JWT", "kid": kid});
    add("another's kid", sign(&own, &header));
    all
}

/// None of them is a token anywhere, and what they were made from still is.
///
/// The answers: RFC 7662 section 2.2 (not active), RFC 7009 section 2.2 (nothing to revoke), RFC 6750
/// section 3.1 (`invalid_token`), RFC 6749 section 5.2 (`invalid_grant`, `invalid_client`).
#[tokio::test]
async fn forgeries_are_no_tokens() {
    const BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
    const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
    let server = server().await;
    let before = password(&server, "openid").await;
    for (what, token) in forgeries(&server).await {
        let token = token.as_str();
        let post = async |endpoint: &str, own: &[(&str, &str)]| {
            send(&server, endpoint, encoded(&form(&[own, &CONF])))
                .await
                .0
        };
        let told = post("token/introspect", &[("token", token)]).await;
        assert_eq!(
            (told.status.as_u16(), &told.body),
            (200, &json!({"active": false})),
            "{what}"
        );
        let hinted = [("token", token), ("token_type_hint", "refresh_token")];
        let told = post("token/introspect", &hinted).await;
        assert_eq!(
            (told.status.as_u16(), &told.body),
            (200, &json!({"active": false})),
            "{what}"
        );
        let revoked = post("revoke", &[("token", token)]).await;
        assert_eq!(revoked.status, 200, "{what}");
        let userinfo = send(&server, "userinfo", encoded(&[("access_token", token)]))
            .await
            .0;
        assert_eq!(userinfo.status, 401, "{what}: {userinfo:?}");
        let challenge = userinfo.headers["www-authenticate"].to_str().unwrap();
        assert!(
            challenge.contains("error=\"invalid_token\""),
            "{what}: {challenge}"
        );
        let refreshed = refresh(&server, token).await;
        assert_eq!(refreshed.status, 400, "{what}");
        assert_eq!(refreshed.body["error"], "invalid_grant", "{what}");
        let exchange = [
            ("grant_type", EXCHANGE),
            ("subject_token", token),
            ("subject_token_type", ACCESS),
        ];
        let exchanged = post("token", &exchange).await;
        assert_eq!(exchanged.status, 400, "{what}: {exchanged:?}");
        assert!(exchanged.body["access_token"].is_null());
        let assertion = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", BEARER),
            ("client_assertion", token),
        ];
        let authenticated = send(&server, "token", encoded(&assertion)).await;
        is_refusal(&what, &authenticated);
        let answer = authenticated.0;
        let error = answer.body["error"].as_str().unwrap();
        assert!(
            matches!(error, "invalid_client" | "unauthorized_client"),
            "{what}: {answer:?}"
        );
        let ended = post("logout", &[("refresh_token", token)]).await;
        assert_eq!(ended.status, 400, "{what}: {ended:?}");
        // No address can be as long as the longest of them.
        let hint: String = token.chars().take(20_000).collect();
        let request = server.http.get(server.url("logout"));
        let page = request
            .query(&[("id_token_hint", hint)])
            .send()
            .await
            .unwrap();
        assert!(!page.status().is_server_error(), "{what}");
    }
    let token = before.text("access_token");
    assert_eq!(server.get_with("userinfo", token).await.status, 200);
    next(&refresh(&server, &next(&before)).await);
}

/// Times and owners of an assertion that are none: `invalid_client`, and no failure.
#[tokio::test]
async fn claims_of_assertions_are_what_they_have_to_be() {
    const SECRET: &str = "a-secret-of-more-than-thirty-two-bytes";
    let server = server().await;
    server
        .add_client(json!({
            "clientId": "signer", "clientAuthenticatorType": "client-secret-jwt", "secret": SECRET,
            "serviceAccountsEnabled": true,
        }))
        .await;
    let key = SigningKey::hmac(Algorithm::Hs256, "", SECRET.as_bytes()).unwrap();
    let present = async |claims: &Value| {
        let assertion = key.sign("JWT", claims).unwrap();
        let own = [
            ("grant_type", "client_credentials"),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", assertion.as_str()),
        ];
        send(&server, "token", encoded(&own)).await
    };
    let now = server.services.clock.now();
    let good = || {
        json!({
            "iss": "signer", "sub": "signer", "aud": server.issuer(), "iat": now, "exp": now + 60,
            "jti": uuid::Uuid::new_v4().to_string(),
        })
    };
    present(&good()).await.0.granted();
    for (name, value) in [
        ("iat", json!(now + 3_600)),
        ("iat", json!("now")),
        ("iat", json!(-1)),
        ("iat", json!(1e300)),
        ("nbf", json!(now + 3_600)),
        ("nbf", json!("soon")),
        ("exp", json!(now - 60)),
        ("exp", json!("never")),
        ("exp", json!(null)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(1e300)),
        ("exp", json!([now + 60])),
        ("aud", json!(null)),
        ("aud", json!([])),
        ("aud", json!({})),
        ("aud", json!(format!("{}/", server.issuer()))),
        ("aud", json!("http://other.test/realms/test")),
        ("iss", json!("conf")),
        ("iss", json!(["signer"])),
        ("iss", json!(null)),
        ("sub", json!("conf")),
        ("sub", json!({"id": "signer"})),
        ("jti", json!(null)),
        ("jti", json!(7)),
        ("jti", json!("x".repeat(50_000))),
    ] {
        let mut claims = good();
        claims[name] = value.clone();
        let answer = present(&claims).await;
        let what = format!("{name} {value:.30}");
        is_refusal(&what, &answer);
        let error = answer.0.body["error"].as_str().unwrap();
        assert!(
            matches!(
                error,
                "invalid_client" | "unauthorized_client" | "invalid_request"
            ),
            "{what}: {error}"
        );
    }
}
