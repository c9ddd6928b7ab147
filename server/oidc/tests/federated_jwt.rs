//! Clients that prove who they are with a token of somebody else: Kubernetes, or another issuer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use realmkeep_jose::{Algorithm, SigningKey, base64url};
use serde_json::{Value, json};
use support::issuer::Issuer;
use support::{Answer, Server, claims};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const SUBJECT: &str = "system:serviceaccount:default:my-sa";
const GENERIC: &str = "Invalid client or Invalid client credentials";

/// A server with a Kubernetes provider `k8s` and a client `workload` bound to [`SUBJECT`].
async fn kubernetes() -> (Server, Issuer) {
    let server = Server::start().await;
    let issuer = Issuer::start().await;
    server
        .add_provider("k8s", "kubernetes", &[("issuer", &issuer.url)])
        .await;
    server
        .add_client(federated("workload", "k8s", SUBJECT))
        .await;
    (server, issuer)
}

fn federated(client_id: &str, alias: &str, subject: &str) -> Value {
    json!({
        "clientId": client_id,
        "clientAuthenticatorType": "federated-jwt",
        "serviceAccountsEnabled": true,
        "standardFlowEnabled": false,
        "attributes": {"jwt.credential.issuer": alias, "jwt.credential.sub": subject},
    })
}

async fn present(server: &Server, assertion: &str) -> Answer {
    present_with(server, assertion, &[]).await
}

async fn present_with(server: &Server, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
    ];
    form.extend(more);
    server.token(&form).await
}

/// A workload with nothing but its projected service account token gets an ordinary access token.
///
/// spec: FCA-01, FCA-04, FCA-05, FCA-07, FCA-08, FCA-09, FCA-10, FCA-11, FCA-25, FCA-27, FCA-28
#[tokio::test]
async fn a_service_account_token_is_all_a_workload_needs() {
    let (server, issuer) = kubernetes().await;
    let now = server.services.clock.now();
    let token = issuer.service_account_token(SUBJECT, &server.issuer(), now);
    let answer = present(&server, &issuer.sign(&token)).await;
    let body = answer.granted();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 300);
    assert_eq!(body["refresh_expires_in"], 0);
    assert_eq!(body["scope"], "profile email");
    assert_eq!(body["not-before-policy"], 0);
    for absent in ["refresh_token", "id_token", "session_state"] {
        assert!(body.get(absent).is_none(), "{absent}");
    }
    let access = claims(answer.text("access_token"));
    assert_eq!(access["iss"], server.issuer().as_str());
    assert_eq!(access["azp"], "workload");
    assert_eq!(access["client_id"], "workload");
    assert_eq!(access["typ"], "Bearer");
    assert_eq!(access["preferred_username"], "service-account-workload");
    assert_eq!(access["aud"], "account");
    assert!(access.get("sid").is_none() && access.get("kubernetes.io").is_none());
}

/// One row: what is different about an otherwise good token, and the answer to it.
struct Row {
    name: &'static str,
    change: fn(&mut Value, &Facts),
    expected: Expected,
}

/// What a row may need.
struct Facts {
    now: i64,
    realm: String,
    base: String,
}

