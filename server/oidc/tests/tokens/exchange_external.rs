//! Exchange of tokens with other issuers: theirs for ours, ours for theirs.

use axum::Router;
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use realmkeep_jose::{Algorithm, SigningKey};
use serde_json::{Value, json};

use crate::support::issuer::Issuer;
use crate::support::{Answer, Server, claims};
use crate::{CONF, fill, form, password, refresh};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const ID: &str = "urn:ietf:params:oauth:token-type:id_token";
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
const ALLOWED: &str = "token.exchange.identity.providers";

async fn with_partner(features: &str) -> (Server, Issuer) {
    let server = Server::start_featured(features, |_| {}).await;
    fill(&server, json!({ALLOWED: "other##partner##cluster"})).await;
    let issuer = Issuer::start().await;
    let jwks = format!("{}/openid/v1/jwks", issuer.url);
    let config = [
        ("issuer", issuer.url.as_str()),
        ("clientId", "our-client-there"),
        ("validateSignature", "true"),
        ("useJwksUrl", "true"),
        ("jwksUrl", jwks.as_str()),
    ];
    server.add_provider("partner", "oidc", &config).await;
    (server, issuer)
}

fn good(server: &Server, issuer: &Issuer) -> Value {
    let now = server.services.clock.now();
    json!({
        "iss": issuer.url, "sub": "b-1", "aud": "our-client-there", "iat": now, "exp": now + 60,
        "preferred_username": "Bob", "email": "bob@example.test", "given_name": "Bob",
        "family_name": "Builder",
    })
}

async fn exchange(server: &Server, token: &str, kind: &str, more: &[(&str, &str)]) -> Answer {
    let own = [
        ("grant_type", GRANT),
        ("subject_token", token),
        ("subject_token_type", kind),
    ];
    let issuer = [("subject_issuer", "partner")];
    let issuer: &[(&str, &str)] = match more.iter().any(|(name, _)| *name == "subject_issuer") {
        true => &[],
        false => &issuer,
    };
    server.token(&form(&[&own, issuer, more, &CONF])).await
}

async fn named(
    server: &Server,
    username: &str,
) -> Option<realmkeep_representations::UserRepresentation> {
    let realm = server.realm().await;
    let store = &server.services.store;
    store.find_user_named(&realm.id, username).await.unwrap()
}

/// A token of a partner becomes one of the realm: for a new account at first, for the same one from
/// then on, and one that can be refreshed.
#[tokio::test]
async fn an_external_token_becomes_one_of_the_realm() {
    let (server, issuer) = with_partner("token-exchange").await;
    let token = issuer.sign(&good(&server, &issuer));
    let answer = exchange(&server, &token, JWT, &[("scope", "openid")]).await;
    assert_eq!(
        answer.granted()["issued_token_type"],
        "urn:ietf:params:oauth:token-type:refresh_token"
    );
    let bob = named(&server, "bob").await.unwrap();
    assert_eq!(bob.email.as_deref(), Some("bob@example.test"));
    assert_eq!(bob.email_verified, Some(false));
    assert_eq!(bob.last_name.as_deref(), Some("Builder"));
    let first = claims(answer.text("access_token"));
    assert_eq!(first["sub"].as_str(), bob.id.as_deref());
    let roles = &first["realm_access"]["roles"];
    assert!(
        roles
            .as_array()
            .unwrap()
            .contains(&json!("default-roles-test")),
        "{first}"
    );
    let seen = server
        .get_with("userinfo", answer.text("access_token"))
        .await;
    assert_eq!(seen.body["preferred_username"], "bob", "{seen:?}");
    refresh(&server, answer.text("refresh_token"))
        .await
        .granted();

    // Again: the same account, whatever the partner calls it now; and only the kind that was asked for.
    let mut renamed = good(&server, &issuer);
    renamed["preferred_username"] = json!("robert");
    let token = issuer.sign(&renamed);
    let wish = [("requested_token_type", ACCESS)];
    let answer = exchange(&server, &token, ID, &wish).await;
    assert_eq!(claims(answer.text("access_token"))["sub"], first["sub"]);
    assert!(answer.body.get("refresh_token").is_none());
    assert!(named(&server, "robert").await.is_none());
    // The issuer's name does as well as the alias.
    let by_issuer = [("subject_issuer", issuer.url.as_str())];
    exchange(&server, &token, JWT, &by_issuer).await.granted();
}

