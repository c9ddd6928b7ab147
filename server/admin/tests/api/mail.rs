//! Mails to users that administrators ask for.

use realmkeep_email::testing::SmtpServer;
use reqwest::Method;
use serde_json::json;

use crate::support::Server;

/// A user gets a link to what an administrator wants done, by the realm's mail server.
///
/// spec: EVT-29
#[tokio::test]
async fn actions_and_addresses_by_mail() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let smtp = SmtpServer::start().await.unwrap();
    let user = json!({"username": "alice", "enabled": true, "email": "alice@example.test"});
    let id = admin.post("/r/users", user).await.is(201).id();
    let path = format!("/r/users/{id}");
    let actions = format!("{path}/execute-actions-email");
    // Without a mail server nothing is sent, and it is said.
    admin
        .put(&actions, json!(["UPDATE_PASSWORD"]))
        .await
        .is(500);
    admin
        .put("/r", json!({"smtpServer": smtp.settings()}))
        .await
        .is(204);
    admin
        .put(&actions, json!(["UPDATE_PASSWORD"]))
        .await
        .is(204);
    let mail = smtp.next().await.unwrap();
    assert_eq!(mail.to, ["alice@example.test"]);
    assert!(mail.link("/realms/r/login-actions/action-token").is_some());
    admin
        .call(Method::PUT, &format!("{path}/send-verify-email"), None)
        .await
        .is(204);
    assert!(smtp.next().await.unwrap().link("action-token").is_some());
    admin
        .call(Method::PUT, &format!("{path}/reset-password-email"), None)
        .await
        .is(204);
    assert!(smtp.next().await.unwrap().link("action-token").is_some());

    admin.put(&actions, json!(["NOPE"])).await.is(400);
    admin
        .put(
            &format!("{actions}?redirect_uri=https://a.example.test"),
            json!(["UPDATE_PASSWORD"]),
        )
        .await
        .is(400);
    admin
        .put(
            &format!("{actions}?client_id=account&redirect_uri=https://evil.example.test/"),
            json!(["UPDATE_PASSWORD"]),
        )
        .await
        .is(400);
    admin
        .put(
            &format!("{actions}?client_id=nope"),
            json!(["UPDATE_PASSWORD"]),
        )
        .await
        .is(400);
    admin.put(&path, json!({"enabled": false})).await.is(204);
    admin
        .put(&actions, json!(["UPDATE_PASSWORD"]))
        .await
        .is(400);
    assert_eq!(smtp.count(), 0);
}

/// Settings are tried out before they are stored; a stored password goes to its own server only.
#[tokio::test]
async fn mail_settings_are_tried_out() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let smtp = SmtpServer::start().await.unwrap();
    let manager = server
        .user_with("r", "manager", "realm-management", &["manage-realm"])
        .await;
    let mut settings = json!(smtp.settings());
    manager
        .post("/r/testSMTPConnection", settings.clone())
        .await
        .is(204);
    assert_eq!(smtp.next().await.unwrap().to, ["manager@example.test"]);
    manager
        .post("/r/testSMTPConnection", json!({}))
        .await
        .is(400);
    settings["auth"] = json!("true");
    settings["user"] = json!("u");
    settings["password"] = json!("canary");
    admin
        .put("/r", json!({"smtpServer": settings}))
        .await
        .is(204);
    settings["password"] = json!("**********");
    manager
        .post("/r/testSMTPConnection", settings.clone())
        .await
        .is(204);
    assert!(smtp.next().await.unwrap().auth.is_some());
    let other = SmtpServer::start().await.unwrap();
    settings["port"] = json!(other.port.to_string());
    manager
        .post("/r/testSMTPConnection", settings)
        .await
        .is(400);
    assert_eq!(other.count(), 0);
}

/// What administrators send lasts long, as the realm says; they may say otherwise for one mail, and
/// the realm may for links to actions.
///
/// spec: TIME-19, TIME-23
#[tokio::test]
async fn what_administrators_send_lasts_as_they_say() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let smtp = SmtpServer::start().await.unwrap();
    admin
        .put("/r", json!({"smtpServer": smtp.settings()}))
        .await
        .is(204);
    let user = json!({"username": "alice", "enabled": true, "email": "alice@example.test"});
    let id = admin.post("/r/users", user).await.is(201).id();
    // Whether the link is good once it is so old, in seconds.
    let link = async |query: &str| {
        let path = format!("/r/users/{id}/execute-actions-email{query}");
        // Time goes on: a new login each.
        let admin = server.admin().await;
        admin.put(&path, json!(["UPDATE_PASSWORD"])).await.is(204);
        smtp.next().await.unwrap().link("action-token").unwrap()
    };
    let works = async |link: &str| {
        let path = link.strip_prefix(&server.base).unwrap();
        let seen = server.stranger().get(path).await;
        seen.status.as_u16() == 200
    };
    let lasts = async |link: &str, seconds: i64| {
        server.services.clock.advance(seconds - 10);
        assert!(works(link).await, "{seconds}");
        server.services.clock.advance(11);
        assert!(!works(link).await, "{seconds}");
    };
    lasts(&link("").await, 12 * 3_600).await;
    let general = json!({"actionTokenGeneratedByAdminLifespan": 5_000});
    server.admin().await.put("/r", general).await.is(204);
    lasts(&link("").await, 5_000).await;
    lasts(&link("?lifespan=70").await, 70).await;
    let own = json!({"attributes": {"actionTokenGeneratedByUserLifespan.execute-actions": "900"}});
    server.admin().await.put("/r", own).await.is(204);
    lasts(&link("").await, 900).await;
    lasts(&link("?lifespan=70").await, 70).await;
}
