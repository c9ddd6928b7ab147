//! Keys are found, kept and refreshed, and nobody can make us ask for them too often.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::time::Duration;

use realmkeep_jose::{Algorithm, JwkSet, KeyError, SigningKey};
use realmkeep_workload_identity::{ApiServer, KeyLimits, KeySource, RemoteKeys, RemoteKeysError};
use serde_json::json;
use support::{Hand, Reply, Server, http, until};

const DISCOVERY: &str = "/.well-known/openid-configuration";

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::EdDsa).unwrap()
}

fn jwks(keys: &[&SigningKey]) -> JwkSet {
    JwkSet {
        keys: keys.iter().map(|key| key.public_jwk().unwrap()).collect(),
    }
}

fn publish(server: &Server, keys: &[&SigningKey]) {
    let issuer = server.url("");
    server.on(
        DISCOVERY,
        Reply::json(&json!({"issuer": issuer, "jwks_uri": server.url("/keys")})),
    );
    server.on(
        "/keys",
        Reply::json(&serde_json::to_value(jwks(keys)).unwrap()),
    );
}

fn by_discovery(server: &Server, hand: &Hand) -> RemoteKeys {
    let source = KeySource::Discovery {
        issuer: server.url(""),
        url: None,
    };
    RemoteKeys::new(source, http(), None, KeyLimits::default(), hand.clock())
}

async fn find(keys: &RemoteKeys, key: &SigningKey) -> Result<(), RemoteKeysError> {
    keys.find(Some(key.kid()), Algorithm::EdDsa)
        .await
        .map(|_| ())
}

#[tokio::test]
async fn keys_are_fetched_once_and_a_new_one_is_found() {
    let (server, hand, old, new) = (Server::start().await, Hand::at(0), key(), key());
    publish(&server, &[&old]);
    let keys = by_discovery(&server, &hand);
    for _ in 0..10 {
        find(&keys, &old).await.unwrap();
    }
    assert_eq!(
        (server.seen(DISCOVERY).len(), server.seen("/keys").len()),
        (1, 1)
    );
    assert_eq!(keys.generation(), 1);

    publish(&server, &[&old, &new]);
    // Too soon after the last fetch.
    assert_eq!(find(&keys, &new).await, Err(KeyError::UnknownKid.into()));
    hand.forward(Duration::from_secs(10));
    find(&keys, &new).await.unwrap();
    assert_eq!((server.seen("/keys").len(), keys.generation()), (2, 2));
}

#[tokio::test]
async fn a_flood_of_unknown_kids_causes_one_fetch() {
    let (server, hand, good) = (Server::start().await, Hand::at(0), key());
    publish(&server, &[&good]);
    let keys = by_discovery(&server, &hand);
    find(&keys, &good).await.unwrap();
    hand.forward(Duration::from_secs(11));
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..500 {
        let keys = keys.clone();
        tasks.spawn(async move {
            let kid = format!("kid-{n}");
            keys.find(Some(&kid), Algorithm::EdDsa).await.unwrap_err()
        });
    }
    while let Some(error) = tasks.join_next().await {
        assert_eq!(error.unwrap(), KeyError::UnknownKid.into());
    }
    assert_eq!(server.seen("/keys").len(), 2);
    find(&keys, &good).await.unwrap();
}

