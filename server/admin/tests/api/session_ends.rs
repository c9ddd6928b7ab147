//! Whatever ends a session tells the applications that take part in it.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::{Caller, Server};

/// A realm with an application that wants to be told, where nobody listens, and one that does not.
async fn realm(admin: &Caller<'_>) {
    admin.new_realm("r").await;
    let told = json!({
        "clientId": "app", "publicClient": true, "directAccessGrantsEnabled": true,
        "attributes": {"backchannel.logout.url": "http://127.0.0.1:9/out"},
    });
    admin.post("/r/clients", told).await.is(201);
    let silent = json!({
        "clientId": "silent", "publicClient": true, "directAccessGrantsEnabled": true,
    });
    admin.post("/r/clients", silent).await.is(201);
    for name in ["alice", "bob"] {
        let user = json!({
            "username": name, "enabled": true, "email": format!("{name}@example.test"),
            "firstName": name, "lastName": "A", "emailVerified": true,
            "credentials": [{"type": "password", "value": "pw"}],
        });
        admin.post("/r/users", user).await.is(201);
    }
}

/// Signs in; the session's id.
async fn login(server: &Server, client: &str, username: &str) -> String {
    let form = [
        ("grant_type", "password"),
        ("client_id", client),
        ("username", username),
        ("password", "pw"),
        ("scope", "openid"),
    ];
    let answer = server.token("r", &form).await.is(200);
    answer.body["session_state"].as_str().unwrap().to_owned()
}

async fn waiting(server: &Server) -> BTreeSet<String> {
    let store = &server.services.store;
    let due = store.due_logout_notices(i64::MAX, 10_000).await.unwrap();
    due.into_iter().map(|due| due.notice.session_id).collect()
}

async fn id_of(admin: &Caller<'_>, username: &str) -> String {
    let users = admin
        .get(&format!("/r/users?username={username}&exact=true"))
        .await;
    users.is(200).body[0]["id"].as_str().unwrap().to_owned()
}

/// spec: SESS-04, SESS-08, SESS-09
#[tokio::test]
async fn administrators_who_end_sessions_tell_the_applications() {
    let server = Server::start().await;
    let admin = server.admin().await;
    realm(&admin).await;
    let (alice, bob) = (id_of(&admin, "alice").await, id_of(&admin, "bob").await);

    // One session.
    let one = login(&server, "app", "alice").await;
    let other = login(&server, "app", "alice").await;
    login(&server, "silent", "alice").await;
    admin.delete(&format!("/r/sessions/{one}")).await.is(204);
    assert_eq!(waiting(&server).await, BTreeSet::from([one.clone()]));
    // All of one user.
    let kept = login(&server, "app", "bob").await;
    admin
        .post(&format!("/r/users/{alice}/logout"), json!({}))
        .await
        .is(204);
    let told = BTreeSet::from([one, other]);
    assert_eq!(waiting(&server).await, told);
    // A user who is deleted.
    admin.delete(&format!("/r/users/{bob}")).await.is(204);
    assert_eq!(
        &waiting(&server).await - &told,
        BTreeSet::from([kept.clone()])
    );
    // All of the realm.
    let told = waiting(&server).await;
    let all = [
        login(&server, "app", "alice").await,
        login(&server, "app", "alice").await,
    ];
    login(&server, "silent", "alice").await;
    admin.post("/r/logout-all", json!({})).await.is(200);
    assert_eq!(&waiting(&server).await - &told, BTreeSet::from(all));
    let sessions = admin
        .get(&format!("/r/users/{alice}/sessions"))
        .await
        .is(200);
    assert_eq!(sessions.body, json!([]));
}
