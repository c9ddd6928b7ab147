//! Tokens for Docker registries.

use realmkeep_jose::{Algorithm, sha256};
use serde_json::{Value, json};

use crate::support::{Answer, Server, claims};
use crate::{CONF, fill, get_with};

const SCOPE: &str = "repository:team/app:pull,push";

/// A server with the feature, the registry `registry` and the user `alice`.
async fn with_registry() -> (Server, String) {
    let server = Server::start_featured("docker", |_| {}).await;
    fill(&server, json!({})).await;
    let mapper = json!({
        "name": "docker-v2-allow-all-mapper", "protocol": "docker-v2",
        "protocolMapper": "docker-v2-allow-all-mapper",
    });
    server
        .add_client(json!({
            "clientId": "registry", "protocol": "docker-v2", "protocolMappers": [mapper],
        }))
        .await;
    let realm = server.realm().await;
    let store = &server.services.store;
    let alice = store.find_user_named(&realm.id, "alice").await.unwrap();
    let alice = alice.unwrap().id.unwrap();
    (server, alice)
}

async fn ask(server: &Server, query: &[(&str, &str)], login: Option<(&str, &str)>) -> Answer {
    let url = format!("{}/realms/test/protocol/docker-v2/auth", server.base);
    let mut request = server.http.get(url).query(query);
    if let Some((name, password)) = login {
        request = request.basic_auth(name, Some(password));
    }
    Answer::read(request.send().await.unwrap()).await
}

fn header(token: &str) -> Value {
    let header = token.split('.').next().unwrap();
    serde_json::from_slice(&realmkeep_jose::from_base64url(header).unwrap()).unwrap()
}

/// Without the feature there is no such endpoint.
///
/// spec: DOCK-01
#[tokio::test]
async fn it_is_off_unless_switched_on() {
    let server = Server::start().await;
    fill(&server, json!({})).await;
    server
        .add_client(json!({"clientId": "registry", "protocol": "docker-v2"}))
        .await;
    let query = [("service", "registry")];
    let answer = ask(&server, &query, Some(("alice", "pw"))).await;
    assert_eq!(answer.status, 404, "{answer:?}");
}

/// What a Docker client gets for name and password: a token that the registry can check by the key that
/// its library knows the realm's key by, for what was asked; and no session.
///
/// spec: DOCK-02, DOCK-03, DOCK-04, DOCK-05, DOCK-06
#[tokio::test]
async fn a_docker_client_gets_a_token_for_the_registry() {
    let (server, alice) = with_registry().await;
    let query = [
        ("account", "alice"),
        ("client_id", "docker"),
        ("offline_token", "true"),
        ("service", "registry"),
        ("scope", SCOPE),
        (
            "scope",
            "repository:localhost:5000/other:pull registry:catalog:*",
        ),
    ];
    let answer = ask(&server, &query, Some(("alice", "pw"))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.body["expires_in"], 300);
    let issued = answer.text("issued_at");
    assert!(
        issued.starts_with("20") && issued.ends_with('Z'),
        "{issued}"
    );
    assert!(answer.body.get("refresh_token").is_none());

    let token = answer.text("token");
    let said = claims(token);
    assert_eq!(said["iss"], json!(server.issuer()));
    assert_eq!(said["sub"], "alice");
    assert_eq!(said["aud"], "registry");
    assert_eq!(
        said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(),
        300
    );
    assert!(said["nbf"].is_i64() && said["jti"].is_string());
    assert_eq!(
        said["access"],
        json!([
            {"type": "repository", "name": "team/app", "actions": ["pull", "push"]},
            {"type": "repository", "name": "localhost:5000/other", "actions": ["pull"]},
            {"type": "registry", "name": "catalog", "actions": ["*"]},
        ])
    );

    // The key's id in libtrust's form, from the public key that the realm shows.
    let head = header(token);
    assert_eq!(
        (&head["alg"], &head["typ"]),
        (&json!("RS256"), &json!("JWT"))
    );
    let shown = server.http.get(server.issuer()).send().await.unwrap();
    let shown: Value = shown.json().await.unwrap();
    let der = shown["public_key"].as_str().unwrap();
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, der).unwrap();
    let letters = realmkeep_authn::otp::base32(&sha256(&der)[..30]);
    let groups: Vec<&str> = (0..12).map(|i| &letters[4 * i..4 * i + 4]).collect();
    assert_eq!(head["kid"], json!(groups.join(":")));
    let jwt = realmkeep_jose::UnverifiedJwt::parse(token).unwrap();
    let realm = server.realm().await;
    let key = server
        .services
        .keys
        .active_signing(&realm, Algorithm::Rs256);
    let key = key.await.unwrap().verifying_key().unwrap();
    realmkeep_jose::verify(&jwt, &key).unwrap();

    // No session began, and the token is good for the registry alone.
    let sessions = server.services.store.sessions_of_user(&realm.id, &alice);
    assert_eq!(sessions.await.unwrap().len(), 0);
    let bearer = format!("Bearer {token}");
    let seen = get_with(&server, "userinfo", &[("Authorization", &bearer)]).await;
    assert_eq!(seen.status, 401);
    let own = [("token", token)];
    let seen = server
        .post("token/introspect", &[&own[..], &CONF].concat())
        .await;
    assert_eq!(seen.body["active"], false, "{seen:?}");
}

