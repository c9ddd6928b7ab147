//! Forgotten credentials.

use realmkeep_email::testing::SmtpServer;
use reqwest::StatusCode;
use serde_json::json;

use crate::browser::{Browser, Seen, authorize, server};
use crate::support::Server;
use crate::tools::{
    OTP_SECRET, add, add_otp, asks, bind, code_of, configured, credentials, done, execution, flow,
    open, send, sessions, shown_secret, user_id,
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

/// Sets the configuration of the reset's step.
async fn configure(server: &Server, step: &str, settings: &[(&str, &str)]) {
    let alias = format!("{step} {settings:?}");
    add(server, Vec::new(), &[(&alias, settings)]).await;
    server
        .change_realm(|realm| {
            for flow in realm.authentication_flows.iter_mut().flatten() {
                for part in flow.authentication_executions.iter_mut().flatten() {
                    if part.authenticator.as_deref() == Some(step) {
                        part.authenticator_config = Some(alias.clone());
                    }
                }
            }
        })
        .await;
}

async fn apps(server: &Server) -> Vec<String> {
    let all = credentials(server, "alice").await.into_iter();
    let apps = all.filter(|c| c.r#type.as_deref() == Some("otp"));
    apps.filter_map(|c| c.user_label).collect()
}

/// Who has lost the authenticator app sets up a new one: beside the others, in the place of one that is
/// chosen, or in the place of all, as the flow says; or none, where the flow leaves it.
///
/// spec: LOGIN-03, LOGIN-05
#[tokio::test(flavor = "multi_thread")]
async fn an_authenticator_app_is_set_up_anew_unless_the_flow_leaves_it() {
    let server = server().await;
    allow(&server).await;
    let smtp = mail_server(&server).await;
    add_otp(&server, "alice", "old phone").await;
    let reset = async || {
        ask(&server, &Browser::default(), "alice").await;
        let browser = Browser::default();
        let page = follow(&server, &browser, &smtp.next().await.unwrap()).await;
        (browser, page)
    };
    let set_up = async |(browser, page): (Browser, Seen), label: &str| {
        asks(&page, "totp");
        let secret = shown_secret(&page);
        assert_ne!(secret, OTP_SECRET);
        let code = code_of(&server, &secret, 0).await;
        let form = [("totp", code.as_str()), ("userLabel", label)];
        let page = send(&server, &browser, &page, &form).await;
        asks(&page, "password-new");
        done(&send(&server, &browser, &page, &NEW).await);
    };
    set_up(reset().await, "new phone").await;
    assert_eq!(apps(&server).await, ["old phone", "new phone"]);

    let action = "action_on_otp_reset_flag";
    configure(&server, "reset-otp", &[(action, "Remove one")]).await;
    let (browser, page) = reset().await;
    asks(&page, "selectedCredentialId");
    let again = send(&server, &browser, &page, &[("selectedCredentialId", "x")]).await;
    asks(&again, "selectedCredentialId");
    let after = again.text.split("new phone").next().unwrap();
    let id = after.rsplit("value=\"").next().unwrap();
    let id = id.split('"').next().unwrap().to_owned();
    let form = [("selectedCredentialId", id.as_str())];
    let page = send(&server, &browser, &again, &form).await;
    set_up((browser, page), "newer phone").await;
    assert_eq!(apps(&server).await, ["old phone", "newer phone"]);

    configure(&server, "reset-otp", &[(action, "Remove all")]).await;
    set_up(reset().await, "only phone").await;
    assert_eq!(apps(&server).await, ["only phone"]);

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
    let (browser, page) = reset().await;
    asks(&page, "password-new");
    done(&send(&server, &browser, &page, &NEW).await);
    assert_eq!(apps(&server).await, ["only phone"]);
}

/// Where the flow wants it, who has chosen a new password signs in with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_may_have_to_be_used() {
    let server = server().await;
    allow(&server).await;
    let smtp = mail_server(&server).await;
    for (forced, signed_in) in [("false", true), ("only-federated", true), ("true", false)] {
        configure(
            &server,
            "reset-credential-email",
            &[("force-login", forced)],
        )
        .await;
        ask(&server, &Browser::default(), "alice").await;
        let browser = Browser::default();
        let page = follow(&server, &browser, &smtp.next().await.unwrap()).await;
        let before = sessions(&server, "alice").await;
        let seen = send(&server, &browser, &page, &NEW).await;
        assert_eq!(seen.location.is_some(), signed_in, "{forced}: {seen:?}");
        let after = sessions(&server, "alice").await;
        assert_eq!(after > before, signed_in, "{forced}");
    }
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    let form = [("username", "alice"), ("password", "new one")];
    done(&send(&server, &browser, &page, &form).await);
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

/// Who has said who they are is not asked again where the flow leaves that out: the mail goes out at
/// once, one for each login, however often the link is followed.
///
/// spec: PWL-07
#[tokio::test(flavor = "multi_thread")]
async fn the_user_who_was_named_is_not_asked_for_again() {
    let server = server().await;
    allow(&server).await;
    let smtp = mail_server(&server).await;
    let own = flow(
        "own",
        vec![
            execution("auth-username-form", "REQUIRED"),
            execution("auth-password-form", "REQUIRED"),
        ],
    );
    let reset = flow(
        "reset for known users",
        vec![
            execution("reset-credential-email", "REQUIRED"),
            execution("reset-password", "REQUIRED"),
        ],
    );
    bind(&server, vec![own, reset], &[]).await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    let page = send(&server, &browser, &page, &[("username", "alice")]).await;
    asks(&page, "password");
    let forgotten = link(&server, &page, "login-actions/reset-credentials");
    // The flow of a new realm asks, and shows what was typed.
    let form = browser.get(&server, &forgotten).await;
    asks(&form, "username");
    assert!(form.text.contains("value=\"alice\""), "{}", form.text);
    server
        .change_realm(|realm| {
            realm.reset_credentials_flow = Some("reset for known users".to_owned());
        })
        .await;
    let sent = browser.get(&server, &forgotten).await;
    assert_eq!(sent.status, StatusCode::OK);
    assert!(sent.text.contains("If the account exists"), "{}", sent.text);
    let mail = smtp.next().await.unwrap();
    assert_eq!(mail.to, ["alice@example.test"]);
    browser.get(&server, &forgotten).await;
    let other = Browser::default();
    let page = follow(&server, &other, &mail).await;
    asks(&page, "password-new");
    done(&send(&server, &other, &page, &NEW).await);
    // Where nobody was named, nobody is written to.
    let direct = authorize(&server, &[]).replace("/auth?", "/forgot-credentials?");
    let nobody = Browser::default().get(&server, &direct).await;
    assert!(nobody.text.contains("If the account exists"));
    server
        .change_realm(|realm| realm.browser_flow = Some("browser".to_owned()))
        .await;
    server
        .change_realm(|realm| {
            realm.reset_credentials_flow = Some("reset credentials".to_owned());
        })
        .await;
    nothing_waits(&server, &smtp).await;
}

/// Whatever was to be sent has arrived: the next mail is the one that is asked for now.
async fn nothing_waits(server: &Server, smtp: &SmtpServer) {
    let bob = json!({"email": "bob@example.test"});
    server.add_user("bob", "pw", bob).await;
    ask(server, &Browser::default(), "bob").await;
    assert_eq!(smtp.next().await.unwrap().to, ["bob@example.test"]);
}

/// A form that is sent again sends no further mail.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_sends_one_mail() {
    let server = server().await;
    allow(&server).await;
    let smtp = mail_server(&server).await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    let reset = link(&server, &page, "login-actions/reset-credentials");
    let form = browser.get(&server, &reset).await;
    for _ in 0..3 {
        send(&server, &browser, &form, &[("username", "alice")]).await;
    }
    assert!(smtp.next().await.is_some());
    nothing_waits(&server, &smtp).await;
}

/// Who chooses a new password by a mail has not said that the address is theirs to use: as in
/// Keycloak, it is confirmed by the mail that asks for that alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_confirms_no_address() {
    let server = server().await;
    allow(&server).await;
    server
        .change_realm(|realm| realm.verify_email = Some(true))
        .await;
    let smtp = mail_server(&server).await;
    ask(&server, &Browser::default(), "alice").await;
    let browser = Browser::default();
    let page = follow(&server, &browser, &smtp.next().await.unwrap()).await;
    assert!(page.text.contains("login-login-verify-email"), "{page:?}");
    let id = user_id(&server, "alice").await;
    let realm = server.realm().await;
    let verified = async || {
        let user = server.services.store.find_user(&realm.id, &id).await;
        user.unwrap().unwrap().email_verified == Some(true)
    };
    assert!(!verified().await);
    let confirmation = smtp.next().await.unwrap();
    follow(&server, &Browser::default(), &confirmation).await;
    assert!(verified().await);
    let page = send(&server, &browser, &page, &[]).await;
    asks(&page, "password-new");
    done(&send(&server, &browser, &page, &NEW).await);
}

/// The limit on sessions holds for who comes in by a mail, too.
///
/// spec: SLIM-07
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_in_by_a_mail_is_limited() {
    let server = server().await;
    allow(&server).await;
    let smtp = mail_server(&server).await;
    done(&Browser::default().login(&server, &[]).await);
    let own = flow(
        "limited reset",
        vec![
            execution("reset-credentials-choose-user", "REQUIRED"),
            execution("reset-credential-email", "REQUIRED"),
            execution("reset-password", "REQUIRED"),
            configured("user-session-limits", "REQUIRED", "limits"),
        ],
    );
    add(
        &server,
        vec![own],
        &[("limits", &[("userRealmLimit", "1")])],
    )
    .await;
    server
        .change_realm(|realm| realm.reset_credentials_flow = Some("limited reset".to_owned()))
        .await;
    ask(&server, &Browser::default(), "alice").await;
    let browser = Browser::default();
    let refused = follow(&server, &browser, &smtp.next().await.unwrap()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
    assert_eq!(sessions(&server, "alice").await, 1);
}
