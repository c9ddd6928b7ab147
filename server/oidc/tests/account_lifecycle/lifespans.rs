//! How long the links of mails are good.

use realmkeep_email::testing::SmtpServer;
use reqwest::StatusCode;

use crate::browser::{Browser, server};
use crate::mail_server;
use crate::support::Server;
use crate::tools::{PASSWORD, asks, done, open, send, sessions, user_id};

/// A realm where passwords are reset by mail.
async fn mailing() -> (Server, SmtpServer) {
    let server = server().await;
    let smtp = mail_server(&server).await;
    server
        .change_realm(|realm| realm.reset_password_allowed = Some(true))
        .await;
    (server, smtp)
}

/// Whether addresses have to be confirmed; where they have, other links lead to mails as well.
async fn confirm(server: &Server, on: bool) {
    server
        .change_realm(|realm| realm.verify_email = Some(on))
        .await;
}

/// Sets the realm's time for links that users ask for, and the times of single purposes.
async fn set(server: &Server, general: i32, own: &[(&str, &str)]) {
    server
        .change_realm(|realm| {
            realm.action_token_generated_by_user_lifespan = Some(general);
            let attributes = realm.attributes.get_or_insert_default();
            attributes.retain(|name, _| !name.starts_with("actionToken"));
            attributes.extend(own.iter().map(|(purpose, seconds)| {
                let name = format!("actionTokenGeneratedByUserLifespan.{purpose}");
                (name, (*seconds).to_owned())
            }));
        })
        .await;
}

/// The link that confirms an address, as a login sends it.
async fn verification(server: &Server, smtp: &SmtpServer) -> String {
    confirm(server, true).await;
    let browser = Browser::default();
    let page = open(server, &browser, &[]).await;
    send(server, &browser, &page, &PASSWORD).await;
    smtp.next().await.unwrap().link("action-token").unwrap()
}

/// The link for a forgotten password.
async fn reset(server: &Server, smtp: &SmtpServer) -> String {
    confirm(server, false).await;
    let browser = Browser::default();
    let page = open(server, &browser, &[]).await;
    let form = crate::link(server, &page, "login-actions/reset-credentials");
    let form = browser.get(server, &form).await;
    send(server, &browser, &form, &[("username", "alice")]).await;
    smtp.next().await.unwrap().link("action-token").unwrap()
}

/// The link is good until it is `seconds` old.
async fn lasts(server: &Server, link: &str, seconds: i64) {
    server.services.clock.advance(seconds - 10);
    let seen = Browser::default().get(server, link).await;
    assert_eq!(seen.status, StatusCode::OK, "{seen:?}");
    server.services.clock.advance(11);
    let seen = Browser::default().get(server, link).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    assert!(seen.text.contains("expired"), "{}", seen.text);
}

/// One time for all that users ask for, unless a purpose has its own.
///
/// spec: TIME-18, TIME-20, TIME-22
#[tokio::test(flavor = "multi_thread")]
async fn what_users_ask_for_lasts_shortly() {
    let (server, smtp) = mailing().await;
    set(&server, 100, &[]).await;
    lasts(&server, &verification(&server, &smtp).await, 100).await;
    lasts(&server, &reset(&server, &smtp).await, 100).await;

    set(&server, 100, &[("verify-email", "400")]).await;
    lasts(&server, &verification(&server, &smtp).await, 400).await;
    lasts(&server, &reset(&server, &smtp).await, 100).await;

    set(&server, 100, &[("reset-credentials", "40")]).await;
    lasts(&server, &verification(&server, &smtp).await, 100).await;
    lasts(&server, &reset(&server, &smtp).await, 40).await;
}

/// A login has to end in time, counted from its first page; on the page of an action nobody may stay
/// for longer than the realm says. Whoever is late begins anew.
///
/// spec: TIME-11, TIME-12
#[tokio::test(flavor = "multi_thread")]
async fn a_login_ends_in_time() {
    let server = server().await;
    server
        .change_realm(|realm| {
            realm.access_code_lifespan_login = Some(600);
            realm.access_code_lifespan_user_action = Some(200);
        })
        .await;
    let wrong = [("username", "alice"), ("password", "no")];
    let is_restarted = |seen: &crate::browser::Seen| {
        let form = seen.text.contains("kc-form-login") && seen.location.is_none();
        form && seen.text.contains("open for too long")
    };
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    server.services.clock.advance(400);
    // Another try does not begin the time anew …
    let page = send(&server, &browser, &page, &wrong).await;
    assert!(page.text.contains("kc-form-login") && !is_restarted(&page));
    server.services.clock.advance(190);
    let page = send(&server, &browser, &page, &wrong).await;
    assert!(!is_restarted(&page));
    server.services.clock.advance(11);
    let page = send(&server, &browser, &page, &PASSWORD).await;
    assert!(is_restarted(&page), "{}", page.text);
    assert_eq!(sessions(&server, "alice").await, 0);
    // … and to begin anew does.
    done(&send(&server, &browser, &page, &PASSWORD).await);

    let id = user_id(&server, "alice").await;
    server
        .change_user(&id, |user| {
            user.required_actions = Some(vec!["UPDATE_PASSWORD".to_owned()]);
        })
        .await;
    for (stay, in_time) in [(190, true), (201, false)] {
        let browser = Browser::default();
        let page = open(&server, &browser, &[]).await;
        server.services.clock.advance(250);
        let page = send(&server, &browser, &page, &PASSWORD).await;
        asks(&page, "password-new");
        server.services.clock.advance(stay);
        let form = [("password-new", "x"), ("password-confirm", "y")];
        let seen = send(&server, &browser, &page, &form).await;
        assert_eq!(seen.text.contains("password-new"), in_time, "{stay}");
        assert_eq!(is_restarted(&seen), !in_time, "{stay}: {}", seen.text);
    }
}
