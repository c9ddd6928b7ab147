//! `realmkeep dev` on the quickstart, from the first start to the last edit.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::path::PathBuf;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use support::{Running, http, quickstart_copy, realmkeep, token};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

struct Dev {
    program: Running,
    folder: tempfile::TempDir,
    server: String,
    issuer: String,
    /// The two printed commands.
    commands: String,
}

impl Dev {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let yaml = folder.path().join("yaml");
        quickstart_copy(&yaml);
        let mut program = Running::spawn(realmkeep().args(["dev", yaml.to_str().unwrap()]).args([
            "--port",
            "0",
            "--issuer-port",
            "0",
            "--management-port",
            "0",
        ]));
        let value = |line: &str, name: &str| {
            let (found, value) = line.split_once("http://")?;
            (found.trim() == name).then(|| format!("http://{value}"))
        };
        let server = program.wait_for("the server's URL", |line| value(line, "server"));
        let issuer = program.wait_for("the issuer's URL", |line| value(line, "test issuer"));
        let first = program.wait_for_text("SA_TOKEN=");
        let second = program.wait_for_text("curl -sS -d grant_type");
        program.wait_for_text("watching");
        Self {
            program,
            folder,
            server,
            issuer,
            commands: format!("{first}\n{second}\n"),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("yaml").join(name)
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.file(name)).unwrap();
        assert!(text.contains(from), "{name}: {from}");
        std::fs::write(self.file(name), text.replace(from, to)).unwrap();
    }

    fn realm(&self) -> String {
        format!("{}/realms/quickstart", self.server)
    }

    async fn mint(&self, request: &Value) -> (u16, Value) {
        let url = format!("{}/token", self.issuer);
        let answer = http().post(url).json(request).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Exchanges a service account token for an access token.
    async fn exchange(&self, namespace: &str, account: &str, audience: &str) -> (u16, Value) {
        let request = json!({"namespace": namespace, "serviceAccount": account, "audience": audience, "expirationSeconds": 600});
        let (status, minted) = self.mint(&request).await;
        assert_eq!(status, 200, "{minted}");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", minted["token"].as_str().unwrap()),
        ];
        let address = self.server.trim_start_matches("http://");
        token(address, "quickstart", &form).await
    }

    async fn works(&self) -> Value {
        let (status, answer) = self.exchange("shop", "shop-backend", &self.realm()).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// The printed commands, pasted into a shell, give an access token; no secret is anywhere.
///
/// spec: FCA-04, FCA-08, FCA-10, FCA-11, FCA-25, CORE-13, CORE-15
#[tokio::test]
async fn the_printed_commands_get_a_token() {
    let mut dev = Dev::start();
    let said = dev.program.said.join("\n");
    for object in [
        "created    realm \"quickstart\"",
        "created    client \"shop-backend\"",
        "created    identity provider \"kubernetes\"",
    ] {
        assert!(said.contains(object), "{object} is missing in\n{said}");
    }
    assert!(said.contains("is the test issuer"), "{said}");
    assert!(
        said.contains(&format!("issuer      {}", dev.realm())),
        "{said}"
    );
    let output = Command::new("sh")
        .args(["-c", &dev.commands])
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {output:?}\n{}", dev.commands));
    let claims = claims(answer["access_token"].as_str().unwrap());
    assert_eq!(claims["iss"], dev.realm());
    assert_eq!(claims["azp"], "shop-backend");
    dev.program.signal("TERM");
    assert!(dev.program.wait().success());
}

/// spec: FCA-09, FCA-10
#[tokio::test]
async fn only_the_right_account_and_audience_get_a_token() {
    let dev = Dev::start();
    dev.works().await;
    let (status, answer) = dev.exchange("shop", "another", &dev.realm()).await;
    assert_eq!((status, &answer["error"]), (401, &json!("invalid_client")));
    let (status, answer) = dev
        .exchange("shop", "shop-backend", "https://elsewhere.example")
        .await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_client")));
    // The account that administers is nobody else's.
    let request = json!({"namespace": "realmkeep-dev", "serviceAccount": "operator", "audience": dev.realm()});
    assert_eq!(dev.mint(&request).await.0, 403);
    for bad in [
        json!({}),
        json!({"namespace": "A B", "serviceAccount": "x", "audience": "y"}),
        json!({"namespace": "a", "serviceAccount": "x", "audience": "y", "colour": 1}),
    ] {
        let (status, answer) = dev.mint(&bad).await;
        assert_eq!(status, 400, "{answer}");
        assert!(!answer["error"].as_str().unwrap().is_empty());
    }
    // Nor is a page in a browser on this machine served.
    let page = http()
        .post(format!("{}/token", dev.issuer))
        .header("origin", "https://evil.example")
        .json(&json!({"namespace": "shop", "serviceAccount": "shop-backend", "audience": dev.realm()}))
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 403);
}

