//! What the guarded client refuses on the wire.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::time::Duration;

use realmkeep_workload_identity::{
    MAX_BODY_BYTES, OutboundConfig, OutboundError, OutboundHttp, Secret, TrustRoots,
};
use serde_json::{Value, json};
use support::{Reply, Server, http};

#[tokio::test]
async fn answers_are_bounded_and_redirects_not_followed() {
    let server = Server::start().await;
    server.on(
        "/ok",
        Reply::json(&json!({"a": 1})).header("cache-control", "max-age=7"),
    );
    server.on(
        "/moved",
        Reply::status(302).header("location", server.url("/ok")),
    );
    server.on("/huge", Reply::json(&json!("x".repeat(MAX_BODY_BYTES))));
    server.on("/error", Reply::json(&json!({})).with_status(503));
    server.on(
        "/text",
        Reply {
            body: "secret <html>".to_owned(),
            ..Reply::status(200)
        },
    );
    let http = http();
    let get = async |path: &str| {
        http.get_json::<Value>(&server.url(path), "application/json", None)
            .await
    };

    let (value, fetched) = get("/ok").await.unwrap();
    assert_eq!(
        (value, fetched.max_age),
        (json!({"a": 1}), Some(Duration::from_secs(7)))
    );
    assert!(matches!(
        get("/moved").await,
        Err(OutboundError::Redirect { status: 302, .. })
    ));
    assert_eq!(server.seen("/ok").len(), 1);
    assert!(matches!(
        get("/huge").await,
        Err(OutboundError::TooLarge(_))
    ));
    assert!(matches!(
        get("/error").await,
        Err(OutboundError::Status { status: 503, .. })
    ));
    let error = get("/text").await.unwrap_err();
    assert!(matches!(error, OutboundError::InvalidJson { .. }));
    assert!(!error.to_string().contains("secret"));
}

#[tokio::test]
async fn a_slow_server_is_given_up() {
    let server = Server::start().await;
    server.on("/slow", Reply::status(200).after(Duration::from_secs(60)));
    let http = OutboundHttp::new(&OutboundConfig {
        allow_http_loopback: true,
        total_timeout: Duration::from_millis(50),
        ..OutboundConfig::default()
    })
    .unwrap();
    assert!(matches!(
        http.get(&server.url("/slow"), "*/*", None).await,
        Err(OutboundError::Timeout(_))
    ));
}

#[tokio::test]
async fn names_that_lead_inside_are_refused_after_resolution() {
    // https, so that only the address is wrong.
    let strict = OutboundHttp::new(&OutboundConfig::default()).unwrap();
    let error = strict
        .get("https://localhost:1/", "*/*", None)
        .await
        .unwrap_err();
    assert!(
        matches!(error, OutboundError::RefusedAddress { .. }),
        "{error}"
    );

    let cluster = OutboundHttp::new(&OutboundConfig {
        allow_private_addresses: true,
        ..OutboundConfig::default()
    })
    .unwrap();
    let error = cluster
        .get("https://localhost:1/", "*/*", None)
        .await
        .unwrap_err();
    assert!(
        matches!(error, OutboundError::Unreachable { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn errors_hold_neither_path_nor_credential() {
    let http = http();
    let bearer = Secret::new("canary-token");
    let error = http
        .get(
            "http://127.0.0.1:1/canary-path?canary=query",
            "*/*",
            Some(&bearer),
        )
        .await
        .unwrap_err();
    assert!(
        !format!("{error} {error:?} {bearer:?}").contains("canary"),
        "{error:?}"
    );
}

#[test]
fn certificate_files_are_checked_at_the_start() {
    for pem in [
        &b""[..],
        b"not a certificate",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let config = OutboundConfig {
            roots: TrustRoots::Only(vec![pem.to_vec()]),
            ..OutboundConfig::default()
        };
        assert!(matches!(
            OutboundHttp::new(&config),
            Err(OutboundError::Setup(_))
        ));
    }
}