enum Expected {
    Granted,
    /// 401, and outside nobody sees why.
    Unproven,
    /// 400 with this description.
    Claim(&'static str),
}

use Expected::{Claim, Granted, Unproven};

const fn row(name: &'static str, change: fn(&mut Value, &Facts), expected: Expected) -> Row {
    Row {
        name,
        change,
        expected,
    }
}

fn remove(claims: &mut Value, name: &str) {
    claims.as_object_mut().unwrap().remove(name);
}

/// Rows that hold for Kubernetes and OpenID Connect providers alike.
const ROWS: &[Row] = &[
    row("as it is", |_, _| {}, Granted),
    row("aud as a string", |c, f| c["aud"] = json!(f.realm), Granted),
    row("no nbf", |c, _| remove(c, "nbf"), Granted),
    row(
        "no iat, near exp",
        |c, f| {
            remove(c, "iat");
            c["exp"] = json!(f.now + 200);
        },
        Granted,
    ),
    row(
        "no kubernetes.io",
        |c, _| remove(c, "kubernetes.io"),
        Granted,
    ),
    row("no iss", |c, _| remove(c, "iss"), Unproven),
    row(
        "other iss",
        |c, _| c["iss"] = json!("https://other.example"),
        Unproven,
    ),
    row(
        "iss with slash",
        |c, _| {
            let slashed = format!("{}/", c["iss"].as_str().unwrap());
            c["iss"] = json!(slashed);
        },
        Unproven,
    ),
    row("iss a number", |c, _| c["iss"] = json!(7), Unproven),
    row("no sub", |c, _| remove(c, "sub"), Unproven),
    row("empty sub", |c, _| c["sub"] = json!(""), Unproven),
    row(
        "unknown sub",
        |c, _| c["sub"] = json!("system:serviceaccount:default:other"),
        Unproven,
    ),
    row(
        "sub with other case",
        |c, _| c["sub"] = json!("system:serviceaccount:default:My-SA"),
        Unproven,
    ),
    row(
        "sub with wildcards",
        |c, _| c["sub"] = json!("system:serviceaccount:%:my-sa"),
        Unproven,
    ),
    row(
        "sub with one wildcard",
        |c, _| c["sub"] = json!("system_serviceaccount:default:my-sa"),
        Unproven,
    ),
    row(
        "no aud",
        |c, _| remove(c, "aud"),
        Claim("Invalid token audience"),
    ),
    row(
        "empty aud",
        |c, _| c["aud"] = json!([]),
        Claim("Invalid token audience"),
    ),
    row(
        "other aud",
        |c, _| c["aud"] = json!("https://kubernetes.default.svc"),
        Claim("Invalid token audience"),
    ),
    row(
        "aud is the token endpoint",
        |c, f| {
            c["aud"] = json!(format!("{}/protocol/openid-connect/token", f.realm));
        },
        Claim("Invalid token audience"),
    ),
    row(
        "aud with slash",
        |c, f| c["aud"] = json!(format!("{}/", f.realm)),
        Claim("Invalid token audience"),
    ),
    row(
        "aud is the other realm",
        |c, f| {
            c["aud"] = json!(format!("{}/realms/master", f.base));
        },
        Claim("Invalid token audience"),
    ),
    row(
        "aud is the other name of the host",
        |c, f| {
            c["aud"] = json!(f.realm.replace("127.0.0.1", "localhost"));
        },
        Claim("Invalid token audience"),
    ),
    row(
        "two audiences",
        |c, f| c["aud"] = json!([f.realm, "https://other.example"]),
        Claim("Multiple audiences not allowed"),
    ),
    row(
        "the same audience twice",
        |c, f| c["aud"] = json!([f.realm, f.realm]),
        Claim("Multiple audiences not allowed"),
    ),
    row(
        "no exp",
        |c, _| remove(c, "exp"),
        Claim("Token exp claim is required"),
    ),
    row(
        "expired",
        |c, f| {
            c["iat"] = json!(f.now - 200);
            c["exp"] = json!(f.now - 60);
        },
        Claim("Token is not active"),
    ),
    row(
        "nbf in the future",
        |c, f| c["nbf"] = json!(f.now + 60),
        Claim("Token is not active"),
    ),
    row(
        "iat in the future",
        |c, f| {
            remove(c, "nbf");
            c["iat"] = json!(f.now + 60);
            c["exp"] = json!(f.now + 120);
        },
        Claim("Token was issued in the future"),
    ),
    row(
        "iat too long ago",
        |c, f| {
            c["iat"] = json!(f.now - 4000);
            c["nbf"] = json!(f.now - 4000);
            c["exp"] = json!(f.now + 60);
        },
        Claim("Token was issued too far in the past to be used now"),
    ),
    row(
        "no iat, far exp",
        |c, f| {
            remove(c, "iat");
            c["exp"] = json!(f.now + 4000);
        },
        Claim("Token expiration is too far in the future and iat claim not present in token"),
    ),
    row(
        "too long a life",
        |c, f| c["exp"] = json!(f.now + 3700),
        Claim("Token lifetime is too long"),
    ),
    row(
        "exp is text",
        |c, _| c["exp"] = json!("9999999999"),
        Unproven,
    ),
];

async fn run_table(server: &Server, issuer: &Issuer, token: impl Fn() -> Value) {
    let facts = Facts {
        now: server.services.clock.now(),
        realm: server.issuer(),
        base: server.base.clone(),
    };
    for row in ROWS {
        let mut token = token();
        (row.change)(&mut token, &facts);
        let answer = present(server, &issuer.sign(&token)).await;
        match row.expected {
            Granted => assert_eq!(answer.status, 200, "{}: {answer:?}", row.name),
            Unproven => {
                assert_eq!(answer.status, 401, "{}: {answer:?}", row.name);
                assert_eq!(answer.body["error"], "invalid_client", "{}", row.name);
                assert_eq!(answer.body["error_description"], GENERIC, "{}", row.name);
            }
            Claim(text) => {
                assert_eq!(answer.status, 400, "{}: {answer:?}", row.name);
                assert_eq!(answer.body["error"], "invalid_client", "{}", row.name);
                assert_eq!(answer.body["error_description"], text, "{}", row.name);
            }
        }
        assert!(row_is_silent(&answer), "{}: {answer:?}", row.name);
    }
}

/// A refusal says nothing about what it was refused for.
fn row_is_silent(answer: &Answer) -> bool {
    answer.status == 200 || !answer.body.to_string().contains("my-sa")
}

/// spec: FCA-07, FCA-08, FCA-09, FCA-10
#[tokio::test]
async fn every_claim_of_a_kubernetes_token_is_checked() {
    let (server, issuer) = kubernetes().await;
    let now = server.services.clock.now();
    let realm = server.issuer();
    run_table(&server, &issuer, || {
        issuer.service_account_token(SUBJECT, &realm, now)
    })
    .await;
}

/// spec: FCA-13, FCA-14, FCA-15, FCA-16, FCA-18
#[tokio::test]
async fn every_claim_of_an_oidc_token_is_checked() {
    let server = Server::start().await;
    let issuer = Issuer::start().await;
    let config = [
        ("issuer", issuer.url.as_str()),
        ("supportsClientAssertions", "true"),
    ];
    server.add_provider("partner", "oidc", &config).await;
    server
        .add_client(federated("workload", "partner", SUBJECT))
        .await;
    let now = server.services.clock.now();
    let realm = server.issuer();
    run_table(&server, &issuer, || {
        let mut token = issuer.service_account_token(SUBJECT, &realm, now);
        token["exp"] = json!(now + 300);
        token
    })
    .await;
}

/// Neither kind of provider can be made to take a token of a kind it did not sign.
///
/// spec: FCA-08, FCA-18
#[tokio::test]
async fn signatures_keys_and_types_are_fixed() {
    let server = Server::start().await;
    let algorithms = [
        Algorithm::Rs256,
        Algorithm::Ps256,
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::EdDsa,
    ];
    let keys: Vec<SigningKey> = algorithms
        .iter()
        .map(|algorithm| SigningKey::generate(*algorithm).unwrap())
        .collect();
    let issuer = Issuer::with_keys(keys.clone()).await;
    server
        .add_provider("k8s", "kubernetes", &[("issuer", &issuer.url)])
        .await;
    server
        .add_client(federated("workload", "k8s", SUBJECT))
        .await;
    let now = server.services.clock.now();
    let token = issuer.service_account_token(SUBJECT, &server.issuer(), now);

    for key in &keys {
        let answer = present(&server, &key.sign("JWT", &token).unwrap()).await;
        assert_eq!(answer.status, 200, "{:?}: {answer:?}", key.algorithm());
    }

    // A key of somebody else, with the name of a known key and without.
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let pkcs8 = stranger.to_pkcs8().unwrap();
    let impostor = SigningKey::from_pkcs8(Algorithm::Es256, keys[2].kid(), &pkcs8).unwrap();
    for key in [&stranger, &impostor] {
        let answer = present(&server, &key.sign("JWT", &token).unwrap()).await;
        answer.refused(401, "invalid_client", GENERIC);
    }

    // Our own tokens' key is nobody's workload.
    let realm = server.realm().await;
    let own = server
        .services
        .keys
        .active_signing(&realm, Algorithm::Es256)
        .await
        .unwrap();
    let answer = present(&server, &own.sign("JWT", &token).unwrap()).await;
    answer.refused(401, "invalid_client", GENERIC);

    // A changed byte.
    let good = issuer.sign(&token);
    let (head, signature) = good.rsplit_once('.').unwrap();
    let mut bytes = realmkeep_jose::from_base64url(signature).unwrap();
    bytes[10] ^= 1;
    let answer = present(&server, &format!("{head}.{}", base64url(bytes))).await;
    answer.refused(401, "invalid_client", GENERIC);

    // No signature; a "shared secret" that is public.
    let payload = base64url(token.to_string());
    let none = format!("{}.{payload}.", base64url(r#"{"alg":"none"}"#));
    let answer = present(&server, &none).await;
    answer.refused(400, "invalid_client", "Invalid signature algorithm");
    let public = keys[0].public_jwk().unwrap().n.unwrap();
    let confused = SigningKey::hmac(Algorithm::Hs256, keys[0].kid(), public.as_bytes()).unwrap();
    let answer = present(&server, &confused.sign("JWT", &token).unwrap()).await;
    answer.refused(400, "invalid_client", "Invalid signature algorithm");

    // Tokens that say they are for something else.
    for typ in [
        "at+jwt",
        "application/at+jwt",
        "logout+jwt",
        "dpop+jwt",
        "wit+jwt",
        "AT+JWT",
    ] {
        let answer = present(&server, &issuer.key.sign(typ, &token).unwrap()).await;
        answer.refused(400, "invalid_client", "Invalid token type");
    }
    for typ in [
        "JWT",
        "jwt",
        "client-authentication+jwt",
        "application/client-authentication+jwt",
    ] {
        let answer = present(&server, &issuer.key.sign(typ, &token).unwrap()).await;
        assert_eq!(answer.status, 200, "{typ}: {answer:?}");
    }

    // Garbage in every place.
    for garbage in ["x", "a.b.c", "....", "", &"a".repeat(20_000)] {
        let answer = present(&server, garbage).await;
        assert_eq!(answer.status, 401, "{garbage:.20}: {answer:?}");
    }
    for kind in [
        "",
        "foo",
        "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe",
    ] {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", kind),
            ("client_assertion", good.as_str()),
        ];
        server
            .token(&form)
            .await
            .refused(401, "invalid_client", GENERIC);
    }
}

/// Every switch that turns a client, its binding or its provider off takes effect at once.
///
/// spec: FCA-01, FCA-10
#[tokio::test]
async fn what_is_off_or_ambiguous_is_refused() {
    let (server, issuer) = kubernetes().await;
    let now = server.services.clock.now();
    let token = issuer.sign(&issuer.service_account_token(SUBJECT, &server.issuer(), now));
    let unproven = || async {
        present(&server, &token)
            .await
            .refused(401, "invalid_client", GENERIC)
    };
    let works = || async { present(&server, &token).await.granted().clone() };
    works().await;

    server
        .change_provider("k8s", |p| p.enabled = Some(false))
        .await;
    unproven().await;
    server
        .change_provider("k8s", |p| p.enabled = Some(true))
        .await;
    works().await;

    server
        .change_client("workload", |c| c.enabled = Some(false))
        .await;
    unproven().await;
    server
        .change_client("workload", |c| c.enabled = Some(true))
        .await;
    works().await;

    let authenticator = |name: &str| Some(name.to_owned());
    server
        .change_client("workload", |c| {
            c.client_authenticator_type = authenticator("client-secret")
        })
        .await;
    unproven().await;
    server
        .change_client("workload", |c| {
            c.client_authenticator_type = authenticator("federated-jwt")
        })
        .await;
    works().await;

    // A second client with the same subject: nobody can tell which is meant, but for client_id.
    server.add_client(federated("double", "k8s", SUBJECT)).await;
    unproven().await;
    for client_id in ["workload", "double"] {
        let answer = present_with(&server, &token, &[("client_id", client_id)]).await;
        answer.granted();
        assert_eq!(claims(answer.text("access_token"))["azp"], client_id);
    }
    present_with(&server, &token, &[("client_id", "other")])
        .await
        .refused(401, "invalid_client", GENERIC);
    server.delete_client("double").await;
    works().await;

    // A second provider with the same issuer.
    server
        .add_provider("again", "kubernetes", &[("issuer", &issuer.url)])
        .await;
    unproven().await;
    server
        .change_provider("again", |p| p.enabled = Some(false))
        .await;
    works().await;

    // client_id is not needed, and when it is there it has to be right.
    present_with(&server, &token, &[("client_id", "workload")])
        .await
        .granted();
    server
        .add_client(json!({"clientId": "other", "secret": "s3cret"}))
        .await;
    present_with(&server, &token, &[("client_id", "other")])
        .await
        .refused(
            400,
            "invalid_client",
            "client_id parameter does not match authenticated client",
        );
    present_with(&server, &token, &[("client_id", "unknown")])
        .await
        .refused(401, "invalid_client", GENERIC);
    // Two proofs at once are one too many.
    assert_eq!(
        present_with(&server, &token, &[("client_secret", "x")])
            .await
            .status,
        400
    );

    server
        .change_client("workload", |c| c.service_accounts_enabled = Some(false))
        .await;
    present(&server, &token).await.refused(
        401,
        "unauthorized_client",
        "Client not enabled to retrieve service account",
    );
    server
        .change_client("workload", |c| c.service_accounts_enabled = Some(true))
        .await;
    works().await;

    server.delete_client("workload").await;
    unproven().await;
}

/// The kubelet keeps a token for minutes, so it is used again and again; other issuers' tokens
/// count once unless the provider allows more.
///
/// spec: FCA-17, FCA-19
#[tokio::test]
async fn reuse_is_as_the_provider_says() {
    let (server, issuer) = kubernetes().await;
    let now = server.services.clock.now();
    let realm = server.issuer();
    let token = issuer.sign(&issuer.service_account_token(SUBJECT, &realm, now));
    present(&server, &token).await.granted();
    present(&server, &token).await.granted();

    let partner = Issuer::start().await;
    let config = [
        ("issuer", partner.url.as_str()),
        ("supportsClientAssertions", "true"),
    ];
    server.add_provider("partner", "oidc", &config).await;
    server
        .add_client(federated("partner-client", "partner", SUBJECT))
        .await;
    let mut claims = partner.service_account_token(SUBJECT, &realm, now);
    claims["exp"] = json!(now + 300);
    let once = partner.sign(&claims);
    present(&server, &once).await.granted();
    present(&server, &once)
        .await
        .refused(400, "invalid_client", "Token reuse detected");
    // The same id under another signature is the same id.
    claims["exp"] = json!(now + 299);
    let again = present(&server, &partner.sign(&claims)).await;
    again.refused(400, "invalid_client", "Token reuse detected");
    remove(&mut claims, "jti");
    let without = present(&server, &partner.sign(&claims)).await;
    without.refused(400, "invalid_client", "Token jti claim is required");
    // Nor may it live long.
    let mut long = partner.service_account_token(SUBJECT, &realm, now);
    long["exp"] = json!(now + 301);
    let answer = present(&server, &partner.sign(&long)).await;
    answer.refused(400, "invalid_client", "Token lifetime is too long");

    server
        .change_provider("partner", |p| {
            let config = p.config.get_or_insert_default();
            config.insert("supportsClientAssertionReuse".to_owned(), "true".to_owned());
        })
        .await;
    present(&server, &once).await.granted();
    present(&server, &once).await.granted();
    present(&server, &partner.sign(&claims)).await.granted();
}

/// spec: FCA-17
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_present_one_assertion_one_succeeds() {
    let server = Server::start().await;
    let partner = Issuer::start().await;
    let config = [
        ("issuer", partner.url.as_str()),
        ("supportsClientAssertions", "true"),
    ];
    server.add_provider("partner", "oidc", &config).await;
    server
        .add_client(federated("workload", "partner", SUBJECT))
        .await;
    let now = server.services.clock.now();
    let mut claims = partner.service_account_token(SUBJECT, &server.issuer(), now);
    claims["exp"] = json!(now + 300);
    let token = partner.sign(&claims);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let (http, url, token) = (server.http.clone(), server.url("token"), token.clone());
        tasks.spawn(async move {
            let form = [
                ("grant_type", "client_credentials"),
                ("client_assertion_type", JWT_BEARER),
                ("client_assertion", &token),
            ];
            http.post(url).form(&form).send().await.unwrap().status()
        });
    }
    let statuses = tasks.join_all().await;
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        1,
        "{statuses:?}"
    );
}

