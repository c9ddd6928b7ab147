//! What comes in: who is let through, and what the application sees.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use crate::support::{
    AUDIENCE, Issuer, Sidecar, echo, get, get_with, now, raw, read_answer, until,
};
use realmkeep_jose::{Algorithm, SigningKey, base64url, from_base64url};
use serde_json::json;

struct Scene {
    issuer: Issuer,
    sidecar: Sidecar,
    inbound: SocketAddr,
}

fn scene() -> Scene {
    scene_with("", "")
}

fn scene_with(inbound: &str, issuer_fields: &str) -> Scene {
    let issuer = Issuer::start();
    let sidecar = start(&issuer, inbound, issuer_fields);
    let inbound = sidecar.address("inbound");
    Scene {
        issuer,
        sidecar,
        inbound,
    }
}

fn start(issuer: &Issuer, inbound: &str, issuer_fields: &str) -> Sidecar {
    Sidecar::start(&format!(
        "
admin: {{listen: 127.0.0.1:0}}
drainSeconds: 5
inbound:
  listen: 127.0.0.1:0
  upstream: http://{}
  issuers:
    - issuer: {}
      allowHttp: true
      audiences: [{AUDIENCE}]
{issuer_fields}
{inbound}
",
        echo(),
        issuer.url
    ))
}

#[test]
fn a_good_token_reaches_the_application_with_who_it_is() {
    let scene = scene();
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let token = scene
            .issuer
            .key(algorithm)
            .sign("JWT", &scene.issuer.claims(json!({})))
            .unwrap();
        let authorization = format!("bEaReR {token}");
        let answer = get(
            scene.inbound,
            "/a/b%20c?q=1",
            &[("authorization", &authorization)],
        );
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.seen("x-auth-subject"), ["service-account-7"]);
        assert_eq!(answer.seen("x-auth-client"), ["caller"]);
        assert_eq!(answer.seen("x-auth-issuer"), [scene.issuer.url.as_str()]);
        assert_eq!(answer.seen("authorization"), [authorization]);
        assert_eq!(answer.seen("host"), ["localhost"]);
        assert_eq!(answer.json()["target"], "/a/b%20c?q=1");
        assert_eq!(answer.header("x-app"), Some("yes"));
        assert!(
            answer.header("keep-alive").is_none() && answer.header("proxy-authenticate").is_none()
        );
    }
    // RFC 9068.
    let claims = scene
        .issuer
        .claims(json!({"typ": null, "azp": null, "client_id": "other"}));
    for typ in ["at+jwt", "application/at+jwt", "AT+JWT"] {
        let token = scene
            .issuer
            .key(Algorithm::Es256)
            .sign(typ, &claims)
            .unwrap();
        let answer = get_with(scene.inbound, &token);
        assert_eq!(
            (answer.status, answer.seen("x-auth-client")),
            (200, vec!["other".to_owned()])
        );
    }
    // One fetch of the keys did for all.
    assert_eq!(scene.issuer.key_fetches(), 1);
}

