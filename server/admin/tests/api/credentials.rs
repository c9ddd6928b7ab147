//! Credentials of users, as administrators see and change them.

use realmkeep_store::Batch;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Server;

fn alice() -> Value {
    json!({
        "username": "alice", "enabled": true, "email": "a@example.test", "firstName": "A",
        "lastName": "B",
    })
}

/// The token endpoint's answer to alice's password: status and description.
async fn signs_in(server: &Server, password: &str) -> (u16, String) {
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "alice"),
        ("password", password),
    ];
    let answer = server.token("r", &form).await;
    let said = answer.body["error_description"]
        .as_str()
        .unwrap_or_default();
    (answer.status.as_u16(), said.to_owned())
}

/// A user without a password is given one, then another: for good, or until the next login.
///
/// spec: CRED-07, CRED-08, CRED-09
#[tokio::test]
async fn a_password_is_set_and_reset() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let id = admin.post("/r/users", alice()).await.is(201).id();
    let credentials = format!("/r/users/{id}/credentials");
    assert_eq!(admin.get(&credentials).await.is(200).body, json!([]));
    assert_ne!(signs_in(&server, "one").await.0, 200);
    let reset = async |value: &str, temporary: bool| {
        let given = json!({"type": "password", "value": value, "temporary": temporary});
        admin
            .put(&format!("/r/users/{id}/reset-password"), given)
            .await
            .is(204);
    };
    reset("one", false).await;
    assert_eq!(signs_in(&server, "one").await.0, 200);
    let first = admin.get(&credentials).await.is(200).body;
    reset("two", false).await;
    assert_ne!(signs_in(&server, "one").await.0, 200);
    assert_eq!(signs_in(&server, "two").await.0, 200);
    let second = admin.get(&credentials).await.is(200).body;
    assert_eq!(second.as_array().unwrap().len(), 1);
    assert_ne!(first[0]["id"], second[0]["id"]);
    reset("three", true).await;
    let refused = (400, "Account is not fully set up".to_owned());
    assert_eq!(signs_in(&server, "three").await, refused);
    let user = admin.get(&format!("/r/users/{id}")).await.is(200).body;
    assert_eq!(user["requiredActions"], json!(["UPDATE_PASSWORD"]));
    reset("four", false).await;
    assert_eq!(signs_in(&server, "four").await.0, 200);
}

/// The list says what there is and how it was made, never what proves it; other credentials than
/// passwords cannot be made for somebody; a credential can be removed.
///
/// spec: CRED-01, CRED-04, CRED-05, CRED-06, CRED-15, PRIV-03
#[tokio::test]
async fn credentials_are_listed_without_their_secrets() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let id = admin.post("/r/users", alice()).await.is(201).id();
    let path = format!("/r/users/{id}");
    let given = json!({"type": "password", "value": "canary-password", "temporary": false});
    admin
        .put(&format!("{path}/reset-password"), given)
        .await
        .is(204);
    let otp = realmkeep_representations::CredentialRepresentation {
        id: Some("the-app".to_owned()),
        r#type: Some("otp".to_owned()),
        user_label: Some("phone".to_owned()),
        created_date: Some(1_700_000_000_000),
        priority: Some(20),
        credential_data: Some(r#"{"subType":"totp","digits":6,"period":30}"#.to_owned()),
        secret_data: Some(realmkeep_representations::SecretString::new(
            r#"{"value":"canary-secret"}"#,
        )),
        ..Default::default()
    };
    let store = &server.services.store;
    let mut batch = Batch::new();
    batch.push(store.insert_credential(&id, &otp).unwrap());
    store.commit(batch).await.unwrap();

    let list = format!("{path}/credentials");
    let listed = admin.get(&list).await.is(200);
    assert!(!listed.text.contains("canary") && !listed.text.contains("secretData"));
    assert_eq!(listed.names("type"), ["password", "otp"]);
    assert_eq!(listed.body[1]["userLabel"], "phone");
    assert_eq!(listed.body[1]["createdDate"], 1_700_000_000_000_i64);
    let data = listed.body[0]["credentialData"].as_str().unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!(
        (&data["algorithm"], &data["hashIterations"]),
        (&json!("argon2"), &json!(5))
    );
    let data = listed.body[1]["credentialData"].as_str().unwrap();
    assert!(data.contains("\"period\":30"));

    for kind in ["otp", "webauthn", "recovery-authn-codes"] {
        let given = json!({"type": kind, "value": "x"});
        let reset = format!("{path}/reset-password");
        admin.put(&reset, given.clone()).await.is(400);
        admin
            .put(&path, json!({"credentials": [given]}))
            .await
            .is(400);
    }
    assert_eq!(admin.get(&list).await.names("type"), ["password", "otp"]);
    admin.delete(&format!("{list}/the-app")).await.is(204);
    assert_eq!(admin.get(&list).await.names("type"), ["password"]);
    admin.delete(&format!("{list}/the-app")).await.is(404);
}