/// `allowedClockSkew` and `fedClientAssertionMaxExp` are the provider's to set; the skew holds for
/// every time in the token.
#[tokio::test]
async fn skew_and_lifetime_are_settings() {
    let (server, issuer) = kubernetes().await;
    server
        .change_provider("k8s", |p| {
            let config = p.config.get_or_insert_default();
            config.insert("allowedClockSkew".to_owned(), "30".to_owned());
            config.insert("fedClientAssertionMaxExp".to_owned(), "600".to_owned());
        })
        .await;
    let now = server.services.clock.now();
    let realm = server.issuer();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut token = issuer.service_account_token(SUBJECT, &realm, now);
        change(&mut token);
        issuer.sign(&token)
    };
    let early = with(&|t| {
        t["iat"] = json!(now + 20);
        t["nbf"] = json!(now + 20);
    });
    present(&server, &early).await.granted();
    let late = with(&|t| {
        t["iat"] = json!(now - 300);
        t["exp"] = json!(now - 15);
    });
    present(&server, &late).await.granted();
    let too_late = with(&|t| {
        t["iat"] = json!(now - 300);
        t["exp"] = json!(now - 45);
    });
    present(&server, &too_late)
        .await
        .refused(400, "invalid_client", "Token is not active");
    let long = with(&|t| t["exp"] = json!(now + 601));
    present(&server, &long)
        .await
        .refused(400, "invalid_client", "Token lifetime is too long");
}

