//! A workload gets tokens without a secret, and keeps them while the server is away.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use realmkeep_jose::{Algorithm, SigningKey};
use realmkeep_workload_identity::{
    AssertionError, AssertionSource, TokenClient, TokenClientConfig, TokenEndpoint, TokenError,
    TokenEvent, TokenRequest,
};
use serde_json::json;
use support::{Hand, Reply, Server, http, until};
use tempfile::NamedTempFile;

struct Workload {
    server: Server,
    hand: Hand,
    file: NamedTempFile,
    client: TokenClient,
    events: Arc<Mutex<Vec<TokenEvent>>>,
}

impl Workload {
    async fn new() -> Self {
        let server = Server::start().await;
        let endpoint = TokenEndpoint::Url(server.url("/token"));
        Self::with(server, endpoint)
    }

    fn with(server: Server, endpoint: TokenEndpoint) -> Self {
        let hand = Hand::at(1_000_000);
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), assertion("one")).unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let client = TokenClient::observed(
            TokenClientConfig {
                endpoint,
                client_id: Some("app".to_owned()),
                proof_key: None,
            },
            AssertionSource::TokenFile(file.path().to_owned()),
            http(),
            hand.clock(),
            {
                let events = Arc::clone(&events);
                move |_, event| events.lock().unwrap().push(event)
            },
        );
        Self {
            server,
            hand,
            file,
            client,
            events,
        }
    }

    fn issues(&self, token: &str, life: u64) {
        self.server.on(
            "/token",
            Reply::json(
                &json!({"access_token": token, "token_type": "Bearer", "expires_in": life}),
            ),
        );
    }

    async fn token(&self) -> Result<String, TokenError> {
        self.client
            .token(&orders())
            .await
            .map(|token| token.token.expose().to_owned())
    }

    fn asked(&self) -> usize {
        self.server.seen("/token").len()
    }
}

fn assertion(jti: &str) -> String {
    let key = SigningKey::hmac(Algorithm::Hs256, "k", &[1; 32]).unwrap();
    key.sign(
        "JWT",
        &json!({"iss": "k8s", "sub": "sa", "iat": 1000, "exp": 2000, "jti": jti}),
    )
    .unwrap()
}

fn orders() -> TokenRequest {
    TokenRequest {
        audience: Some("orders".to_owned()),
        scope: Some("read write".to_owned()),
        ..TokenRequest::default()
    }
}

/// spec: FCA-04
#[tokio::test]
async fn the_request_is_the_one_of_rfc_7523_with_the_file_as_it_is_now() {
    let workload = Workload::new().await;
    workload.issues("t1", 300);
    assert_eq!(workload.token().await.unwrap(), "t1");
    std::fs::write(workload.file.path(), format!("{}\n", assertion("two"))).unwrap();
    workload
        .client
        .token(&TokenRequest::default())
        .await
        .unwrap();

    let seen = workload.server.seen("/token");
    assert_eq!(
        seen[0].body,
        format!(
            "grant_type=client_credentials\
             &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer\
             &client_assertion={}&client_id=app&audience=orders&scope=read+write",
            assertion("one")
        )
    );
    assert!(seen[1].body.contains(&assertion("two")));
    assert!(!seen[1].body.contains("audience"));
    assert!(seen.iter().all(|seen| seen.authorization.is_none()));
}

#[tokio::test]
async fn a_token_is_asked_for_once_per_request_and_its_time_runs() {
    let workload = Workload::new().await;
    workload.issues("t1", 300);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let client = workload.client.clone();
        tasks.spawn(async move { client.token(&orders()).await.unwrap() });
    }
    while let Some(token) = tasks.join_next().await {
        assert_eq!(token.unwrap().expires_in(&workload.hand.clock()), 300);
    }
    assert_eq!(workload.asked(), 1);
    workload.hand.forward(Duration::from_secs(100));
    let token = workload.client.token(&orders()).await.unwrap();
    assert_eq!(token.expires_in(&workload.hand.clock()), 200);
    // Another audience or scope is another token.
    workload
        .client
        .token(&TokenRequest {
            scope: None,
            ..orders()
        })
        .await
        .unwrap();
    assert_eq!(workload.asked(), 2);
}

#[tokio::test]
async fn a_token_is_renewed_ahead_and_served_while_that_fails() {
    let workload = Workload::new().await;
    workload.issues("t1", 300);
    workload.token().await.unwrap();
    workload.server.on("/token", Reply::status(503));

    // Due between 162 s and 198 s of 300 s.
    workload.hand.forward(Duration::from_secs(161));
    workload.token().await.unwrap();
    assert_eq!(workload.asked(), 1);
    workload.hand.forward(Duration::from_secs(40));
    for _ in 0..20 {
        assert_eq!(workload.token().await.unwrap(), "t1");
    }
    until(|| {
        workload
            .events
            .lock()
            .unwrap()
            .contains(&TokenEvent::ServedStale)
    })
    .await;
    assert_eq!(workload.asked(), 2);

    // The server is back before the token ends: nobody has noticed.
    workload.issues("t2", 300);
    workload.hand.forward(Duration::from_secs(30));
    assert_eq!(workload.token().await.unwrap(), "t1");
    until(|| {
        workload
            .client
            .held(&orders())
            .is_some_and(|held| held.token.expose() == "t2")
    })
    .await;

    // If it is not, the last ten seconds are not handed out.
    workload.server.on("/token", Reply::status(503));
    workload.hand.forward(Duration::from_secs(289));
    assert_eq!(workload.token().await.unwrap(), "t2");
    until(|| workload.asked() == 4).await;
    workload.hand.forward(Duration::from_secs(60));
    assert_eq!(workload.token().await, Err(TokenError::ServerError(503)));
}

