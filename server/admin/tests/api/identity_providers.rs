//! What identity providers say about themselves.

use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};

use crate::support::Server;

/// A provider of the network, with a discovery document.
async fn provider() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let document = json!({
        "issuer": base, "authorization_endpoint": format!("{base}/auth"), "token_endpoint": format!("{base}/token"),
        "userinfo_endpoint": format!("{base}/userinfo"), "end_session_endpoint": format!("{base}/logout"),
        "introspection_endpoint": format!("{base}/introspect"), "jwks_uri": format!("{base}/certs"),
        "response_types_supported": ["code"],
    });
    let app = Router::new()
        .route(
            "/.well-known/openid-configuration",
            get(async move || axum::Json(document.clone())),
        )
        .route("/other", get(async || axum::Json(json!({"x": 1}))));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    base
}

/// A discovery document, by address or as a file, becomes the configuration that a provider is made with.
#[tokio::test]
async fn a_discovery_document_becomes_a_configuration() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let base = provider().await;
    let url = format!("{base}/.well-known/openid-configuration");
    let path = "/r/identity-provider/import-config";
    let by_url = admin
        .post(path, json!({"providerId": "oidc", "fromUrl": url}))
        .await
        .is(200)
        .body;
    let mut expected = json!({
        "issuer": base, "authorizationUrl": format!("{base}/auth"), "tokenUrl": format!("{base}/token"),
        "userInfoUrl": format!("{base}/userinfo"), "logoutUrl": format!("{base}/logout"),
        "tokenIntrospectionUrl": format!("{base}/introspect"), "jwksUrl": format!("{base}/certs"),
        "validateSignature": "true", "useJwksUrl": "true", "metadataDescriptorUrl": url,
    });
    assert_eq!(by_url, expected);
    let file = json!({"issuer": base, "jwks_uri": format!("{base}/certs")}).to_string();
    let form = format!(
        "--b\r\nContent-Disposition: form-data; name=\"providerId\"\r\n\r\noidc\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"d.json\"\r\n\r\n{file}\r\n--b--\r\n"
    );
    let by_file = admin
        .form(path, ("multipart/form-data; boundary=b".into(), form))
        .await
        .is(200)
        .body;
    expected = json!({
        "issuer": base, "jwksUrl": format!("{base}/certs"), "validateSignature": "true", "useJwksUrl": "true",
    });
    assert_eq!(by_file, expected);
    for wrong in [
        json!({}),
        json!({"providerId": "oidc"}),
        json!({"providerId": "oidc", "fromUrl": format!("{base}/other")}),
        json!({"providerId": "oidc", "fromUrl": format!("{base}/nothing")}),
        json!({"providerId": "oidc", "fromUrl": "http://192.0.2.1/x"}),
        json!({"providerId": "oidc", "fromUrl": "file:///etc/passwd"}),
        json!({"providerId": "nope", "fromUrl": url}),
    ] {
        admin.post(path, wrong).await.is(400);
    }
}

/// A certificate is shown with its key, and keys that were fetched can be fetched anew.
#[tokio::test]
async fn certificates_are_read_and_keys_reloaded() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let keys = admin.get("/r/keys").await.is(200).body;
    let certificate = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|k| k["certificate"].is_string() && k["algorithm"] == "RS256")
        .unwrap();
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        certificate["certificate"].as_str().unwrap()
    );
    let form = |format: &str, file: &str| {
        (
            "multipart/form-data; boundary=b".to_owned(),
            format!(
                "--b\r\nContent-Disposition: form-data; name=\"keystoreFormat\"\r\n\r\n{format}\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"c.pem\"\r\n\r\n{file}\r\n--b--\r\n"
            ),
        )
    };
    let path = "/r/identity-provider/upload-certificate";
    let read = admin
        .form(path, form("Certificate PEM", &pem))
        .await
        .is(200)
        .body;
    assert_eq!(read["certificate"], certificate["certificate"]);
    assert_eq!(read["publicKey"], certificate["publicKey"]);
    admin.form(path, form("JKS", &pem)).await.is(400);
    admin
        .form(path, form("Certificate PEM", "nothing"))
        .await
        .is(400);

    let oidc = json!({
        "alias": "o", "providerId": "oidc",
        "config": {
            "clientId": "c", "authorizationUrl": "https://i.example.test/a", "tokenUrl": "https://i.example.test/t",
            "jwksUrl": "https://i.example.test/k", "useJwksUrl": "true",
        },
    });
    admin
        .post("/r/identity-provider/instances", oidc)
        .await
        .is(201);
    let reload = "/r/identity-provider/instances/o/reload-keys";
    assert_eq!(admin.get(reload).await.is(200).body, Value::Bool(true));
    admin
        .get("/r/identity-provider/instances/o/export")
        .await
        .is(204);
    admin
        .get("/r/identity-provider/instances/nope/reload-keys")
        .await
        .is(404);
}