/// An edit is applied; a removed file's client is gone, and its tokens with it.
#[tokio::test]
async fn edits_are_applied() {
    let mut dev = Dev::start();
    assert_eq!(dev.works().await["expires_in"], 300);
    dev.edit(
        "realm.yaml",
        "accessTokenLifespan: 300",
        "accessTokenLifespan: 120",
    );
    dev.program.wait_for_text("updated    realm \"quickstart\"");
    dev.program.wait_for_text("watching");
    assert_eq!(dev.works().await["expires_in"], 120);
    std::fs::remove_file(dev.file("client.yaml")).unwrap();
    dev.program
        .wait_for_text("deleted    client \"shop-backend\"");
    dev.program.wait_for_text("watching");
    let (status, answer) = dev.exchange("shop", "shop-backend", &dev.realm()).await;
    assert_eq!((status, &answer["error"]), (401, &json!("invalid_client")));
}

/// A wrong file never stops the server, names what is wrong, and changes nothing of the others.
#[tokio::test]
async fn a_wrong_file_changes_nothing() {
    let mut dev = Dev::start();
    let client = |name: &str, spec: &str| {
        format!(
            "apiVersion: realmkeep.dev/v1alpha1\nkind: Client\nmetadata:\n  name: {name}\n  namespace: shop\nspec:\n{spec}"
        )
    };
    let wrong = [
        ("kind: [\n".to_owned(), vec!["bad.yaml"]),
        (
            client(
                "typo",
                "  realmRef: {name: quickstart, namespace: identity}\n  settings: {redirectUri: [x]}\n",
            ),
            vec!["bad.yaml", "typo", "redirectUri"],
        ),
        (
            client("lost", "  realmRef: {name: nowhere, namespace: identity}\n"),
            vec!["bad.yaml", "lost", "spec.realmRef", "nowhere"],
        ),
        (
            client(
                "twin",
                "  realmRef: {name: quickstart, namespace: identity}\n  clientId: shop-backend\n",
            ),
            vec!["bad.yaml", "twin", "shop-backend"],
        ),
        (
            client(
                "secretive",
                "  realmRef: {name: quickstart, namespace: identity}\n  auth: {clientSecret: {valueFrom: {secretKeyRef: {name: missing, key: secret}}}}\n",
            ),
            vec!["bad.yaml", "secretive", "missing"],
        ),
    ];
    for (text, named) in wrong {
        // The same save changes another file; that must wait as well.
        std::fs::write(dev.file("bad.yaml"), &text).unwrap();
        dev.edit(
            "realm.yaml",
            "accessTokenLifespan: 300",
            "accessTokenLifespan: 60",
        );
        let from = dev.program.said.len();
        dev.program.wait_for_text("nothing was changed");
        let said = dev.program.said[from..].join("\n");
        for name in named {
            assert!(
                said.contains(name),
                "{name} is missing in\n{said}\nfor\n{text}"
            );
        }
        assert_eq!(dev.works().await["expires_in"], 300);
        dev.edit(
            "realm.yaml",
            "accessTokenLifespan: 60",
            "accessTokenLifespan: 300",
        );
        std::fs::remove_file(dev.file("bad.yaml")).unwrap();
        dev.program
            .wait_for_text("unchanged  client \"shop-backend\"");
    }
}
