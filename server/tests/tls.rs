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

/// A client may show a certificate of the configured authorities: it proves who the client is, and
/// tokens are bound to it. One of other authorities does not get through the handshake.
///
/// spec: CCRED-09, OCA-10
#[tokio::test]
async fn a_client_authenticates_with_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let authority = |name: &str| {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        (certificate.pem(), rcgen::Issuer::new(params, key))
    };
    let (ca, issuer) = authority("ours");
    let (_, stranger) = authority("a stranger's");
    let client = |issuer: &rcgen::Issuer<'static, rcgen::KeyPair>| {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "app-1");
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        let key = rcgen::KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, issuer).unwrap();
        let identity = format!("{}{}", leaf.pem(), key.serialize_pem());
        let root = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
        reqwest::Client::builder()
            .tls_certs_only([root])
            .identity(reqwest::Identity::from_pem(identity.as_bytes()).unwrap())
            .no_proxy()
            .build()
            .unwrap()
    };
    let server = Server::start(
        &folder.path().join("data"),
        &[
            "--https-certificate-file",
            &file("tls.crt", &made.cert.pem()),
            "--https-certificate-key-file",
            &file("tls.key", &made.signing_key.serialize_pem()),
            "--https-client-ca-file",
            &file("clients.crt", &ca),
            "--bootstrap-admin-username",
            "root",
            "--bootstrap-admin-password-file",
            &file("password", "a-good-password"),
        ],
    );
    let port = server.url.rsplit(':').next().unwrap();
    let base = format!("https://localhost:{port}");
    let with = client(&issuer);
    let token_url = format!("{base}/realms/master/protocol/openid-connect/token");
    let admin = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "root"),
        ("password", "a-good-password"),
    ];
    let answer = with.post(&token_url).form(&admin).send().await.unwrap();
    let tokens: serde_json::Value = answer.json().await.unwrap();
    let made_client = serde_json::json!({
        "clientId": "app", "clientAuthenticatorType": "client-x509", "publicClient": false,
        "serviceAccountsEnabled": true,
        "attributes": {
            "x509.subjectdn": "CN=app-1",
            "tls.client.certificate.bound.access.tokens": "true",
        },
    });
    let answer = with
        .post(format!("{base}/admin/realms/master/clients"))
        .bearer_auth(tokens["access_token"].as_str().unwrap())
        .json(&made_client)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
    let own = [
        ("grant_type", "client_credentials"),
        ("client_id", "app"),
        ("scope", "openid"),
    ];
    let answer = with.post(&token_url).form(&own).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let tokens: serde_json::Value = answer.json().await.unwrap();
    let bound = tokens["access_token"].as_str().unwrap();
    let userinfo = format!("{base}/realms/master/protocol/openid-connect/userinfo");
    let get = async |http: &reqwest::Client| {
        let request = http.get(&userinfo).bearer_auth(bound);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(get(&with).await, 200);
    assert_eq!(
        get(&client(&issuer)).await,
        401,
        "the same name, another certificate"
    );
    let root = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let without = reqwest::Client::builder().tls_certs_only([root]).no_proxy();
    let without = without.build().unwrap();
    assert_eq!(get(&without).await, 401);
    // A header says nothing, unless a trusted proxy sends it.
    let answer = without
        .post(&token_url)
        .header("Client-Cert", ":AAAA:")
        .form(&own)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 401);
    let refused = client(&stranger).post(&token_url).form(&own).send().await;
    assert!(refused.is_err(), "{refused:?}");
}