/// spec: FCA-14
#[tokio::test]
async fn the_client_id_is_an_audience_only_where_allowed() {
    let server = Server::start().await;
    let partner = Issuer::start().await;
    let config = [
        ("issuer", partner.url.as_str()),
        ("supportsClientAssertions", "true"),
        ("clientId", "realmkeep-there"),
    ];
    server.add_provider("partner", "oidc", &config).await;
    server
        .add_client(federated("workload", "partner", SUBJECT))
        .await;
    let now = server.services.clock.now();
    let token = || {
        let mut token = partner.service_account_token(SUBJECT, "realmkeep-there", now);
        token["exp"] = json!(now + 300);
        partner.sign(&token)
    };
    present(&server, &token())
        .await
        .refused(400, "invalid_client", "Invalid token audience");
    server
        .change_provider("partner", |p| {
            let config = p.config.get_or_insert_default();
            config.insert("allowClientIdAsAudience".to_owned(), "true".to_owned());
        })
        .await;
    present(&server, &token()).await.granted();
    // Without the switch for assertions it is a provider for logins only.
    server
        .change_provider("partner", |p| {
            let config = p.config.get_or_insert_default();
            config.insert("supportsClientAssertions".to_owned(), "false".to_owned());
        })
        .await;
    present(&server, &token())
        .await
        .refused(401, "invalid_client", GENERIC);
}