/// Who does not prove who they are is told so in the form that Docker clients read, always the same.
///
/// spec: DOCK-03, DOCK-05
#[tokio::test]
async fn without_a_proof_there_is_no_token() {
    let (server, alice) = with_registry().await;
    let query = [("service", "registry"), ("scope", SCOPE)];
    let refused = |answer: Answer| {
        assert_eq!(answer.status, 401, "{answer:?}");
        assert_eq!(answer.headers["www-authenticate"], "Basic realm=\"test\"");
        assert_eq!(answer.body["errors"][0]["code"], "UNAUTHORIZED");
        answer.body
    };
    let none = refused(ask(&server, &query, None).await);
    for login in [
        ("alice", "wrong"),
        ("nobody", "pw"),
        ("alice", ""),
        ("", ""),
    ] {
        assert_eq!(refused(ask(&server, &query, Some(login)).await), none);
    }
    for header in ["Basic", "Basic !!!", "Basic YWxpY2U=", "Bearer x"] {
        let url = format!("{}/realms/test/protocol/docker-v2/auth", server.base);
        let request = server.http.get(url).query(&query);
        let sent = request.header("Authorization", header).send().await;
        refused(Answer::read(sent.unwrap()).await);
    }
    server
        .change_user(&alice, |user| user.enabled = Some(false))
        .await;
    refused(ask(&server, &query, Some(("alice", "pw"))).await);
    // What an account has to do first cannot be done here.
    server
        .change_user(&alice, |user| {
            user.enabled = Some(true);
            user.required_actions = Some(vec!["UPDATE_PASSWORD".to_owned()]);
        })
        .await;
    refused(ask(&server, &query, Some(("alice", "pw"))).await);
}

/// Only registries can be asked for, and only in the registry's language; without a mapper a token
/// allows nothing.
#[tokio::test]
async fn a_token_is_for_what_a_registry_may_ask() {
    let (server, _) = with_registry().await;
    let login = Some(("alice", "pw"));
    for query in [
        vec![],
        vec![("service", "nope")],
        vec![("service", "conf")],
        vec![("service", "registry"), ("service", "registry")],
        vec![("service", "registry"), ("scope", "repository")],
        vec![("service", "registry"), ("scope", "openid")],
    ] {
        let answer = ask(&server, &query, login).await;
        assert_eq!(answer.status, 400, "{query:?} {answer:?}");
        assert_eq!(answer.body["error"], "invalid_request", "{query:?}");
    }
    let many = vec![SCOPE; 1_001].join(" ");
    let answer = ask(&server, &[("service", "registry"), ("scope", &many)], login).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    // A login without a scope, as `docker login` asks.
    let answer = ask(&server, &[("service", "registry")], login).await;
    assert_eq!(claims(answer.text("token"))["access"], json!([]));

    server
        .change_client("registry", |client| client.protocol_mappers = None)
        .await;
    let query = [("service", "registry"), ("scope", SCOPE)];
    let answer = ask(&server, &query, login).await;
    assert_eq!(claims(answer.text("token"))["access"], json!([]));
    server
        .change_client("registry", |client| client.enabled = Some(false))
        .await;
    assert_eq!(ask(&server, &query, login).await.status, 400);
    // And a registry is no client of the other endpoints.
    let own = [
        ("grant_type", "client_credentials"),
        ("client_id", "registry"),
        ("client_secret", "s3cret"),
    ];
    assert_eq!(server.token(&own).await.status, 401);
}
