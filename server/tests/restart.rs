//! What a crash must not lose.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use support::postgres::Database;
use support::{Server, realmkeep, serve_args, sign_in, token};

/// kill -9 logs nobody out: the refresh token of before goes on working, and so do the keys.
///
/// spec: SESS-15
#[tokio::test]
async fn sessions_survive_a_crash() {
    let mut engines = vec![None];
    engines.extend(Database::create().await.map(Some));
    for database in engines {
        a_crash(database.as_ref()).await;
    }
}

async fn a_crash(database: Option<&Database>) {
    let data = tempfile::tempdir().unwrap();
    let more: Vec<&str> = database
        .iter()
        .flat_map(|database| ["--database-url", database.url.as_str()])
        .collect();
    let start = || {
        Server::spawn(
            realmkeep()
                .args(serve_args(data.path()))
                .args(["--hostname", "http://id.example.test"])
                .args(&more)
                .env("REALMKEEP_BOOTSTRAP_ADMIN_USERNAME", "root")
                .env("REALMKEEP_BOOTSTRAP_ADMIN_PASSWORD", "a-password"),
        )
    };
    let mut server = start();
    let (status, signed_in) = sign_in(&server.address, "root", "a-password").await;
    assert_eq!(status, 200, "{signed_in}");
    let refresh = signed_in["refresh_token"].as_str().unwrap();
    server.program.kill();

    let server = start();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "admin-cli"),
        ("refresh_token", refresh),
    ];
    let (status, refreshed) = token(&server.address, "master", &form).await;
    assert_eq!(status, 200, "{refreshed}");
    assert_eq!(refreshed["session_state"], signed_in["session_state"]);
    let userinfo = format!("http://{}/admin/realms/master", server.address);
    let old = signed_in["access_token"].as_str().unwrap();
    let answer = support::http()
        .get(userinfo)
        .bearer_auth(old)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
}