#[test]
fn tokens_that_are_not_access_tokens_for_us_are_refused() {
    let scene = scene();
    let issuer = &scene.issuer;
    let es256 = issuer.key(Algorithm::Es256);
    let rs256 = issuer.key(Algorithm::Rs256);
    let good = issuer.token(json!({}));
    let forged = |header: serde_json::Value, key: &SigningKey| {
        let input = format!(
            "{}.{}",
            base64url(header.to_string()),
            base64url(issuer.claims(json!({})).to_string())
        );
        let signature = base64url(key.signature(input.as_bytes()).unwrap());
        format!("{input}.{signature}")
    };
    let modulus = from_base64url(rs256.public_jwk().unwrap().n.unwrap()).unwrap();
    let public_as_secret = SigningKey::hmac(Algorithm::Hs256, rs256.kid(), &modulus).unwrap();
    let stranger = SigningKey::from_pkcs8(
        Algorithm::Es256,
        es256.kid(),
        &SigningKey::generate(Algorithm::Es256)
            .unwrap()
            .to_pkcs8()
            .unwrap(),
    )
    .unwrap();
    let signed = |typ: &str, changes| es256.sign(typ, &issuer.claims(changes)).unwrap();

    for (what, token) in [
        ("expired", issuer.token(json!({"exp": now() - 31}))),
        ("no exp", issuer.token(json!({"exp": null}))),
        ("exp as text", issuer.token(json!({"exp": "9999999999"}))),
        ("not yet", issuer.token(json!({"nbf": now() + 60}))),
        (
            "issued in the future",
            issuer.token(json!({"iat": now() + 60})),
        ),
        ("other audience", issuer.token(json!({"aud": "account"}))),
        ("audience prefix", issuer.token(json!({"aud": "orders2"}))),
        ("no audience", issuer.token(json!({"aud": null}))),
        (
            "other issuer",
            issuer.token(json!({"iss": "http://evil.example"})),
        ),
        (
            "issuer with slash",
            issuer.token(json!({"iss": format!("{}/", issuer.url)})),
        ),
        ("no issuer", issuer.token(json!({"iss": null}))),
        ("no subject", issuer.token(json!({"sub": null}))),
        (
            "subject with a line end",
            issuer.token(json!({"sub": "a\r\nX-Admin: 1"})),
        ),
        (
            "subject with spaces around",
            issuer.token(json!({"sub": " root "})),
        ),
        (
            "subject beyond ASCII",
            issuer.token(json!({"sub": "ro\u{f6}t"})),
        ),
        ("ID token", issuer.token(json!({"typ": "ID"}))),
        ("refresh token", issuer.token(json!({"typ": "Refresh"}))),
        (
            "logout token",
            signed("logout+jwt", json!({"typ": "Logout"})),
        ),
        (
            "logout token by its claims",
            issuer.token(json!({"events": {}})),
        ),
        ("ID token of others", issuer.token(json!({"typ": null}))),
        ("ID token with nonce", issuer.token(json!({"nonce": "n"}))),
        ("assertion", signed("client-authentication+jwt", json!({}))),
        ("DPoP proof", signed("dpop+jwt", json!({}))),
        (
            "at+jwt that says ID",
            signed("at+jwt", json!({"typ": "ID"})),
        ),
        ("DPoP-bound", issuer.token(json!({"cnf": {"jkt": "x"}}))),
        (
            "certificate-bound",
            issuer.token(json!({"cnf": {"x5t#S256": "x"}})),
        ),
        (
            "none",
            format!(
                "{}.{}.",
                base64url(r#"{"alg":"none"}"#),
                good.split('.').nth(1).unwrap()
            ),
        ),
        (
            "none with a signature",
            forged(json!({"alg": "none", "kid": es256.kid()}), es256),
        ),
        (
            "HS256 with the public key",
            forged(
                json!({"alg": "HS256", "kid": rs256.kid()}),
                &public_as_secret,
            ),
        ),
        (
            "other alg of the same key",
            forged(json!({"alg": "PS256", "kid": rs256.kid()}), rs256),
        ),
        (
            "another's kid",
            forged(json!({"alg": "ES256", "kid": rs256.kid()}), es256),
        ),
        (
            "crit",
            forged(
                json!({"alg": "ES256", "kid": es256.kid(), "crit": ["x"], "x": 1}),
                es256,
            ),
        ),
        (
            "own key in the header",
            forged(
                json!({"alg": "ES256", "kid": "mine", "jwk": stranger.public_jwk()}),
                &stranger,
            ),
        ),
        (
            "a stranger's key under our kid",
            stranger.sign("JWT", &issuer.claims(json!({}))).unwrap(),
        ),
        ("cut short", good[..good.len() - 4].to_owned()),
        ("two segments", good.rsplit_once('.').unwrap().0.to_owned()),
        ("no token at all", "hello".to_owned()),
        ("too long", "a".repeat(17_000)),
    ] {
        let answer = get_with(scene.inbound, &token);
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(
            challenge.starts_with("Bearer error=\"invalid_token\", error_description=\""),
            "{what}: {challenge}"
        );
        assert_eq!(answer.json()["error"], "invalid_token");
    }
    assert_eq!(get_with(scene.inbound, &good).status, 200);
}

#[test]
fn a_request_without_a_token_is_asked_for_one() {
    let scene = scene();
    for headers in [&[][..], &[("Authorization", "Basic YTpi")]] {
        let answer = get(scene.inbound, "/?access_token=x", headers);
        assert_eq!(
            (answer.status, answer.header("www-authenticate")),
            (401, Some("Bearer")),
            "{headers:?}"
        );
    }
    for value in [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer a,b",
        "Bearer \u{e9}",
    ] {
        let answer = get(scene.inbound, "/", &[("Authorization", value)]);
        assert_eq!(answer.status, 400, "{value}");
        assert!(
            answer
                .header("www-authenticate")
                .unwrap()
                .contains("invalid_request")
        );
    }
}

#[test]
fn requests_with_two_meanings_are_refused() {
    let scene = scene();
    let token = scene.issuer.token(json!({}));
    let other = scene.issuer.token(json!({"sub": "other"}));
    for request in [
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nAuthorization: Bearer {other}\r\n\r\n"
        ),
        format!("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nAuthorization: Bearer {token}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nAuthorization: Bearer {token}\r\n\r\n"),
        format!("GET http://b/ HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n"),
        format!(
            "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
        ),
        format!(
            "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: gzip\r\n\r\n"
        ),
        format!(
            "POST / HTTP/1.0\r\nHost: a\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization : Bearer {token}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n folded: 1\r\n\r\n"),
        format!("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nAuthorization: Bearer {token}\r\n\r\n"),
        format!("OPTIONS * HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n"),
    ] {
        assert_eq!(
            raw(scene.inbound, request.as_bytes()).status,
            400,
            "{request}"
        );
    }
    let many = "X-A: b\r\n".repeat(101);
    let request =
        format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n{many}\r\n");
    assert_eq!(raw(scene.inbound, request.as_bytes()).status, 431);
    let big = "b".repeat(66 * 1024);
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\nX-A: {big}\r\n\r\n");
    assert_eq!(raw(scene.inbound, request.as_bytes()).status, 431);
}

