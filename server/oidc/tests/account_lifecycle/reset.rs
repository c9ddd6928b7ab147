//! Forgotten credentials.

use reqwest::StatusCode;

use crate::browser::{Browser, Seen, authorize, server};
use crate::support::Server;
use crate::tools::{
    OTP_SECRET, add_otp, asks, code_of, credentials, done, open, send, sessions, shown_secret,
};
use crate::{follow, link, mail_server};

async fn allow(server: &Server) {
    server
        .change_realm(|realm| realm.reset_password_allowed = Some(true))
        .await;
}

async fn ask(server: &Server, browser: &Browser, username: &str) -> Seen {
    let page = open(server, browser, &[]).await;
    let reset = link(server, &page, "login-actions/reset-credentials");
    let form = browser.get(server, &reset).await;
    asks(&form, "username");
    assert!(!form.text.contains("name=\"password\""));
    send(server, browser, &form, &[("username", username)]).await
}

const NEW: [(&str, &str); 2] = [("password-new", "new one"), ("password-confirm", "new one")];

/// spec: LOGIN-01, LOGIN-02, LOGIN-04, REGH-02, ENDUI-03, ENDUI-07, EMAIL-01, EMAIL-02
#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_replaced_by_the_link_of_a_mail() {
    let server = server().await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    assert!(!page.text.contains("login-actions/reset-credentials"));
    allow(&server).await;
    let smtp = mail_server(&server).await;
    let sent = ask(&server, &browser, "alice@example.test").await;
    assert_eq!(sent.status, StatusCode::OK);
    assert!(sent.text.contains("If the account exists"), "{}", sent.text);
    let mail = smtp.next().await.unwrap();
    assert_eq!(mail.to, ["alice@example.test"]);
    assert!(mail.text().contains("5 minutes"), "{}", mail.text());

    // In another browser, as mail programs open links where they like.
    let other = Browser::default();
    let page = follow(&server, &other, &mail).await;
    asks(&page, "password-new");
    assert_eq!(sessions(&server, "alice").await, 0);
    // Opened a second time before it was used, it is still good, as scanners of mails do that.
    let twice = Browser::default();
    let second = follow(&server, &twice, &mail).await;
    asks(&second, "password-new");
    done(&send(&server, &other, &page, &NEW).await);
    assert_eq!(credentials(&server, "alice").await.len(), 1);
    // It counts once, in every browser that has opened it.
    let late = send(
        &server,
        &twice,
        &second,
        &[("password-new", "evil"), ("password-confirm", "evil")],
    )
    .await;
    assert!(late.location.is_none(), "{late:?}");
    let used = follow(&server, &Browser::default(), &mail).await;
    assert_eq!(used.status, StatusCode::BAD_REQUEST);
    assert!(used.text.contains("used already"), "{}", used.text);
    for (password, works) in [("pw", false), ("evil", false), ("new one", true)] {
        let browser = Browser::default();
        let page = open(&server, &browser, &[]).await;
        let seen = send(
            &server,
            &browser,
            &page,
            &[("username", "alice"), ("password", password)],
        )
        .await;
        assert_eq!(seen.location.is_some(), works, "{password}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_who_has_an_account() {
    let server = server().await;
    allow(&server).await;
    let smtp = mail_server(&server).await;
    server.add_user("carol", "pw", serde_json::json!({})).await;
    let plain = |seen: &Seen| {
        let shown = seen.text.split("<main").nth(1).unwrap();
        let shown = shown.split("kc-info-message").nth(1).unwrap();
        (seen.status, shown.to_owned())
    };
    let known = ask(&server, &Browser::default(), "alice").await;
    assert!(smtp.next().await.is_some());
    for name in ["nobody", "carol"] {
        let unknown = ask(&server, &Browser::default(), name).await;
        assert_eq!(plain(&known), plain(&unknown), "{name}");
    }
    assert_eq!(smtp.count(), 0, "nobody has no mail, and carol no address");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_good_in_their_realm_for_their_time_and_unchanged() {
    let server = server().await;
    allow(&server).await;
    let smtp = mail_server(&server).await;
    ask(&server, &Browser::default(), "alice").await;
    let url = smtp.next().await.unwrap().link("action-token").unwrap();
    let browser = Browser::default();
    // Not the last letter: of its bits base64url ignores some.
    let (kept, last) = url.split_at(url.len() - 10);
    let other = if last.starts_with('A') { "B" } else { "A" };
    let changed = format!("{kept}{other}{}", &last[1..]);
    for url in [
        changed,
        format!("{url}A"),
        url.split('?').next().unwrap().to_owned(),
    ] {
        let seen = browser.get(&server, &url).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST);
        assert!(!seen.text.contains("password-new"));
    }
    server.services.clock.advance(301);
    let late = browser.get(&server, &url).await;
    assert_eq!(late.status, StatusCode::BAD_REQUEST);
    assert!(late.text.contains("expired"), "{}", late.text);
}

/// spec: LOGIN-03, LOGIN-05
#[tokio::test(flavor = "multi_thread")]
async fn an_authenticator_app_is_set_up_anew_unless_the_flow_leaves_it() {
    let server = server().await;
    allow(&server).await;
    let smtp = mail_server(&server).await;
    add_otp(&server, "alice", "old phone").await;
    ask(&server, &Browser::default(), "alice").await;
    let browser = Browser::default();
    let page = follow(&server, &browser, &smtp.next().await.unwrap()).await;
    asks(&page, "totp");
    let secret = shown_secret(&page);
    assert_ne!(secret, OTP_SECRET);
    let code = code_of(&server, &secret, 0).await;
    let page = send(&server, &browser, &page, &[("totp", &code)]).await;
    asks(&page, "password-new");
    done(&send(&server, &browser, &page, &NEW).await);
    let kinds: Vec<_> = credentials(&server, "alice")
        .await
        .into_iter()
        .filter_map(|c| c.r#type)
        .collect();
    assert_eq!(kinds.iter().filter(|k| *k == "otp").count(), 1);

    server
        .change_realm(|realm| {
            for flow in realm.authentication_flows.iter_mut().flatten() {
                for part in flow.authentication_executions.iter_mut().flatten() {
                    if part.flow_alias.as_deref() == Some("Reset - Conditional OTP") {
                        part.requirement = Some("DISABLED".to_owned());
                    }
                }
            }
        })
        .await;
    ask(&server, &Browser::default(), "alice").await;
    let browser = Browser::default();
    let page = follow(&server, &browser, &smtp.next().await.unwrap()).await;
    asks(&page, "password-new");
    done(&send(&server, &browser, &page, &NEW).await);
}

/// spec: LOGIN-06, REGH-04
#[tokio::test(flavor = "multi_thread")]
async fn an_application_may_lead_to_the_reset_and_the_realm_may_forbid_it() {
    let server = server().await;
    let direct = authorize(&server, &[]).replace("/auth?", "/forgot-credentials?");
    let browser = Browser::default();
    let refused = browser.get(&server, &direct).await;
    assert!(
        !refused.text.contains("kc-reset-password-form"),
        "{}",
        refused.text
    );
    allow(&server).await;
    let smtp = mail_server(&server).await;
    let page = browser.get(&server, &direct).await;
    send(&server, &browser, &page, &[("username", "alice")]).await;
    let mail = smtp.next().await.unwrap();
    server
        .change_realm(|realm| {
            for action in realm.required_actions.iter_mut().flatten() {
                if action.alias.as_deref() == Some("UPDATE_PASSWORD") {
                    action.enabled = Some(false);
                }
            }
        })
        .await;
    let page = follow(&server, &Browser::default(), &mail).await;
    assert!(
        !page.text.contains("password-new") && page.location.is_none(),
        "{page:?}"
    );
}

/// The link of a mail is no way around a lockout: nothing changes and nobody signs in while it lasts.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_does_not_pass_a_lockout() {
    let server = server().await;
    allow(&server).await;
    server
        .change_realm(|realm| {
            realm.brute_force_protected = Some(true);
            realm.failure_factor = Some(2);
            realm.wait_increment_seconds = Some(60);
        })
        .await;
    let smtp = mail_server(&server).await;
    ask(&server, &Browser::default(), "alice").await;
    let mail = smtp.next().await.unwrap();
    for _ in 0..2 {
        let browser = Browser::default();
        let page = open(&server, &browser, &[]).await;
        let wrong = [("username", "alice"), ("password", "wrong")];
        asks(&send(&server, &browser, &page, &wrong).await, "password");
    }
    let browser = Browser::default();
    let locked = follow(&server, &browser, &mail).await;
    assert_eq!(locked.status, StatusCode::FORBIDDEN, "{}", locked.text);
    assert!(locked.text.contains("locked for now"), "{}", locked.text);
    server.services.clock.advance(61);
    let page = follow(&server, &browser, &mail).await;
    asks(&page, "password-new");
    done(&send(&server, &browser, &page, &NEW).await);
}