/// An unknown `kid` cannot make the server fetch keys over and over, and known keys go on working.
///
/// spec: FCA-25
#[tokio::test]
async fn unknown_keys_do_not_cause_a_flood_of_fetches() {
    let (server, issuer) = kubernetes().await;
    let now = server.services.clock.now();
    let token = issuer.service_account_token(SUBJECT, &server.issuer(), now);
    present(&server, &issuer.sign(&token)).await.granted();
    let fetched = issuer.fetches();
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    for _ in 0..30 {
        let forged = stranger.sign("JWT", &token).unwrap();
        present(&server, &forged)
            .await
            .refused(401, "invalid_client", GENERIC);
    }
    assert!(
        issuer.fetches() <= fetched + 1,
        "{} fetches",
        issuer.fetches()
    );
    present(&server, &issuer.sign(&token)).await.granted();
}

/// The assertion authenticates at introspection and revocation as well.
///
/// spec: FCA-04
#[tokio::test]
async fn the_assertion_works_at_the_sibling_endpoints() {
    let (server, issuer) = kubernetes().await;
    let now = server.services.clock.now();
    let assertion = issuer.sign(&issuer.service_account_token(SUBJECT, &server.issuer(), now));
    let answer = present(&server, &assertion).await;
    let token = answer.text("access_token");
    let form = [
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion.as_str()),
        ("token", token),
    ];
    let introspected = server.post("token/introspect", &form).await;
    assert_eq!(introspected.status, 200);
    // It is not in the token's audience, so it learns nothing.
    assert_eq!(introspected.body, json!({"active": false}));
    assert_eq!(server.post("revoke", &form).await.status, 200);
}