#[test]
fn both_framings_at_once_smuggle_nothing() {
    let scene = scene();
    let token = scene.issuer.token(json!({}));
    for framing in [
        "Content-Length: 44\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 44",
    ] {
        let request = format!(
            "POST /first HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n{framing}\r\n\r\n\
             5\r\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        );
        let mut stream = TcpStream::connect(scene.inbound).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut stream = BufReader::new(stream);
        let answer = read_answer(&mut stream);
        // The application gets one framing, and the connection ends with the answer.
        assert_eq!(
            (answer.status, answer.header("connection")),
            (200, Some("close"))
        );
        assert_eq!(
            (
                answer.json()["body"].as_str(),
                answer.seen("content-length").len()
            ),
            (Some("hello"), 0)
        );
        let mut rest = String::new();
        let _ = std::io::Read::read_to_string(&mut stream, &mut rest);
        assert_eq!(rest, "");
    }
}

#[test]
fn claimed_identities_never_reach_the_application() {
    let scene = scene_with("  publicPaths: [/public]\n  stripHeaders: [X-Tenant]", "");
    let token = scene.issuer.token(json!({"azp": null}));
    let names = [
        "X-Auth-Subject",
        "x-auth-subject",
        "X_Auth_Subject",
        "x_auth_subject",
        "X-Auth_Subject",
        "X.Auth.Subject",
        "x.auth-subject",
        "X-AUTH-SUBJECT",
        "X~Auth~Subject",
        "X!Auth!Subject",
        "X^Auth^Subject",
        "X|Auth|Subject",
        "X`Auth`Subject",
        "X*Auth*Subject",
        "X+Auth+Subject",
        "X$Auth$Subject",
        "X'Auth'Subject",
        "X&Auth&Subject",
        "X#Auth#Subject",
        "X%Auth%Subject",
        "X-Auth-Client",
        "x_auth_client",
        "X.Auth.Client",
        "X-Auth-Issuer",
        "x_auth.issuer",
        "X-Tenant",
        "x_tenant",
        "X-Forwarded-User",
        "x_forwarded_user",
        "X-Remote-User",
        "REMOTE_USER",
        "Remote-User",
        "X-Auth-Request-Email",
        "X-Forwarded-Client-Cert",
        "X_Forwarded_Access_Token",
        "Client.Cert",
    ];
    for path in ["/", "/public"] {
        let mut request =
            format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n");
        for name in names {
            request.push_str(&format!("{name}: root\r\n{name}: root\r\n"));
        }
        request.push_str("X-Harmless: root\r\n\r\n");
        let answer = raw(scene.inbound, request.as_bytes());
        assert_eq!(answer.status, 200, "{answer:?}");
        let seen = answer.json();
        let of_root: Vec<_> = seen["headers"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|header| header[1] == "root")
            .collect();
        assert_eq!(of_root, [&json!(["x-harmless", "root"])], "{path}");
        let expected = if path == "/" {
            vec!["service-account-7".to_owned()]
        } else {
            vec![]
        };
        assert_eq!(answer.seen("x-auth-subject"), expected);
        assert!(answer.seen("x-auth-client").is_empty());
    }
}

#[test]
fn the_connection_header_cannot_take_away_what_was_proven() {
    let scene = scene();
    let token = scene.issuer.token(json!({}));
    let request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nX-Secret-Hop: 1\r\nTE: trailers\r\n\
         Proxy-Authorization: Basic eA==\r\nUpgrade: h2c\r\nKeep-Alive: 5\r\n\
         Connection: close, x-auth-subject, X-Auth-Issuer, x-secret-hop, host, te, upgrade\r\n\r\n"
    );
    let answer = raw(scene.inbound, request.as_bytes());
    assert_eq!(answer.seen("x-auth-subject"), ["service-account-7"]);
    assert_eq!(answer.seen("x-auth-issuer").len(), 1);
    assert_eq!(answer.seen("host"), ["a"]);
    for gone in [
        "x-secret-hop",
        "te",
        "proxy-authorization",
        "upgrade",
        "keep-alive",
        "connection",
    ] {
        assert!(answer.seen(gone).is_empty(), "{gone}: {answer:?}");
    }
}