/// Who was locked out for good and is enabled again begins without failures.
///
/// spec: BF-23
#[tokio::test]
async fn who_is_enabled_again_begins_without_failures() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let id = admin.post("/r/users", alice()).await.is(201).id();
    let path = format!("/r/users/{id}");
    let given = json!({"type": "password", "value": "right", "temporary": false});
    admin
        .put(&format!("{path}/reset-password"), given)
        .await
        .is(204);
    let protection = json!({
        "bruteForceProtected": true, "permanentLockout": true, "failureFactor": 2,
        "quickLoginCheckMilliSeconds": 0,
    });
    admin.put("/r", protection).await.is(204);
    for _ in 0..2 {
        assert_ne!(signs_in(&server, "wrong").await.0, 200);
    }
    assert_ne!(signs_in(&server, "right").await.0, 200);
    assert_eq!(admin.get(&path).await.body["enabled"], false);
    let status = format!("/r/attack-detection/brute-force/users/{id}");
    assert_eq!(admin.get(&status).await.body["numFailures"], 2);
    admin.put(&path, json!({"enabled": true})).await.is(204);
    assert_eq!(admin.get(&status).await.body["numFailures"], 0);
    assert_ne!(signs_in(&server, "wrong").await.0, 200);
    assert_eq!(
        signs_in(&server, "right").await.0,
        200,
        "one failure is not two"
    );
}