const JWT_SPIFFE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";
const SPIFFE_ID: &str = "spiffe://shop.example/ns/shop/sa/orders";

/// A server with a trust domain `mesh` and a client `orders` bound to [`SPIFFE_ID`].
async fn spiffe() -> (Server, Issuer) {
    let server = Server::start().await;
    let issuer = Issuer::start().await;
    let bundle = format!("{}/bundle", issuer.url);
    server
        .add_provider(
            "mesh",
            "spiffe",
            &[
                ("trustDomain", "spiffe://shop.example"),
                ("bundleEndpoint", &bundle),
            ],
        )
        .await;
    server
        .add_client(federated("orders", "mesh", SPIFFE_ID))
        .await;
    (server, issuer)
}

async fn present_svid(server: &Server, svid: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_assertion_type", JWT_SPIFFE),
        ("client_assertion", svid),
    ];
    form.extend(more);
    server.token(&form).await
}

/// A JWT-SVID proves a client: its trust domain is in `sub`, its keys are in the bundle, `iss` is not
/// looked at, and it may be used again.
///
/// spec: FCA-01, FCA-20, FCA-21, FCA-22, FCA-23, FCA-29, REL-10
#[tokio::test]
async fn a_jwt_svid_is_all_a_workload_needs() {
    let (server, issuer) = spiffe().await;
    let now = server.services.clock.now();
    let svid = json!({"sub": SPIFFE_ID, "aud": [server.issuer()], "iat": now, "exp": now + 300});
    let token = issuer.sign(&svid);
    for _ in 0..2 {
        let answer = present_svid(&server, &token, &[]).await;
        answer.granted();
        assert_eq!(claims(answer.text("access_token"))["azp"], "orders");
    }
    assert_eq!(issuer.fetches(), 1);
    present_svid(&server, &token, &[("client_id", "orders")])
        .await
        .granted();
    let mut foreign = svid.clone();
    foreign["iss"] = "https://nobody.example".into();
    present_svid(&server, &issuer.sign(&foreign), &[])
        .await
        .granted();

    // The type says what it is: neither passes for the other.
    present(&server, &token)
        .await
        .refused(401, "invalid_client", GENERIC);
    // One SPIFFE ID for several clients: client_id decides.
    server
        .add_client(federated("billing", "mesh", SPIFFE_ID))
        .await;
    present_svid(&server, &token, &[])
        .await
        .refused(401, "invalid_client", GENERIC);
    for client_id in ["orders", "billing"] {
        let answer = present_svid(&server, &token, &[("client_id", client_id)]).await;
        answer.granted();
        assert_eq!(claims(answer.text("access_token"))["azp"], client_id);
    }
}

