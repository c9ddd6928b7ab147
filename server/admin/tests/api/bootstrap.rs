//! The first start.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use crate::support::Server;
use realmkeep_admin::bootstrap::{self, FirstAdmin};
use realmkeep_authn::BootstrapTrust;
use realmkeep_representations::SecretString;
use serde_json::json;

/// spec: BOOT-05, BOOT-06, REALM-02
#[tokio::test]
async fn the_first_administrator() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let user = admin.get("/master/users?username=admin").await.is(200).body;
    assert_eq!(
        user[0]["attributes"],
        json!({"is_temporary_admin": ["true"]})
    );
    admin.new_realm("r").await;

    // Later starts change nothing.
    assert!(!bootstrap::ensure_master(&server.services).await.unwrap());
    let again =
        bootstrap::create_admin(&server.services, "ADMIN", &SecretString::new("other")).await;
    assert_eq!(again.unwrap(), FirstAdmin::Exists);
    server.login("master", "admin", "admin").await;
    for (name, password) in [("", "x"), ("x", "")] {
        assert!(
            bootstrap::create_admin(&server.services, name, &SecretString::new(password))
                .await
                .is_err()
        );
    }
    assert_eq!(admin.get("/master/users/count").await.body, 1);
}

/// The workload that the configuration trusts administers; one that it no longer trusts does not.
#[tokio::test]
async fn the_trusted_workload() {
    let trust = |subject: &str| BootstrapTrust {
        issuer: "https://cluster.example".to_owned(),
        subject: subject.to_owned(),
    };
    let mut server = Server::start_trusting(Some(trust("system:serviceaccount:a:operator"))).await;
    let services = |server: &mut Server, trust| {
        let old = &server.services;
        std::sync::Arc::new(realmkeep_authn::Services {
            store: old.store.clone(),
            keys: old.keys.clone(),
            passwords: old.passwords.clone(),
            clock: old.clock.clone(),
            events: old.events.clone(),
            base_url: old.base_url.clone(),
            remote_keys: old.remote_keys.clone(),
            pages: realmkeep_pages::Pages::new("").unwrap(),
            features: old.features,
            bootstrap_trust: trust,
            accounts: realmkeep_authn::accounts::Accounts::plain(old.remote_keys.http().clone())
                .unwrap(),
            cookies: old.cookies.clone(),
        })
    };
    let moved = services(&mut server, Some(trust("system:serviceaccount:b:operator")));
    let nobody = services(&mut server, None);
    let admin = server.admin().await;
    let client = admin
        .get("/master/clients?clientId=realmkeep-operator")
        .await
        .body[0]
        .clone();
    assert_eq!(client["clientAuthenticatorType"], "federated-jwt");
    assert!(client.get("secret").is_none());
    assert_eq!(
        client["attributes"]["jwt.credential.issuer"],
        "bootstrap-kubernetes"
    );
    assert_eq!(
        client["attributes"]["jwt.credential.sub"],
        "system:serviceaccount:a:operator"
    );
    let id = client["id"].as_str().unwrap();
    let account = admin
        .get(&format!("/master/clients/{id}/service-account-user"))
        .await
        .body["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let roles = format!("/master/users/{account}/role-mappings/realm");
    assert_eq!(
        admin.get(&roles).await.names("name"),
        ["admin", "default-roles-master"]
    );
    let provider = admin
        .get("/master/identity-provider/instances/bootstrap-kubernetes")
        .await
        .is(200)
        .body;
    assert_eq!(provider["config"]["issuer"], "https://cluster.example");

    bootstrap::ensure_master(&moved).await.unwrap();
    let client = admin
        .get(&format!("/master/clients/{id}"))
        .await
        .is(200)
        .body;
    assert_eq!(
        client["attributes"]["jwt.credential.sub"],
        "system:serviceaccount:b:operator"
    );

    bootstrap::ensure_master(&nobody).await.unwrap();
    admin.get(&format!("/master/clients/{id}")).await.is(404);
    admin.get(&format!("/master/users/{account}")).await.is(404);
    admin
        .get("/master/identity-provider/instances/bootstrap-kubernetes")
        .await
        .is(404);
}