/// A realm says from where it takes requests in the clear: from nowhere, from private addresses, from
/// everywhere; pages, protocol, account and administration alike. What a trusted proxy says of the
/// client is what counts.
///
/// spec: TLS-01, TLS-02, TLS-03, TLS-04, SEC-09
#[tokio::test]
async fn a_realm_says_whether_it_takes_plain_http() {
    const HERE: Option<&str> = None;
    let data = tempfile::tempdir().unwrap();
    let server = Server::spawn(
        realmkeep()
            .args(serve_args(data.path()))
            .args(["--proxy-headers", "xforwarded"])
            .args(["--proxy-trusted-addresses", "127.0.0.1"])
            .env("KC_BOOTSTRAP_ADMIN_USERNAME", "root")
            .env("KC_BOOTSTRAP_ADMIN_PASSWORD", "root"),
    );
    let at = format!("http://{}", server.address);
    let (_, signed_in) = support::sign_in(&server.address, "root", "root").await;
    let admin = signed_in["access_token"].as_str().unwrap();
    let manage = async |method: reqwest::Method, path: &str, body: serde_json::Value| {
        let request = support::http()
            .request(method, format!("{at}/admin/realms{path}"))
            .bearer_auth(admin)
            .json(&body);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path} {}", answer.status());
    };
    let realm = serde_json::json!({"realm": "r", "enabled": true, "users": [{
        "username": "manager", "enabled": true, "email": "m@example.test", "firstName": "M",
        "lastName": "M", "credentials": [{"type": "password", "value": "pw"}],
        "clientRoles": {"realm-management": ["view-realm"], "account": ["view-profile"]},
    }]});
    manage(reqwest::Method::POST, "", realm).await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "manager"),
        ("password", "pw"),
    ];
    let (status, of_r) = support::token(&server.address, "r", &form).await;
    assert_eq!(status, 200, "{of_r}");
    let token = of_r["access_token"].as_str().unwrap();

    let protocol = "/realms/r/protocol/openid-connect";
    let asked = [
        "/realms/r",
        "/realms/r/.well-known/openid-configuration",
        &format!("{protocol}/certs"),
        &format!("{protocol}/userinfo"),
        &format!("{protocol}/auth?client_id=nope"),
        "/realms/r/login-actions/authenticate",
        "/realms/r/account/",
        "/admin/realms/r",
        "/admin/r/console/",
    ];
    // From a client at the address, which speaks HTTP or HTTPS to the proxy.
    let refused = async |from: Option<&str>, scheme: &str| {
        let mut refused = Vec::new();
        for path in asked {
            for accept in ["text/html", "application/json"] {
                let mut request = support::http()
                    .get(format!("{at}{path}"))
                    .header("accept", accept)
                    .header("x-forwarded-proto", scheme)
                    .bearer_auth(token);
                if let Some(from) = from {
                    request = request.header("x-forwarded-for", from);
                }
                let answer = request.send().await.unwrap();
                let status = answer.status().as_u16();
                let text = answer.text().await.unwrap();
                let is_refused = text.contains("HTTPS");
                if is_refused {
                    assert_eq!(status, 403, "{path} {accept}");
                }
                refused.push(is_refused);
            }
        }
        assert!(refused.iter().all(|one| *one == refused[0]), "{refused:?}");
        refused[0]
    };
    assert!(
        !refused(HERE, "http").await,
        "external is what realms begin with"
    );
    for private in [
        "192.168.1.5",
        "10.1.2.3",
        "172.16.9.9",
        "fd00::5",
        "fe80::5",
    ] {
        assert!(!refused(Some(private), "http").await, "{private}");
    }
    assert!(refused(Some("203.0.113.9"), "http").await);
    assert!(!refused(Some("203.0.113.9"), "https").await);
    let mode = |mode| serde_json::json!({"sslRequired": mode});
    manage(reqwest::Method::PUT, "/r", mode("none")).await;
    assert!(!refused(Some("203.0.113.9"), "http").await);
    manage(reqwest::Method::PUT, "/r", mode("all")).await;
    assert!(refused(HERE, "http").await);
    assert!(refused(Some("10.1.2.3"), "http").await);
    assert!(!refused(Some("10.1.2.3"), "https").await);
    let (status, answer) = support::token(&server.address, "r", &form).await;
    assert_eq!((status, &answer["error"]), (403, &"invalid_request".into()));
    assert_eq!(answer["error_description"], "HTTPS required");
}