#[test]
fn trailers_do_not_carry_headers_past_the_checks() {
    let scene = scene();
    let token = scene.issuer.token(json!({}));
    let request = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\
         Trailer: X-Auth-Subject\r\n\r\n3\r\nabc\r\n0\r\nX-Auth-Subject: root\r\n\r\n"
    );
    let answer = raw(scene.inbound, request.as_bytes());
    assert_eq!(
        (answer.status, answer.json()["body"].as_str()),
        (200, Some("abc"))
    );
    assert!(!answer.body.contains("root"));
}

#[test]
fn public_paths_are_exact() {
    let scene = scene_with(
        "  publicPaths: [/public]\n  forwardAuthorization: false",
        "",
    );
    assert_eq!(get(scene.inbound, "/public", &[]).status, 200);
    assert_eq!(get(scene.inbound, "/public?a=b", &[]).status, 200);
    assert!(
        get(scene.inbound, "/public", &[("Authorization", "Bearer x")])
            .seen("authorization")
            .is_empty()
    );
    for path in [
        "/public/",
        "/public/x",
        "/publi",
        "/PUBLIC",
        "/%70ublic",
        "/?/public",
    ] {
        assert_eq!(get(scene.inbound, path, &[]).status, 401, "{path}");
    }
    for path in [
        "//public",
        "/./public",
        "/x/../public",
        "/public/..",
        "/public/../admin",
        "/public%2f..%2fadmin",
        "/public;x",
        "/public%00",
        "/public%3f",
        "/public\\..\\admin",
    ] {
        assert_eq!(get(scene.inbound, path, &[]).status, 400, "{path}");
    }
    for header in [
        "X-Forwarded-Uri",
        "X-Original-Url",
        "X-Rewrite-Url",
        "X-Envoy-Original-Path",
        "User-Agent",
    ] {
        assert_eq!(
            get(scene.inbound, "/admin", &[(header, "/public")]).status,
            401,
            "{header}"
        );
    }
}

