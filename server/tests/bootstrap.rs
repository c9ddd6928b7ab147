//! The first administrator.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use serde_json::{Value, json};
use support::{Server, http, realmkeep, serve_args, sign_in, stderr, stdout};

/// spec: BOOT-03, BOOT-05, BOOT-06
#[tokio::test]
async fn variables_create_the_first_administrator_once() {
    let data = tempfile::tempdir().unwrap();
    let start = |password: &str| {
        Server::spawn(
            realmkeep()
                .args(serve_args(data.path()))
                .env("KC_BOOTSTRAP_ADMIN_USERNAME", "root")
                .env("KC_BOOTSTRAP_ADMIN_PASSWORD", password),
        )
    };
    let server = start("first-password");
    let (status, answer) = sign_in(&server.address, "root", "first-password").await;
    assert_eq!(status, 200, "{answer}");
    let token = answer["access_token"].as_str().unwrap();
    // All rights over the server: sees it all, creates realms.
    let realms = format!("http://{}/admin/realms", server.address);
    let created = http()
        .post(&realms)
        .bearer_auth(token)
        .json(&json!({"realm": "made-by-root", "enabled": true}))
        .send()
        .await
        .unwrap();
    assert_eq!(created.status(), 201);
    let listed: Vec<Value> = http()
        .get(&realms)
        .bearer_auth(token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let mut names: Vec<&str> = listed
        .iter()
        .map(|r| r["realm"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["made-by-root", "master"]);
    // The account is one of the realm master, marked as temporary.
    let users: Vec<Value> = http()
        .get(format!("{realms}/master/users?username=root&exact=true"))
        .bearer_auth(token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(users.len(), 1, "{users:?}");
    assert_eq!(users[0]["attributes"]["is_temporary_admin"][0], "true");
    drop(server);

    // A later start with other variables changes nothing.
    let server = start("second-password");
    assert_eq!(
        sign_in(&server.address, "root", "second-password").await.0,
        400
    );
    assert_eq!(
        sign_in(&server.address, "root", "first-password").await.0,
        200
    );
}

#[tokio::test]
async fn there_is_no_administrator_unless_one_is_asked_for() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    for (name, password) in [
        ("admin", "admin"),
        ("temp-admin", "temp-admin"),
        ("admin", ""),
    ] {
        let (status, _) = sign_in(&server.address, name, password).await;
        assert!(status == 401 || status == 400, "{name}: {status}");
    }
    let said = server.program.said.join("\n");
    assert!(said.contains("bootstrap-admin"), "{said}");
    server.program.kill();

    // The command that the log names.
    let file = data.path().join("password");
    std::fs::write(&file, "a-password\n").unwrap();
    let output = realmkeep()
        .args([
            "bootstrap-admin",
            "--data-dir",
            data.path().to_str().unwrap(),
        ])
        .args(["--bootstrap-admin-username", "rescue"])
        .args(["--bootstrap-admin-password-file", file.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("rescue"));
    let server = Server::start(data.path(), &[]);
    assert_eq!(
        sign_in(&server.address, "rescue", "a-password").await.0,
        200
    );
}

#[test]
fn a_name_without_a_password_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let output = realmkeep()
        .args(serve_args(data.path()))
        .args(["--bootstrap-admin-username", "root"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("no default password"),
        "{}",
        stderr(&output)
    );
}