#[tokio::test]
async fn known_keys_are_served_while_a_fetch_hangs() {
    let (server, hand, good) = (Server::start().await, Hand::at(0), key());
    publish(&server, &[&good]);
    let keys = by_discovery(&server, &hand);
    find(&keys, &good).await.unwrap();
    server.on("/keys", Reply::status(200).after(Duration::from_secs(3600)));
    hand.forward(Duration::from_secs(11));
    let waiting = tokio::spawn({
        let keys = keys.clone();
        async move { keys.find(Some("other"), Algorithm::EdDsa).await.map(|_| ()) }
    });
    until(|| server.seen("/keys").len() == 2).await;
    find(&keys, &good).await.unwrap();
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn keys_outlive_their_issuer_but_not_for_ever() {
    let (server, hand, good) = (Server::start().await, Hand::at(0), key());
    publish(&server, &[&good]);
    let keys = by_discovery(&server, &hand);
    find(&keys, &good).await.unwrap();

    server.on(DISCOVERY, Reply::status(500));
    hand.forward(Duration::from_secs(3600));
    find(&keys, &good).await.unwrap();
    until(|| keys.stats().failed == 1).await;
    hand.forward(Duration::from_secs(22 * 3600));
    find(&keys, &good).await.unwrap();
    until(|| keys.stats().failed == 2).await;

    hand.forward(Duration::from_secs(2 * 3600));
    let error = find(&keys, &good).await.unwrap_err();
    assert!(
        matches!(error, RemoteKeysError::Unavailable { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("500"), "{error}");
    assert_eq!(keys.generation(), 0);

    publish(&server, &[&good]);
    hand.forward(Duration::from_secs(1));
    find(&keys, &good).await.unwrap();
}

#[tokio::test]
async fn old_keys_are_refreshed_in_the_background() {
    let (server, hand, old, new) = (Server::start().await, Hand::at(0), key(), key());
    publish(&server, &[&old]);
    let keys = by_discovery(&server, &hand);
    find(&keys, &old).await.unwrap();
    publish(&server, &[&new]);
    hand.forward(Duration::from_secs(601));
    // Served from what is there, and refreshed for the next.
    find(&keys, &old).await.unwrap();
    until(|| keys.generation() == 2).await;
    assert_eq!(find(&keys, &old).await, Err(KeyError::UnknownKid.into()));
    find(&keys, &new).await.unwrap();
}

#[tokio::test]
async fn a_clock_set_back_does_not_stop_anything() {
    let (server, hand, old, new) = (Server::start().await, Hand::at(1_000_000_000), key(), key());
    publish(&server, &[&old]);
    let keys = by_discovery(&server, &hand);
    find(&keys, &old).await.unwrap();
    publish(&server, &[&old, &new]);
    hand.back(Duration::from_secs(3600));
    find(&keys, &old).await.unwrap();
    find(&keys, &new).await.unwrap();
}

#[tokio::test]
async fn an_issuer_that_is_down_at_first_is_asked_again_soon() {
    let (server, hand, good) = (Server::start().await, Hand::at(0), key());
    let keys = by_discovery(&server, &hand);
    for _ in 0..5 {
        assert!(matches!(
            find(&keys, &good).await,
            Err(RemoteKeysError::Unavailable { .. })
        ));
    }
    assert_eq!(server.seen(DISCOVERY).len(), 1);
    publish(&server, &[&good]);
    hand.forward(Duration::from_secs(1));
    find(&keys, &good).await.unwrap();
}

#[tokio::test]
async fn metadata_of_another_issuer_is_refused() {
    let (server, hand, good) = (Server::start().await, Hand::at(0), key());
    publish(&server, &[&good]);
    server.on(
        DISCOVERY,
        Reply::json(&json!({"issuer": server.url("/"), "jwks_uri": server.url("/keys")})),
    );
    let keys = by_discovery(&server, &hand);
    let error = find(&keys, &good).await.unwrap_err().to_string();
    assert!(error.contains("names the issuer"), "{error}");
    assert!(server.seen("/keys").is_empty());
}

#[tokio::test]
async fn keys_from_a_file_and_from_configuration() {
    let (hand, old, new) = (Hand::at(0), key(), key());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), serde_json::to_vec(&jwks(&[&old])).unwrap()).unwrap();
    let source = KeySource::File {
        path: file.path().to_owned(),
    };
    let keys = RemoteKeys::new(source, http(), None, KeyLimits::default(), hand.clock());
    find(&keys, &old).await.unwrap();
    std::fs::write(file.path(), serde_json::to_vec(&jwks(&[&new])).unwrap()).unwrap();
    hand.forward(Duration::from_secs(10));
    find(&keys, &new).await.unwrap();

    let source = KeySource::Static(jwks(&[&old]));
    let keys = RemoteKeys::new(source, http(), None, KeyLimits::default(), hand.clock());
    hand.forward(Duration::from_secs(365 * 24 * 3600));
    find(&keys, &old).await.unwrap();
    assert_eq!(find(&keys, &new).await, Err(KeyError::UnknownKid.into()));
}

/// spec: FCA-26
#[tokio::test]
async fn our_own_token_goes_to_the_api_server_and_nowhere_else() {
    let (api, elsewhere, hand, good) = (
        Server::start().await,
        Server::start().await,
        Hand::at(0),
        key(),
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    let own = |issuer: &str| {
        good.sign("JWT", &json!({"iss": issuer, "sub": "us"}))
            .unwrap()
    };
    std::fs::write(file.path(), own(&api.url(""))).unwrap();
    let api_server = ApiServer::new(&[api.url("")], file.path(), http()).unwrap();
    let keys = |source| {
        RemoteKeys::new(
            source,
            http(),
            Some(api_server.clone()),
            KeyLimits::default(),
            hand.clock(),
        )
    };

    // Keys behind the literal address of a control plane node are asked for at the known origin.
    api.on(
        DISCOVERY,
        Reply::json(
            &json!({"issuer": api.url(""), "jwks_uri": "https://203.0.113.7:6443/openid/v1/jwks"}),
        ),
    );
    api.on(
        "/openid/v1/jwks",
        Reply::json(&serde_json::to_value(jwks(&[&good])).unwrap()),
    );
    let source = KeySource::Discovery {
        issuer: api.url(""),
        url: None,
    };
    find(&keys(source.clone()), &good).await.unwrap();
    let expected = Some(format!("Bearer {}", own(&api.url(""))));
    assert_eq!(api.seen(DISCOVERY)[0].authorization, expected);
    assert_eq!(api.seen("/openid/v1/jwks")[0].authorization, expected);

    // Keys somewhere else are fetched without it.
    api.on(
        DISCOVERY,
        Reply::json(&json!({"issuer": api.url(""), "jwks_uri": elsewhere.url("/openid/v1/keys")})),
    );
    elsewhere.on(
        "/openid/v1/keys",
        Reply::json(&serde_json::to_value(jwks(&[&good])).unwrap()),
    );
    find(&keys(source.clone()), &good).await.unwrap();
    assert_eq!(elsewhere.seen("/openid/v1/keys")[0].authorization, None);

    // So is the metadata of another issuer.
    publish(&elsewhere, &[&good]);
    let other = KeySource::Discovery {
        issuer: elsewhere.url(""),
        url: None,
    };
    find(&keys(other), &good).await.unwrap();
    assert!(
        elsewhere
            .seen(DISCOVERY)
            .iter()
            .all(|seen| seen.authorization.is_none())
    );

    // A token that is not from the issuer asked about stays at home.
    std::fs::write(file.path(), own("https://somebody.example")).unwrap();
    let before = api.seen(DISCOVERY).len();
    find(&keys(source), &good).await.unwrap();
    assert!(
        api.seen(DISCOVERY)[before..]
            .iter()
            .all(|seen| seen.authorization.is_none())
    );
}
