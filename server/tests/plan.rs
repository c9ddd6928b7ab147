//! `realmkeep plan` and `realmkeep apply` against a running server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use support::{Server, quickstart_copy, realmkeep, serve_args, stderr, stdout};

struct Setting {
    folder: tempfile::TempDir,
    server: Server,
}

impl Setting {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("password"), "a-password\n").unwrap();
        let server = Server::spawn(
            realmkeep()
                .args(serve_args(&folder.path().join("data")))
                .env("REALMKEEP_BOOTSTRAP_ADMIN_USERNAME", "root")
                .env("REALMKEEP_BOOTSTRAP_ADMIN_PASSWORD", "a-password"),
        );
        quickstart_copy(&folder.path().join("yaml"));
        Self { folder, server }
    }

    fn yaml(&self, file: &str) -> std::path::PathBuf {
        self.folder.path().join("yaml").join(file)
    }

    fn run(&self, command: &str, more: &[&str]) -> Output {
        run(
            command,
            &self.yaml(""),
            &self.server.url,
            &self.folder.path().join("password"),
            more,
        )
    }
}

fn run(command: &str, folder: &Path, url: &str, password: &Path, more: &[&str]) -> Output {
    realmkeep()
        .args([command, "-f", folder.to_str().unwrap(), "--server", url])
        .args([
            "--username",
            "root",
            "--password-file",
            password.to_str().unwrap(),
        ])
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn exit_statuses_tell_whether_something_differs() {
    let setting = Setting::new();
    let planned = setting.run("plan", &[]);
    assert_eq!(planned.status.code(), Some(2), "{}", stderr(&planned));
    let text = stdout(&planned);
    for object in [
        "create realm \"quickstart\"",
        "create client \"shop-backend\"",
        "create identity provider \"kubernetes\"",
    ] {
        assert!(text.contains(object), "{object} is missing in\n{text}");
    }
    // A plan changes nothing, and JSON says the same.
    let planned = setting.run("plan", &["--json"]);
    assert_eq!(planned.status.code(), Some(2));
    let json: Value = serde_json::from_str(&stdout(&planned)).unwrap();
    assert_eq!(json["changes"].as_array().unwrap().len(), 3, "{json}");
    assert_eq!(json["changes"][0]["op"], "create");

    let applied = setting.run("apply", &[]);
    assert_eq!(applied.status.code(), Some(0), "{}", stderr(&applied));
    assert!(
        stdout(&applied).contains("3 changed"),
        "{}",
        stdout(&applied)
    );
    let planned = setting.run("plan", &[]);
    assert_eq!(planned.status.code(), Some(0), "{}", stdout(&planned));
    let again = setting.run("apply", &[]);
    assert!(
        stdout(&again).contains("0 changed, 3 unchanged"),
        "{}",
        stdout(&again)
    );

    let realm = setting.yaml("realm.yaml");
    let text = std::fs::read_to_string(&realm).unwrap();
    let changed = text.replace("displayName: Quickstart", "displayName: Changed");
    assert_ne!(text, changed);
    std::fs::write(&realm, changed).unwrap();
    let planned = setting.run("plan", &[]);
    assert_eq!(planned.status.code(), Some(2));
    assert!(
        stdout(&planned).contains("displayName: \"Quickstart\" -> \"Changed\""),
        "{}",
        stdout(&planned)
    );
}

#[test]
fn errors_are_status_1_and_change_nothing() {
    let setting = Setting::new();
    // A file with an error in it.
    let bad = setting.yaml("bad.yaml");
    std::fs::write(&bad, "kind: [\n").unwrap();
    for command in ["plan", "apply"] {
        let output = setting.run(command, &[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("bad.yaml"), "{}", stderr(&output));
    }
    std::fs::remove_file(&bad).unwrap();
    // Nothing was applied: everything is still to be created.
    assert!(stdout(&setting.run("plan", &[])).contains("create realm"));

    let wrong = setting.folder.path().join("wrong");
    std::fs::write(&wrong, "not-it").unwrap();
    let output = run("plan", &setting.yaml(""), &setting.server.url, &wrong, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("credentials"),
        "{}",
        stderr(&output)
    );
    assert!(!stderr(&output).contains("not-it"));

    // Wrong usage is an error too, not a difference; and one proof is needed, not two.
    let output = realmkeep().args(["plan", "--colour"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    for proofs in [&[][..], &["--token-file", "x", "--assertion-file", "x"]] {
        let output = realmkeep()
            .args(["plan", "-f", ".", "--server", "http://127.0.0.1:1"])
            .args(proofs)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(
            stderr(&output).contains("--assertion-file"),
            "{}",
            stderr(&output)
        );
    }

    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let output = run(
        "plan",
        &setting.yaml(""),
        &format!("http://{closed}"),
        &wrong,
        &["--json"],
    );
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(
        json["errors"][0]
            .as_str()
            .unwrap()
            .contains("cannot be reached"),
        "{json}"
    );
}

/// The resources of an exported realm are what the server has.
#[test]
fn an_export_as_resources_plans_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, file, yaml) = (path("data"), path("realm.json"), path("yaml"));
    std::fs::write(path("password"), "a-password\n").unwrap();
    std::fs::create_dir(&yaml).unwrap();
    let realm = serde_json::json!({
        "realm": "moved", "enabled": true, "displayName": "Moved", "accessTokenLifespan": 120,
        "attributes": {"custom": "value"},
        "smtpServer": {"host": "mail.example", "password": "canary"},
        "clients": [
            {"clientId": "app", "secret": "canary", "redirectUris": ["https://app.example/*"], "attributes": {"pkce.code.challenge.method": "S256"}},
            {"clientId": "spa", "publicClient": true},
        ],
        "identityProviders": [{"alias": "corp", "providerId": "oidc", "config": {
            "issuer": "https://i.example", "clientId": "x", "clientSecret": "canary",
            "authorizationUrl": "https://i.example/a", "tokenUrl": "https://i.example/t",
        }}],
    });
    std::fs::write(&file, realm.to_string()).unwrap();
    let offline = |args: &[&str]| {
        let output = realmkeep()
            .args(args)
            .args(["--data-dir", &data])
            .env("REALMKEEP_BOOTSTRAP_ADMIN_USERNAME", "root")
            .env("REALMKEEP_BOOTSTRAP_ADMIN_PASSWORD", "a-password")
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    };
    offline(&["import", &file, "--create-master-key"]);
    offline(&["bootstrap-admin"]);
    let out = format!("{yaml}/realm.yaml");
    offline(&[
        "export",
        "--realm",
        "moved",
        "--as",
        "resources",
        "-o",
        &out,
    ]);
    let text = std::fs::read_to_string(&out).unwrap();
    assert!(
        text.contains("kind: Client") && !text.contains("canary"),
        "{text}"
    );

    let server = Server::spawn(realmkeep().args(serve_args(Path::new(&data))));
    let password = path("password");
    let planned = run(
        "plan",
        Path::new(&yaml),
        &server.url,
        Path::new(&password),
        &[],
    );
    assert_eq!(
        planned.status.code(),
        Some(0),
        "{}{}",
        stdout(&planned),
        stderr(&planned)
    );
}