/// Who is here already is not taken over by a name or an address of theirs.
#[tokio::test]
async fn accounts_are_not_taken_over() {
    let (server, issuer) = with_partner("token-exchange").await;
    let exists = "User already exists";
    for (name, value) in [
        ("preferred_username", "ALICE"),
        ("email", "Alice@Example.test"),
    ] {
        let mut said = good(&server, &issuer);
        said[name] = json!(value);
        let answer = exchange(&server, &issuer.sign(&said), JWT, &[]).await;
        answer.refused(400, "invalid_token", exists);
    }
    assert!(named(&server, "bob").await.is_none());
    // Linked by an administrator, the subject is alice.
    let alice = named(&server, "alice").await.unwrap().id.unwrap();
    let link = json!([{"identityProvider": "partner", "userId": "b-1", "userName": "x"}]);
    server
        .change_user(&alice, |user| {
            user.federated_identities = serde_json::from_value(link).unwrap();
        })
        .await;
    let token = issuer.sign(&good(&server, &issuer));
    let answer = exchange(&server, &token, JWT, &[]).await;
    assert_eq!(claims(answer.text("access_token"))["sub"], json!(alice));
    server
        .change_user(&alice, |user| user.enabled = Some(false))
        .await;
    let answer = exchange(&server, &token, JWT, &[]).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    // A provider that is for linking only brings nobody new.
    server
        .change_provider("partner", |provider| provider.link_only = Some(true))
        .await;
    let mut other = good(&server, &issuer);
    other["sub"] = json!("c-1");
    let answer = exchange(&server, &issuer.sign(&other), JWT, &[]).await;
    answer.refused(400, "invalid_request", "Invalid token");
}

/// What is not signed by the partner, is too old, is for others or for another purpose is refused.
#[tokio::test]
async fn external_tokens_are_checked() {
    let (server, issuer) = with_partner("token-exchange").await;
    let now = server.services.clock.now();
    let with = |name: &str, value: Value| {
        let mut said = good(&server, &issuer);
        said[name] = value;
        issuer.sign(&said)
    };
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let secret = SigningKey::hmac(Algorithm::Hs256, "", &[7; 32]).unwrap();
    let good_token = issuer.sign(&good(&server, &issuer));
    for (what, token, kind) in [
        ("no JWT", "x".to_owned(), JWT),
        ("long", "x".repeat(100_000), JWT),
        (
            "stranger",
            stranger.sign("JWT", &good(&server, &issuer)).unwrap(),
            JWT,
        ),
        (
            "symmetric",
            secret.sign("JWT", &good(&server, &issuer)).unwrap(),
            JWT,
        ),
        ("expired", with("exp", json!(now - 60)), JWT),
        ("future", with("nbf", json!(now + 60)), JWT),
        ("other issuer", with("iss", json!("https://evil.test")), JWT),
        ("other audience", with("aud", json!("another-app")), JWT),
        ("no audience", with("aud", json!([])), JWT),
        (
            "an ID token for us alone",
            with("aud", json!(server.issuer())),
            ID,
        ),
        ("no subject", with("sub", json!("")), JWT),
        (
            "logout token",
            issuer
                .key
                .sign("logout+jwt", &good(&server, &issuer))
                .unwrap(),
            JWT,
        ),
        (
            "access token as ID token",
            issuer.key.sign("at+jwt", &good(&server, &issuer)).unwrap(),
            ID,
        ),
        ("refresh token", with("typ", json!("Refresh")), JWT),
        ("name", with("preferred_username", json!("<b>\u{0}")), JWT),
        (
            "long name",
            with("preferred_username", json!("x".repeat(2_550))),
            JWT,
        ),
        // Nothing says that the partner's access tokens are JWTs, and there is no endpoint to ask.
        ("access token", good_token.clone(), ACCESS),
    ] {
        let answer = exchange(&server, &token, kind, &[]).await;
        answer.refused(400, "invalid_request", "Invalid token");
        assert!(named(&server, "bob").await.is_none(), "{what}");
    }
    let saml = "urn:ietf:params:oauth:token-type:saml2";
    assert_eq!(exchange(&server, &good_token, saml, &[]).await.status, 400);
    for (more, error) in [
        ([("subject_issuer", "nope")], "invalid_issuer"),
        ([("requested_subject", "alice")], "invalid_request"),
        ([("actor_token", "x")], "invalid_request"),
        ([("audience", "nope")], "invalid_request"),
        ([("scope", "offline_access")], "invalid_request"),
        ([("requested_token_type", "urn:x")], "invalid_request"),
    ] {
        let answer = exchange(&server, &good_token, JWT, &more).await;
        assert_eq!(answer.body["error"], error, "{more:?} {answer:?}");
        assert!(named(&server, "bob").await.is_none(), "{more:?}");
    }
    // Only clients that may.
    server
        .change_client("conf", |client| {
            client.attributes.as_mut().unwrap().remove(ALLOWED);
        })
        .await;
    let answer = exchange(&server, &good_token, JWT, &[]).await;
    answer.refused(403, "access_denied", "Client not allowed to exchange");
    // And without the feature no issuer but the realm is known.
    let (server, issuer) = with_partner("").await;
    let token = issuer.sign(&good(&server, &issuer));
    let answer = exchange(&server, &token, JWT, &[]).await;
    let refused = "Parameter 'subject_issuer' is not supported for standard token exchange";
    answer.refused(400, "invalid_request", refused);
}