/// spec: FCA-03, FCA-20, FCA-21, FCA-22, FCA-23
#[tokio::test]
async fn every_claim_of_a_jwt_svid_is_checked() {
    let (server, issuer) = spiffe().await;
    let now = server.services.clock.now();
    let own = server.issuer();
    let svid = |changes: Value| {
        let mut svid =
            json!({"sub": SPIFFE_ID, "aud": [own.clone()], "iat": now, "exp": now + 300});
        for (name, value) in changes.as_object().unwrap() {
            svid[name] = value.clone();
        }
        svid
    };
    for changes in [
        json!({"sub": "spiffe://shop.example/ns/shop/sa/other"}),
        json!({"sub": "spiffe://shop.example/ns/shop/sa/orders/x"}),
        json!({"sub": "spiffe://shop.example"}),
        json!({"sub": "spiffe://other.example/ns/shop/sa/orders"}),
        json!({"sub": "spiffe://Shop.example/ns/shop/sa/orders"}),
        json!({"sub": "spiffe://shop.example/ns/shop/sa/orders/"}),
        json!({"sub": "spiffe://shop.example/ns/../ns/shop/sa/orders"}),
        json!({"sub": "orders"}),
    ] {
        present_svid(&server, &issuer.sign(&svid(changes)), &[])
            .await
            .refused(401, "invalid_client", GENERIC);
    }
    for (changes, description) in [
        (json!({"aud": "other"}), "Invalid token audience"),
        (
            json!({"aud": [own, "other"]}),
            "Multiple audiences not allowed",
        ),
        (
            json!({"aud": [server.url("token")]}),
            "Invalid token audience",
        ),
        (json!({"exp": now - 60}), "Token is not active"),
        (json!({"iat": now + 60}), "Token was issued in the future"),
        (
            json!({"iat": now - 400, "exp": now + 60}),
            "Token was issued too far in the past to be used now",
        ),
    ] {
        present_svid(&server, &issuer.sign(&svid(changes)), &[])
            .await
            .refused(400, "invalid_client", description);
    }
    // Other tokens of the same keys say what they are.
    for typ in [
        "at+jwt",
        "wit+jwt",
        "dpop+jwt",
        "logout+jwt",
        "client-authentication+jwt",
    ] {
        let token = issuer.key.sign(typ, &svid(json!({}))).unwrap();
        present_svid(&server, &token, &[]).await.refused(
            400,
            "invalid_client",
            "Invalid token type",
        );
    }
    let stranger = Issuer::start().await;
    present_svid(&server, &stranger.sign(&svid(json!({}))), &[])
        .await
        .refused(401, "invalid_client", GENERIC);
    // EdDSA is no algorithm of JWT-SVIDs.
    let edwards = Issuer::start_with(&[Algorithm::EdDsa]).await;
    let bundle = format!("{}/bundle", edwards.url);
    let set = |value: String| {
        move |provider: &mut realmkeep_representations::IdentityProviderRepresentation| {
            let config = provider.config.get_or_insert_default();
            config.insert("bundleEndpoint".to_owned(), value);
        }
    };
    server.change_provider("mesh", set(bundle)).await;
    present_svid(&server, &edwards.sign(&svid(json!({}))), &[])
        .await
        .refused(400, "invalid_client", "Invalid signature algorithm");
    // Keys for another use are no bundle (a key set of an OpenID Connect issuer).
    server
        .change_provider("mesh", set(format!("{}/openid/v1/jwks", issuer.url)))
        .await;
    present_svid(&server, &issuer.sign(&svid(json!({}))), &[])
        .await
        .refused(401, "invalid_client", GENERIC);
    server
        .change_provider("mesh", set(format!("{}/bundle", issuer.url)))
        .await;
    present_svid(&server, &issuer.sign(&svid(json!({}))), &[])
        .await
        .granted();
    server
        .change_client("orders", |client| client.protocol = Some("saml".to_owned()))
        .await;
    present_svid(&server, &issuer.sign(&svid(json!({}))), &[])
        .await
        .refused(401, "invalid_client", GENERIC);
}

