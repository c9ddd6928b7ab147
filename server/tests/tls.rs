//! TLS with a certificate of our own making.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use support::{Server, realmkeep, serve_args, stderr};

#[tokio::test]
async fn tls_is_served_with_the_configured_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let (chain, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    std::fs::write(&chain, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let certificate = [
        "--https-certificate-file",
        chain.to_str().unwrap(),
        "--https-certificate-key-file",
        key.to_str().unwrap(),
    ];
    let server = Server::start(&folder.path().join("data"), &certificate);
    let port = server.url.rsplit(':').next().unwrap();
    let url = format!("https://localhost:{port}/realms/master");
    assert!(server.url.starts_with("https://"));
    let root = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let trusting = reqwest::Client::builder()
        .tls_certs_only([root])
        .no_proxy()
        .build()
        .unwrap();
    let answer = trusting.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("strict-transport-security"));
    // Nobody else's certificate, and no plain HTTP on that port.
    assert!(support::http().get(&url).send().await.is_err());
    let plain = format!("http://localhost:{port}/");
    assert!(support::http().get(plain).send().await.is_err());
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let make = || rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let (chain, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    std::fs::write(&chain, make().cert.pem()).unwrap();
    std::fs::write(&key, make().signing_key.serialize_pem()).unwrap();
    let output = realmkeep()
        .args(serve_args(&folder.path().join("data")))
        .args(["--https-certificate-file", chain.to_str().unwrap()])
        .args(["--https-certificate-key-file", key.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("not a certificate and its key"),
        "{}",
        stderr(&output)
    );
}