/// An opaque token is shown to the issuer's UserInfo endpoint, and what it says counts.
#[tokio::test]
async fn opaque_tokens_are_asked_about() {
    let (server, _issuer) = with_partner("token-exchange").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/userinfo", listener.local_addr().unwrap());
    let answer = async |headers: HeaderMap| match headers["authorization"].to_str().unwrap() {
        "Bearer opaque-1" => Ok(axum::Json(
            json!({"sub": "b-1", "email": "bob@example.test"}),
        )),
        "Bearer nobody" => Ok(axum::Json(json!({"email": "bob@example.test"}))),
        _ => Err(StatusCode::UNAUTHORIZED),
    };
    let app = Router::new().route("/userinfo", get(answer));
    let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    server
        .change_provider("partner", |provider| {
            let config = provider.config.as_mut().unwrap();
            config.insert("userInfoUrl".to_owned(), url);
            provider.trust_email = Some(true);
        })
        .await;
    for bad in ["nobody", "other", "two words", "line\nbreak"] {
        let answer = exchange(&server, bad, ACCESS, &[]).await;
        answer.refused(400, "invalid_request", "Invalid token");
    }
    let answer = exchange(&server, "opaque-1", ACCESS, &[]).await;
    answer.granted();
    let bob = named(&server, "partner.b-1").await.unwrap();
    assert_eq!(bob.email_verified, Some(true));
    task.abort();
}

/// A pod's service account token is one that a cluster vouches for.
#[tokio::test]
async fn a_service_account_token_becomes_one_of_the_realm() {
    let (server, issuer) = with_partner("token-exchange").await;
    let config = [("issuer", issuer.url.as_str())];
    server.add_provider("cluster", "kubernetes", &config).await;
    let now = server.services.clock.now();
    let subject = "system:serviceaccount:default:my-sa";
    let cluster = [("subject_issuer", "cluster")];
    let said = issuer.service_account_token(subject, &server.issuer(), now);
    let answer = exchange(&server, &issuer.sign(&said), ACCESS, &cluster).await;
    answer.granted();
    assert!(
        named(&server, &format!("cluster.{subject}"))
            .await
            .is_some()
    );
    let other = issuer.service_account_token(subject, "https://kubernetes.default.svc", now);
    let answer = exchange(&server, &issuer.sign(&other), ACCESS, &cluster).await;
    answer.refused(400, "invalid_request", "Invalid token");
}

/// No token of a provider is kept yet: whoever asks for one is told where the user can link the account.
#[tokio::test]
async fn tokens_of_providers_are_not_linked() {
    let (server, _issuer) = with_partner("token-exchange").await;
    let login = password(&server, "openid").await;
    let ask = async |token: &str, issuer: &str| {
        let own = [
            ("grant_type", GRANT),
            ("subject_token", token),
            ("requested_issuer", issuer),
        ];
        server.token(&form(&[&own, &CONF])).await
    };
    let token = login.text("access_token");
    let answer = ask(token, "partner").await;
    answer.refused(400, "not_linked", "identity provider is not linked");
    let link = answer.text("account-link-url");
    let start = format!("{}/broker/partner/link?nonce=", server.issuer());
    assert!(
        link.starts_with(&start) && link.contains("&hash="),
        "{link}"
    );
    assert!(link.ends_with("&client_id=conf"), "{link}");
    ask(token, "nope")
        .await
        .refused(400, "invalid_request", "Invalid issuer");
    ask("x", "partner")
        .await
        .refused(400, "invalid_request", "Invalid token");
    server
        .change_client("conf", |client| {
            client.attributes.as_mut().unwrap().remove(ALLOWED);
        })
        .await;
    let answer = ask(token, "partner").await;
    answer.refused(403, "access_denied", "Client not allowed to exchange");
}