#[tokio::test]
async fn a_refusal_is_remembered_longer_each_time() {
    let workload = Workload::new().await;
    workload.server.on(
        "/token",
        Reply::json(&json!({"error": "invalid_client", "error_description": "no\nsuch client"}))
            .with_status(401),
    );
    let refused = TokenError::Rejected {
        status: 401,
        error: "invalid_client".to_owned(),
        description: Some("no such client".to_owned()),
    };
    for (pause, asked) in [
        (0, 1),
        (4, 1),
        (1, 2),
        (9, 2),
        (1, 3),
        (19, 3),
        (1, 4),
        (40, 5),
        (59, 5),
        (1, 6),
        (60, 7),
    ] {
        workload.hand.forward(Duration::from_secs(pause));
        assert_eq!(workload.token().await, Err(refused.clone()));
        assert_eq!(workload.asked(), asked, "after {pause} s more");
    }
    workload.issues("t1", 300);
    workload.hand.forward(Duration::from_secs(60));
    assert_eq!(workload.token().await.unwrap(), "t1");
}

#[tokio::test]
async fn the_endpoint_is_found_by_discovery_and_remembered() {
    let server = Server::start().await;
    let issuer = server.url("/realms/demo");
    let path = "/realms/demo/.well-known/openid-configuration";
    let endpoint = TokenEndpoint::Issuer {
        issuer: issuer.clone(),
        url: None,
    };
    let workload = Workload::with(server, endpoint);
    assert!(matches!(
        workload.token().await,
        Err(TokenError::Discovery(_))
    ));

    let metadata = json!({"issuer": issuer, "token_endpoint": workload.server.url("/token")});
    workload.server.on(path, Reply::json(&metadata));
    workload.issues("t1", 60);
    workload.hand.forward(Duration::from_secs(2));
    assert_eq!(workload.token().await.unwrap(), "t1");
    workload.hand.forward(Duration::from_secs(60));
    workload.token().await.unwrap();
    assert_eq!(workload.server.seen(path).len(), 2);

    // Its metadata gone, its endpoint still works.
    workload.server.on(path, Reply::status(500));
    workload.hand.forward(Duration::from_secs(3600));
    workload.token().await.unwrap();
    assert_eq!(workload.server.seen(path).len(), 3);
}

#[tokio::test]
async fn answers_that_cannot_be_used() {
    for answer in [
        json!({}),
        json!({"access_token": "a"}),
        json!({"access_token": "a", "token_type": "DPoP", "expires_in": 60}),
        json!({"access_token": "", "token_type": "Bearer"}),
        json!({"access_token": "a\r\nX: y", "token_type": "Bearer"}),
        json!({"access_token": "a", "token_type": "Bearer", "expires_in": -1}),
        json!({"access_token": "a", "token_type": "Bearer", "expires_in": "soon"}),
        json!({"access_token": "a", "token_type": "Bearer", "expires_in": []}),
    ] {
        let workload = Workload::new().await;
        workload.server.on("/token", Reply::json(&answer));
        assert!(
            matches!(workload.token().await, Err(TokenError::InvalidAnswer(_))),
            "{answer}"
        );
    }
    for (expires_in, seconds) in [
        (json!(1e300), 86400),
        (json!("120"), 120),
        (json!(1.5), 1),
        (json!(null), 60),
    ] {
        let workload = Workload::new().await;
        workload.server.on(
            "/token",
            Reply::json(
                &json!({"access_token": "a", "token_type": "bearer", "expires_in": expires_in}),
            ),
        );
        let token = workload.client.token(&orders()).await.unwrap();
        assert_eq!(token.expires_in(&workload.hand.clock()), seconds);
    }
}

#[tokio::test]
async fn a_missing_or_broken_file_says_so_and_is_looked_at_again() {
    let workload = Workload::new().await;
    workload.issues("t1", 300);
    let path = workload.file.path().to_owned();
    std::fs::remove_file(&path).unwrap();
    let error = workload.token().await.unwrap_err();
    assert!(
        matches!(
            error,
            TokenError::Assertion(AssertionError::Unreadable { .. })
        ),
        "{error}"
    );
    assert!(error.to_string().contains(path.to_str().unwrap()));

    std::fs::write(&path, "canary").unwrap();
    workload.hand.forward(Duration::from_secs(1));
    let error = workload.token().await.unwrap_err();
    assert!(
        matches!(error, TokenError::Assertion(AssertionError::Invalid { .. })),
        "{error}"
    );
    assert!(!error.to_string().contains("canary"));

    std::fs::write(&path, assertion("one")).unwrap();
    workload.hand.forward(Duration::from_secs(2));
    assert_eq!(workload.token().await.unwrap(), "t1");
    assert_eq!(workload.asked(), 1);
}
