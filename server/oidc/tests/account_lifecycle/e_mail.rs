//! Addresses: confirmed, changed; and what administrators ask for by mail.

use realmkeep_authn::mail;
use realmkeep_model::features::Features;
use reqwest::StatusCode;

use crate::browser::{Browser, fill, server};
use crate::support::{Server, SetUp};
use crate::tools::{PASSWORD, asks, done, open, send, sessions, user_id};
use crate::{follow, mail_server};

async fn verified(server: &Server) -> Option<bool> {
    let realm = server.realm().await;
    let id = user_id(server, "alice").await;
    let user = server
        .services
        .store
        .find_user(&realm.id, &id)
        .await
        .unwrap();
    user.unwrap().email_verified
}

/// spec: RA-05, ENDUI-09, EMAIL-01, OC-07
#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_confirmed_before_the_first_login() {
    let server = server().await;
    server
        .change_client("app", |client| {
            client.root_url = Some("https://app.test".to_owned());
            client.base_url = Some("/home".to_owned());
        })
        .await;
    let smtp = mail_server(&server).await;
    server
        .change_realm(|realm| realm.verify_email = Some(true))
        .await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    let page = send(&server, &browser, &page, &PASSWORD).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("kc-verify-email-form"), "{}", page.text);
    assert_eq!(sessions(&server, "alice").await, 0);
    let mail = smtp.next().await.unwrap();
    // Sent again at once, there is no second mail.
    let again = send(&server, &browser, &page, &[]).await;
    assert!(again.text.contains("kc-verify-email-form"));
    assert_eq!(smtp.count(), 0);
    // Who opens links before people do confirms nothing.
    let scanner = Browser::default();
    let url = mail.link("action-token").unwrap();
    let seen = scanner.get(&server, &url).await;
    assert!(seen.text.contains("proceedWithAction") && seen.text.contains("alice@example.test"));
    assert_ne!(verified(&server).await, Some(true));

    let seen = follow(&server, &browser, &mail).await;
    assert!(
        seen.text.contains("Your email address is confirmed."),
        "{}",
        seen.text
    );
    // From there it goes to the application's own page.
    assert_eq!(
        crate::link(&server, &seen, "app.test"),
        "https://app.test/home"
    );
    assert_eq!(verified(&server).await, Some(true));
    let used = follow(&server, &browser, &mail).await;
    assert_eq!(used.status, StatusCode::BAD_REQUEST);
    // The page that was left open goes on.
    done(&send(&server, &browser, &again, &[]).await);
}

async fn enable_update_email(server: &Server) {
    server
        .change_realm(|realm| {
            for action in realm.required_actions.iter_mut().flatten() {
                if action.alias.as_deref() == Some("UPDATE_EMAIL") {
                    action.enabled = Some(true);
                }
            }
        })
        .await;
}

async fn email(server: &Server) -> String {
    let realm = server.realm().await;
    let id = user_id(server, "alice").await;
    let user = server
        .services
        .store
        .find_user(&realm.id, &id)
        .await
        .unwrap();
    user.unwrap().email.unwrap()
}

/// Nobody is asked for it before the realm switches it on.
///
/// spec: RA-12, UPEM-01, UPEM-02, UPEM-04, ENDUI-12
#[tokio::test(flavor = "multi_thread")]
async fn an_address_changes_at_once_where_addresses_are_not_verified() {
    let server = server().await;
    let action = [("kc_action", "UPDATE_EMAIL")];
    let passed = Browser::default().login(&server, &action).await;
    assert_ne!(passed.answer().get("kc_action_status").unwrap(), "success");
    enable_update_email(&server).await;
    server
        .add_user(
            "bob",
            "pw",
            serde_json::json!({"email": "bob@example.test"}),
        )
        .await;
    let browser = Browser::default();
    let page = browser
        .login(&server, &[("kc_action", "UPDATE_EMAIL")])
        .await;
    asks(&page, "email");
    for (typed, text) in [
        ("", "Enter an email address."),
        ("x", "not valid"),
        ("Bob@example.test", "already in use"),
    ] {
        let seen = send(&server, &browser, &page, &[("email", typed)]).await;
        assert!(seen.text.contains(text), "{typed}: {}", seen.text);
    }
    let seen = send(
        &server,
        &browser,
        &page,
        &[("email", "Alice2@example.test")],
    )
    .await;
    assert_eq!(seen.answer()["kc_action_status"], "success");
    assert_eq!(email(&server).await, "alice2@example.test");
    assert_eq!(verified(&server).await, Some(false));
}

/// spec: UPEM-03
#[tokio::test(flavor = "multi_thread")]
async fn an_address_changes_by_its_link_where_addresses_are_verified() {
    let server = server().await;
    let id = user_id(&server, "alice").await;
    server
        .change_user(&id, |user| user.email_verified = Some(true))
        .await;
    enable_update_email(&server).await;
    let smtp = mail_server(&server).await;
    server
        .change_realm(|realm| realm.verify_email = Some(true))
        .await;
    let browser = Browser::default();
    let page = browser
        .login(&server, &[("kc_action", "UPDATE_EMAIL")])
        .await;
    let seen = send(&server, &browser, &page, &[("email", "new@example.test")]).await;
    assert!(
        seen.text.contains("changes when you open the link"),
        "{}",
        seen.text
    );
    assert_eq!(email(&server).await, "alice@example.test");
    let mail = smtp.next().await.unwrap();
    assert_eq!(mail.to, ["new@example.test"]);
    let seen = follow(&server, &Browser::default(), &mail).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.text);
    assert_eq!(email(&server).await, "new@example.test");
    assert_eq!(verified(&server).await, Some(true));
    let used = follow(&server, &Browser::default(), &mail).await;
    assert_eq!(used.status, StatusCode::BAD_REQUEST);
}