#[test]
fn an_issuer_that_is_down_is_503_until_its_keys_are_there() {
    let issuer = Issuer::start();
    issuer.set_down(true);
    let sidecar = start(&issuer, "  requireIssuers: true", "");
    let inbound = sidecar.address("inbound");
    let token = issuer.token(json!({}));
    let answer = get_with(inbound, &token);
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("1"))
    );
    assert!(answer.header("www-authenticate").is_none());
    // Others' tokens are not excused by it.
    assert_eq!(
        get_with(inbound, &issuer.token(json!({"iss": "http://other"}))).status,
        401
    );
    assert_eq!(sidecar.admin("/livez").status, 200);
    assert_eq!(
        (
            sidecar.admin("/readyz").status,
            sidecar.admin("/startupz").status
        ),
        (503, 503)
    );

    issuer.set_down(false);
    until(|| get_with(inbound, &token).status == 200);
    assert_eq!(
        (
            sidecar.admin("/readyz").status,
            sidecar.admin("/startupz").status
        ),
        (200, 200)
    );

    // Once there, they outlive the issuer.
    issuer.set_down(true);
    assert_eq!(
        get_with(inbound, &issuer.token(json!({"sub": "new"}))).status,
        200
    );
}

#[test]
fn unknown_keys_do_not_make_us_ask_the_issuer_each_time() {
    let scene = scene();
    let good = scene.issuer.token(json!({}));
    assert_eq!(get_with(scene.inbound, &good).status, 200);
    let key = SigningKey::generate(Algorithm::EdDsa)
        .unwrap()
        .to_pkcs8()
        .unwrap();
    let mut stream = BufReader::new(TcpStream::connect(scene.inbound).unwrap());
    for n in 0..10_000 {
        let key = SigningKey::from_pkcs8(Algorithm::EdDsa, &format!("kid-{n}"), &key).unwrap();
        let token = key.sign("JWT", &scene.issuer.claims(json!({}))).unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
        stream.get_mut().write_all(request.as_bytes()).unwrap();
        assert_eq!(read_answer(&mut stream).status, 401);
    }
    // One at the start; those within its thirty seconds count for nothing.
    assert!(
        scene.issuer.key_fetches() <= 3,
        "{}",
        scene.issuer.key_fetches()
    );
    assert_eq!(get_with(scene.inbound, &good).status, 200);
}

#[test]
fn a_remembered_token_still_expires() {
    let scene = scene_with("", "      clockSkew: 0");
    let token = scene.issuer.token(json!({"exp": now() + 2}));
    assert_eq!(get_with(scene.inbound, &token).status, 200);
    until(|| get_with(scene.inbound, &token).status == 401);
    let answer = get_with(scene.inbound, &token);
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .contains("expired")
    );
}