/// The three kinds of trust side by side, each with its own client: a trust domain's SVID, a cluster's
/// service account token, and what clouds put beside a workload: a token for each run of a job, with
/// claims of the vendor's, or one that an instance gets again and again, without `jti`.
///
/// spec: FCA-01, FCA-02, FCA-12, REL-10
#[tokio::test]
async fn three_kinds_of_providers_vouch_for_clients() {
    const JOB: &str = "repo:shop/backend:ref:refs/heads/main";
    const INSTANCE: &str = "113774264463038321964";
    let (server, mesh) = spiffe().await;
    let (cluster, company) = (Issuer::start().await, Issuer::start().await);
    server
        .add_provider("k8s", "kubernetes", &[("issuer", &cluster.url)])
        .await;
    let jwks = format!("{}/openid/v1/jwks", company.url);
    server
        .add_provider(
            "company",
            "oidc",
            &[
                ("issuer", &company.url),
                ("supportsClientAssertions", "true"),
                ("useJwksUrl", "true"),
                ("validateSignature", "true"),
                ("jwksUrl", &jwks),
            ],
        )
        .await;
    let cloud = Issuer::start().await;
    server
        .add_provider(
            "cloud",
            "oidc",
            &[
                ("issuer", &cloud.url),
                ("supportsClientAssertions", "true"),
                ("supportsClientAssertionReuse", "true"),
                ("validateSignature", "true"),
            ],
        )
        .await;
    for (client_id, alias, subject) in [
        ("in-cluster", "k8s", SUBJECT),
        ("job", "company", JOB),
        ("instance", "cloud", INSTANCE),
    ] {
        server
            .add_client(federated(client_id, alias, subject))
            .await;
    }
    let now = server.services.clock.now();
    let svid = json!({"sub": SPIFFE_ID, "aud": server.issuer(), "iat": now, "exp": now + 300});
    let account = cluster.service_account_token(SUBJECT, &server.issuer(), now);
    let job = json!({
        "iss": company.url, "sub": JOB, "aud": server.issuer(), "iat": now, "nbf": now - 5, "exp": now + 300,
        "jti": "once", "repository": "shop/backend", "ref": "refs/heads/main", "run_attempt": "1",
        "environment": "production",
    });
    let instance = json!({
        "iss": cloud.url, "sub": INSTANCE, "azp": INSTANCE, "aud": server.issuer(), "iat": now,
        "exp": now + 300, "email": "shop@project.example.test", "email_verified": true,
        "google": {"compute_engine": {"project_id": "project", "zone": "z"}},
    });
    let (job, instance) = (company.sign(&job), cloud.sign(&instance));
    for (client_id, answer) in [
        (
            "orders",
            present_svid(&server, &mesh.sign(&svid), &[]).await,
        ),
        (
            "in-cluster",
            present(&server, &cluster.sign(&account)).await,
        ),
        ("job", present(&server, &job).await),
        ("instance", present(&server, &instance).await),
        ("instance", present(&server, &instance).await),
    ] {
        answer.granted();
        assert_eq!(claims(answer.text("access_token"))["azp"], client_id);
    }
    present(&server, &job)
        .await
        .refused(400, "invalid_client", "Token reuse detected");
}

/// What a provider asks of the claims beyond the subject; whatever is not clearly true is no.
#[tokio::test]
async fn a_condition_looks_at_the_claims_of_the_assertion() {
    let (server, issuer) = kubernetes().await;
    let now = server.services.clock.now();
    let token = issuer.sign(&issuer.service_account_token(SUBJECT, &server.issuer(), now));
    for (condition, good) in [
        ("claims['kubernetes.io'].namespace == 'default'", true),
        (
            "claims['kubernetes.io'].serviceaccount.name.startsWith('my-')",
            true,
        ),
        (
            "claims['kubernetes.io'].namespace in ['shop', 'default']",
            true,
        ),
        ("claims['kubernetes.io'].namespace == 'shop'", false),
        ("!claims.sub.endsWith(':my-sa')", false),
        ("has(claims.absent)", false),
        ("claims.absent == 'x'", false),
        ("claims.sub", false),
        ("claims.", false),
        ("other.sub == 'x'", false),
    ] {
        server
            .change_provider("k8s", |provider| {
                let config = provider.config.get_or_insert_default();
                config.insert("clientAssertionCondition".to_owned(), condition.to_owned());
            })
            .await;
        let answer = present(&server, &token).await;
        if good {
            answer.granted();
        } else {
            answer.refused(401, "invalid_client", GENERIC);
        }
    }
}