/// What an administrator asks for by mail leads to the page of the action.
///
/// spec: CRED-10
#[tokio::test(flavor = "multi_thread")]
async fn actions_that_an_administrator_asks_for_are_done_without_signing_in() {
    let server = server().await;
    let smtp = mail_server(&server).await;
    let realm = server.realm().await;
    let id = user_id(&server, "alice").await;
    let user = server
        .services
        .store
        .find_user(&realm.id, &id)
        .await
        .unwrap()
        .unwrap();
    let actions = ["UPDATE_PASSWORD".to_owned()];
    mail::execute_actions_email(
        &server.services,
        &realm,
        &user,
        &actions,
        Some("app"),
        None,
        Some(7_200),
    )
    .await
    .unwrap();
    let mail = smtp.next().await.unwrap();
    assert!(mail.text().contains("2 hours") && mail.text().contains("Choose a new password"));
    let browser = Browser::default();
    let first = browser
        .get(&server, &mail.link("action-token").unwrap())
        .await;
    assert!(
        first.text.contains("<li>Choose a new password</li>"),
        "{}",
        first.text
    );
    let page = follow(&server, &browser, &mail).await;
    asks(&page, "password-new");
    let form = [("password-new", "new one"), ("password-confirm", "new one")];
    let seen = send(&server, &browser, &page, &form).await;
    assert!(
        seen.text.contains("Your account is up to date."),
        "{}",
        seen.text
    );
    assert!(seen.location.is_none());
    assert_eq!(sessions(&server, "alice").await, 0, "nobody is signed in");
    let again = send(&server, &browser, &page, &form).await;
    assert!(again.location.is_none());
    let used = follow(&server, &Browser::default(), &mail).await;
    assert_eq!(used.status, StatusCode::BAD_REQUEST);
    // The login page asks as before, and the new password is good.
    let page = open(&server, &browser, &[]).await;
    done(
        &send(
            &server,
            &browser,
            &page,
            &[("username", "alice"), ("password", "new one")],
        )
        .await,
    );
}

/// The link is good for the time that was given with it, or for the realm's.
///
/// spec: CRED-11
#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_an_administrator_is_good_for_its_time() {
    let server = server().await;
    let smtp = mail_server(&server).await;
    server
        .change_realm(|realm| realm.action_token_generated_by_admin_lifespan = Some(500))
        .await;
    let realm = server.realm().await;
    let id = user_id(&server, "alice").await;
    let store = &server.services.store;
    let user = store.find_user(&realm.id, &id).await.unwrap().unwrap();
    for (given, good, late) in [(Some(100), 99, 2), (None, 499, 2)] {
        let actions = ["CONFIGURE_TOTP".to_owned()];
        let (services, app) = (&server.services, Some("app"));
        mail::execute_actions_email(services, &realm, &user, &actions, app, None, given)
            .await
            .unwrap();
        let mail = smtp.next().await.unwrap();
        server.services.clock.advance(good);
        asks(&follow(&server, &Browser::default(), &mail).await, "totp");
        server.services.clock.advance(late);
        let expired = follow(&server, &Browser::default(), &mail).await;
        assert_eq!(expired.status, StatusCode::BAD_REQUEST);
        assert!(expired.text.contains("expired"), "{}", expired.text);
    }
}

/// The realm's e-mail theme makes its mails.
///
/// spec: THEME-05
#[tokio::test(flavor = "multi_thread")]
async fn mails_are_of_the_realms_theme() {
    let themes = tempfile::tempdir().unwrap();
    let login = themes.path().join("ours/login");
    std::fs::create_dir_all(&login).unwrap();
    std::fs::write(login.join("theme.properties"), "").unwrap();
    let template = "<p id=\"from-the-theme\">{{ 1 + 1 }}</p>";
    std::fs::write(login.join("mail.html"), template).unwrap();
    let set_up = SetUp {
        pages: realmkeep_pages::Pages::with_themes("", Some(themes.path())).unwrap(),
        ..SetUp::default()
    };
    let server = Server::start_set_up(set_up, |realm| {
        realm.verify_email = Some(true);
        realm.email_theme = Some("ours".to_owned());
    })
    .await;
    fill(&server).await;
    let smtp = mail_server(&server).await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    send(&server, &browser, &page, &PASSWORD).await;
    let mail = smtp.next().await.unwrap();
    assert!(mail.data.contains("from-the-theme"), "{}", mail.data);
}

/// Where the server has switched the feature off there is no such action: the address is a field of
/// the profile, whatever the realm says.
///
/// spec: UPEM-05
#[tokio::test(flavor = "multi_thread")]
async fn the_action_can_be_switched_off() {
    for (on, off) in [("update-email", ""), ("preview", "update-email")] {
        let features: Features = on.parse().unwrap();
        let set_up = SetUp {
            features: features.without(&off.parse().unwrap()),
            ..SetUp::default()
        };
        let server = Server::start_set_up(set_up, |_| {}).await;
        fill(&server).await;
        enable_update_email(&server).await;
        let browser = Browser::default();
        let asked = browser
            .login(&server, &[("kc_action", "UPDATE_EMAIL")])
            .await;
        if off.is_empty() {
            asks(&asked, "email");
            continue;
        }
        assert_eq!(asked.answer()["kc_action_status"], "error");
        let profile = open(&server, &browser, &[("kc_action", "UPDATE_PROFILE")]).await;
        let field = profile.text.split("name=\"email\"").nth(1).unwrap();
        let field = field.split('>').next().unwrap();
        assert!(!field.contains("readonly"), "{field}");
    }
}