/// A hash as another server exported it is taken, and changes at the first login.
#[tokio::test]
async fn an_imported_hash_is_renewed() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let mut user = alice();
    user["credentials"] = json!([{
        "type": "password",
        "credentialData": r#"{"hashIterations":1000,"algorithm":"pbkdf2-sha256","additionalParameters":{}}"#,
        "secretData": r#"{"value":"8nX7hwFEzIB8aPajJTYK8weHQc5Ngz0pFVAKvSu4jQB0UGBqBuY/H7qOFFsvzkF7LUOJ8kPlApoYcOEvL+yDFw==","salt":"c2FsdHNhbHRzYWx0c2FsdA==","additionalParameters":{}}"#,
    }]);
    let id = admin.post("/r/users", user).await.is(201).id();
    let list = format!("/r/users/{id}/credentials");
    let algorithm = async || {
        let listed = admin.call(Method::GET, &list, None).await.is(200).body;
        let data: Value =
            serde_json::from_str(listed[0]["credentialData"].as_str().unwrap()).unwrap();
        data["algorithm"].as_str().unwrap().to_owned()
    };
    assert_eq!(algorithm().await, "pbkdf2-sha256");
    assert_eq!(signs_in(&server, "password").await.0, 200);
    assert_eq!(algorithm().await, "argon2");
    assert_eq!(signs_in(&server, "password").await.0, 200);
    // So is one of an extension of Keycloak.
    let bcrypt = json!({"credentials": [{
        "type": "password",
        "credentialData": r#"{"hashIterations":6,"algorithm":"bcrypt","additionalParameters":{}}"#,
        "secretData": r#"{"value":"$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i","salt":""}"#,
    }]});
    admin.delete(&format!("/r/users/{id}")).await.is(204);
    let mut user = alice();
    user["credentials"] = bcrypt["credentials"].clone();
    let id = admin.post("/r/users", user).await.is(201).id();
    let list = format!("/r/users/{id}/credentials");
    let algorithm = async || {
        let listed = admin.call(Method::GET, &list, None).await.is(200).body;
        let data: Value =
            serde_json::from_str(listed[0]["credentialData"].as_str().unwrap()).unwrap();
        data["algorithm"].as_str().unwrap().to_owned()
    };
    assert_eq!(algorithm().await, "bcrypt");
    assert_ne!(signs_in(&server, "abd").await.0, 200);
    assert_eq!(signs_in(&server, "abc").await.0, 200);
    assert_eq!(algorithm().await, "argon2");
    assert_eq!(signs_in(&server, "abc").await.0, 200);
    // Iterations from a time when PBKDF2 was the default are kept, and do not take the server down.
    let policy = json!({"passwordPolicy": "hashIterations(27500)"});
    admin.put("/r", policy.clone()).await.is(204);
    let realm = admin.get("/r").await.is(200).body;
    assert_eq!(realm["passwordPolicy"], policy["passwordPolicy"]);
    assert_eq!(signs_in(&server, "abc").await.0, 200);
    assert_eq!(algorithm().await, "argon2");
}

/// A kind of credential is switched off by its required action: nobody is offered it and nobody can set
/// it up, until it is switched on again. What users have stays theirs.
///
/// spec: CRED-14
#[tokio::test]
async fn kinds_of_credentials_are_switched() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let id = admin.post("/r/users", alice()).await.is(201).id();
    let given = json!({"type": "password", "value": "pw", "temporary": false});
    admin
        .put(&format!("/r/users/{id}/reset-password"), given)
        .await
        .is(204);
    let found = admin.get("/r/clients?clientId=account-console").await;
    let console = found.body[0]["id"].as_str().unwrap().to_owned();
    let open = json!({"directAccessGrantsEnabled": true});
    admin
        .put(&format!("/r/clients/{console}"), open)
        .await
        .is(204);
    let offered = async || {
        let form = [
            ("grant_type", "password"),
            ("client_id", "account-console"),
            ("username", "alice"),
            ("password", "pw"),
            ("scope", "openid"),
        ];
        let answer = server.token("r", &form).await.is(200);
        let alice = server.bearer(answer.body["access_token"].as_str().unwrap());
        let list = alice.get("/realms/r/account/credentials").await.is(200);
        list.names("type")
    };
    let action = "/r/authentication/required-actions/CONFIGURE_TOTP";
    let switch = async |on: bool| {
        let mut row = admin.get(action).await.is(200).body;
        row["enabled"] = json!(on);
        admin.put(action, row).await.is(204);
    };
    let has = |list: &[String]| list.iter().any(|kind| kind == "otp");
    assert!(has(&offered().await));
    switch(false).await;
    let left = offered().await;
    assert!(
        !has(&left) && left.contains(&"password".to_owned()),
        "{left:?}"
    );
    // Nor is it asked for at a login, whoever wants it.
    let wanted = json!({"requiredActions": ["CONFIGURE_TOTP"]});
    admin.put(&format!("/r/users/{id}"), wanted).await.is(204);
    assert_eq!(signs_in(&server, "pw").await.0, 200);
    switch(true).await;
    let refused = (400, "Account is not fully set up".to_owned());
    assert_eq!(signs_in(&server, "pw").await, refused);
    let none = json!({"requiredActions": []});
    admin.put(&format!("/r/users/{id}"), none).await.is(204);
    assert!(has(&offered().await));
}
