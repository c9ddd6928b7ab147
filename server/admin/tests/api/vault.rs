//! Secrets that realms refer to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use realmkeep_email::testing::SmtpServer;
use realmkeep_keys::vault::{FileVault, KeyResolver, Vault};
use serde_json::json;

use crate::support::Server;

/// The password that the mail server was given with the next mail (RFC 4616).
async fn password(smtp: &SmtpServer) -> String {
    let auth = smtp.next().await.unwrap().auth.unwrap();
    let (_, encoded) = auth.rsplit_once(' ').unwrap();
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).unwrap()).unwrap();
    text.rsplit_once('\0').unwrap().1.to_owned()
}

/// The mail server gets the secret, everybody else sees the reference.
///
/// spec: VLT-02, VLT-04, EMAIL-12
#[tokio::test]
async fn the_password_of_a_mail_server_comes_from_the_vault() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("r_smtp__key"), "from the vault\n").unwrap();
    let vault = Vault::new(
        vec![Box::new(FileVault::new(folder.path()))],
        vec![KeyResolver::RealmUnderscoreKey],
    );
    let server = Server::start_with_vault(vault).await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let smtp = SmtpServer::start().await.unwrap();
    let mut settings = smtp.settings();
    for (name, value) in [
        ("auth", "true"),
        ("user", "realm"),
        ("password", "${vault.smtp_key}"),
    ] {
        settings.insert(name.to_owned(), value.to_owned());
    }
    admin
        .put("/r", json!({"smtpServer": settings}))
        .await
        .is(204);
    let user = json!({"username": "alice", "enabled": true, "email": "alice@example.test"});
    let id = admin.post("/r/users", user).await.is(201).id();
    let actions = format!("/r/users/{id}/execute-actions-email");
    admin
        .put(&actions, json!(["UPDATE_PASSWORD"]))
        .await
        .is(204);
    assert_eq!(password(&smtp).await, "from the vault");
    // A secret that was exchanged counts at once.
    std::fs::write(folder.path().join("r_smtp__key"), "another").unwrap();
    admin
        .put(&actions, json!(["UPDATE_PASSWORD"]))
        .await
        .is(204);
    assert_eq!(password(&smtp).await, "another");

    let shown = admin.get("/r").await.is(200);
    assert_eq!(shown.body["smtpServer"]["password"], "${vault.smtp_key}");
    let export = admin
        .post("/r/partial-export?exportClients=true", json!({}))
        .await
        .is(200);
    assert_eq!(
        export.body["smtpServer"]["password"], "${vault.smtp_key}",
        "{}",
        export.text
    );
    for text in [&shown.text, &export.text] {
        assert!(!text.contains("another") && !text.contains("from the vault"));
    }
    // Another realm's reference of the same name finds nothing.
    admin.new_realm("other").await;
    admin
        .put("/other", json!({"smtpServer": settings}))
        .await
        .is(204);
    let user = json!({"username": "bob", "enabled": true, "email": "bob@example.test"});
    let id = admin.post("/other/users", user).await.is(201).id();
    admin
        .put(
            &format!("/other/users/{id}/execute-actions-email"),
            json!(["UPDATE_PASSWORD"]),
        )
        .await
        .is(500);
    assert_eq!(smtp.count(), 0);
}
