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

/// Opened on the server's own machine, the root asks for the first administrator; from elsewhere, by
/// another name, or sent by another site's page it does nothing. Later it leads to the admin console.
///
/// spec: BOOT-01, BOOT-02, BOOT-04, ENDUI-01
#[tokio::test]
async fn the_welcome_page_makes_the_first_administrator() {
    let data = tempfile::tempdir().unwrap();
    let mut args = serve_args(data.path());
    "start".clone_into(&mut args[0]);
    let server = Server::spawn(realmkeep().args(args));
    let root = format!("http://{}/", server.address);
    let open = async |headers: &[(&str, &str)]| {
        let mut request = http().get(&root);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let cookie = answer.headers().get("set-cookie").cloned();
        let cookie = cookie.map(|c| c.to_str().unwrap().split(';').next().unwrap().to_owned());
        (cookie, answer.text().await.unwrap())
    };
    let (_, elsewhere) = open(&[("host", "id.example.com")]).await;
    assert!(!elsewhere.contains("<form"), "{elsewhere}");
    assert!(elsewhere.contains("bootstrap-admin-username"));
    let (_, proxied) = open(&[("x-forwarded-for", "127.0.0.1")]).await;
    assert!(!proxied.contains("<form"), "{proxied}");

    let (cookie, page) = open(&[]).await;
    let cookie = cookie.unwrap();
    assert!(page.contains("id=\"welcome-form\""), "{page}");
    let state = page.split("name=\"stateChecker\" value=\"").nth(1).unwrap();
    let state = state.split('"').next().unwrap().to_owned();
    let send = async |cookie: &str, state: &str, password: &str, host: Option<&str>| {
        let form = [
            ("username", "root"),
            ("password", "root's own"),
            ("passwordConfirmation", password),
            ("stateChecker", state),
        ];
        let mut request = http().post(&root).header("cookie", cookie).form(&form);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(send("", &state, "root's own", None).await.0, 403);
    assert_eq!(send(&cookie, "", "root's own", None).await.0, 403);
    assert_eq!(send(&cookie, "other", "root's own", None).await.0, 403);
    let by_name = send(&cookie, &state, "root's own", Some("evil.example")).await;
    assert_eq!(by_name.0, 403);
    let (status, again) = send(&cookie, &state, "other", None).await;
    assert_eq!(status, 400);
    assert!(
        again.contains("not the same") && !again.contains("root's own"),
        "{again}"
    );
    assert_ne!(sign_in(&server.address, "root", "root's own").await.0, 200);
    let (status, made) = send(&cookie, &state, "root's own", None).await;
    assert_eq!(status, 201, "{made}");

    let (status, answer) = sign_in(&server.address, "root", "root's own").await;
    assert_eq!(status, 200, "{answer}");
    let users: Vec<Value> = http()
        .get(format!(
            "http://{}/admin/realms/master/users",
            server.address
        ))
        .bearer_auth(answer["access_token"].as_str().unwrap())
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(users.len(), 1);
    assert!(users[0]["attributes"].is_null(), "not a temporary one");
    // Once is enough.
    let (_, page) = open(&[]).await;
    assert!(!page.contains("<form"), "{page}");
    let (_, second) = send(&cookie, &state, "root's own", None).await;
    assert!(!second.contains("<form"), "{second}");
    let console = http().get(format!("{root}admin/")).send().await.unwrap();
    assert!(console.status().is_redirection());
    assert_eq!(console.headers()["location"], "/admin/master/console/");
}