#[test]
fn algorithms_and_types_can_be_narrowed_and_keys_come_from_a_file() {
    let issuer = Issuer::start();
    let keys: Vec<_> = issuer
        .keys
        .iter()
        .map(|key| key.public_jwk().unwrap())
        .collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), json!({"keys": keys}).to_string()).unwrap();
    let fields = format!(
        "      jwksFile: {}\n      algorithms: [RS256]\n      typ: [JWT]\n      allowUntyped: true",
        file.path().display()
    );
    let sidecar = start(&issuer, "", &fields);
    let inbound = sidecar.address("inbound");
    issuer.set_down(true);
    let rs256 = issuer.key(Algorithm::Rs256);
    let signed =
        |key: &SigningKey, typ: &str, changes| key.sign(typ, &issuer.claims(changes)).unwrap();
    assert_eq!(
        get_with(inbound, &signed(rs256, "JWT", json!({}))).status,
        200
    );
    assert_eq!(
        get_with(inbound, &signed(rs256, "JWT", json!({"typ": null}))).status,
        200
    );
    assert_eq!(
        get_with(
            inbound,
            &signed(rs256, "JWT", json!({"typ": null, "at_hash": "x"}))
        )
        .status,
        401
    );
    assert_eq!(
        get_with(inbound, &signed(rs256, "at+jwt", json!({}))).status,
        401
    );
    assert_eq!(get_with(inbound, &issuer.token(json!({}))).status, 401);
}

#[test]
fn bodies_stream_both_ways() {
    let scene = scene();
    let body = "x".repeat(300_000);
    let request = format!(
        "POST /up HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        scene.issuer.token(json!({})),
        body.len()
    );
    let mut stream = TcpStream::connect(scene.inbound).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    assert_eq!(read_answer(&mut reader).status, 100);
    stream.write_all(body.as_bytes()).unwrap();
    let answer = read_answer(&mut reader);
    assert_eq!(
        (answer.status, answer.json()["body"].as_str()),
        (200, Some(body.as_str()))
    );
    assert!(answer.seen("expect").is_empty());

    // The connection can be used again.
    let again = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n",
        scene.issuer.token(json!({}))
    );
    stream.write_all(again.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut reader).status, 200);
}

#[test]
fn an_application_that_is_away_is_502() {
    let issuer = Issuer::start();
    let sidecar = Sidecar::start(&format!(
        "
admin: {{listen: 127.0.0.1:0}}
inbound:
  listen: 127.0.0.1:0
  upstream: http://127.0.0.1:1
  issuers: [{{issuer: '{}', allowHttp: true, audiences: [{AUDIENCE}]}}]
",
        issuer.url
    ));
    assert_eq!(
        get_with(sidecar.address("inbound"), &issuer.token(json!({}))).status,
        502
    );
}

#[test]
fn metrics_count_decisions_and_the_log_holds_no_token() {
    let scene = scene();
    let canary = "canary-subject-claim";
    let good = scene.issuer.token(json!({"private": canary}));
    let bad = scene
        .issuer
        .token(json!({"private": canary, "aud": "other"}));
    assert_eq!(get_with(scene.inbound, &good).status, 200);
    assert_eq!(get_with(scene.inbound, &good).status, 200);
    assert_eq!(get_with(scene.inbound, &bad).status, 401);
    let query = format!("/path?access_token={good}");
    assert_eq!(get(scene.inbound, &query, &[]).status, 401);

    let metrics = scene.sidecar.admin("/metrics").body;
    let url = &scene.issuer.url;
    for line in [
        format!(
            "authsc_inbound_requests_total{{issuer=\"{url}\",decision=\"allow\",reason=\"valid\"}} 2"
        ),
        format!(
            "authsc_inbound_requests_total{{issuer=\"{url}\",decision=\"deny\",reason=\"audience\"}} 1"
        ),
        "authsc_inbound_requests_total{issuer=\"\",decision=\"deny\",reason=\"missing_token\"} 1"
            .to_owned(),
        "authsc_verify_cache_hits_total 1".to_owned(),
        format!("authsc_jwks_refresh_total{{issuer=\"{url}\",result=\"success\"}} 1"),
        format!("authsc_jwks_age_seconds{{issuer=\"{url}\"}}"),
        "authsc_inbound_decision_seconds_count 4".to_owned(),
    ] {
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
    until(|| scene.sidecar.log().contains("audience"));
    let log = scene.sidecar.log();
    for token in [&good, &bad] {
        for part in token.split('.') {
            assert!(!log.contains(part) && !metrics.contains(part), "{log}");
        }
    }
    assert!(log.contains("\"path\":\"/path\""), "{log}");
}
