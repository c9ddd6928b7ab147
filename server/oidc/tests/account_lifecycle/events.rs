//! What is stored of users' doings, at the moment when they are answered, and the mails about it.

use realmkeep_authn::event_listeners::deliver;
use realmkeep_events::Events;
use realmkeep_representations::EventRepresentation;
use realmkeep_store::documents::Page;
use realmkeep_store::events::UserEventSearch;
use serde_json::json;

use crate::browser::{Browser, SECRET, redeem, server};
use crate::support::Server;
use crate::tools::{OTP_SECRET, PASSWORD, add_otp, code_of, credentials, done, open, send};
use crate::tools::{shown_secret, user_id};
use crate::{follow, link, mail_server};

async fn keeping() -> Server {
    let server = server().await;
    server
        .change_realm(|realm| {
            realm.events_enabled = Some(true);
            realm.registration_allowed = Some(true);
            realm.reset_password_allowed = Some(true);
            for action in realm.required_actions.iter_mut().flatten() {
                if matches!(
                    action.alias.as_deref(),
                    Some("UPDATE_EMAIL" | "delete_credential")
                ) {
                    action.enabled = Some(true);
                }
            }
        })
        .await;
    server
}

/// All events, the oldest first, as they lie in the database now: nothing is waited for.
async fn kept(server: &Server) -> Vec<EventRepresentation> {
    let search = UserEventSearch {
        oldest_first: true,
        ..UserEventSearch::default()
    };
    let realm = server.realm().await;
    let store = &server.services.store;
    store
        .user_events(&realm.id, &search, Page::ALL)
        .await
        .unwrap()
}

async fn types(server: &Server) -> Vec<String> {
    let kept = kept(server).await;
    kept.into_iter().filter_map(|event| event.r#type).collect()
}

fn detail<'a>(event: &'a EventRepresentation, name: &str) -> &'a str {
    let details = event.details.as_ref().unwrap();
    details.get(name).map_or("", String::as_str)
}

/// spec: EVT-09
#[tokio::test(flavor = "multi_thread")]
async fn a_registration_is_an_event() {
    let server = keeping().await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    let form = browser
        .get(&server, &link(&server, &page, "login-actions/registration"))
        .await;
    let bob = [
        ("username", "bob"),
        ("email", "bob@example.test"),
        ("firstName", "Bob"),
        ("lastName", "Builder"),
        ("password", "can we fix it"),
        ("password-confirm", "can we fix it"),
    ];
    done(&send(&server, &browser, &form, &bob).await);
    let all = kept(&server).await;
    assert_eq!(types(&server).await, ["REGISTER", "LOGIN"]);
    let id = user_id(&server, "bob").await;
    assert_eq!(all[0].user_id.as_ref(), Some(&id));
    assert_eq!(all[0].client_id.as_deref(), Some("app"));
    assert_eq!(detail(&all[0], "username"), "bob");
    assert_eq!(detail(&all[0], "email"), "bob@example.test");
    assert!(!format!("{all:?}").contains("can we fix it"));
}

/// The code and the refresh token that are used up are so together with their events, also those that are
/// refused.
///
/// spec: EVT-11, EVT-12
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_events() {
    let server = keeping().await;
    server
        .change_realm(|realm| {
            realm.enabled_event_types = Some(
                ["CODE_TO_TOKEN", "CODE_TO_TOKEN_ERROR", "REFRESH_TOKEN"]
                    .map(str::to_owned)
                    .to_vec(),
            );
        })
        .await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    let code = done(&send(&server, &browser, &page, &PASSWORD).await);
    let tokens = redeem(&server, &code).await;
    tokens.granted();
    let refresh = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("client_secret", SECRET),
        ("refresh_token", tokens.text("refresh_token")),
    ];
    server.token(&refresh).await.granted();
    redeem(&server, &code).await;
    let all = kept(&server).await;
    assert_eq!(
        types(&server).await,
        ["CODE_TO_TOKEN", "REFRESH_TOKEN", "CODE_TO_TOKEN_ERROR"]
    );
    assert_eq!(detail(&all[0], "scope"), tokens.text("scope"));
    assert!(detail(&all[0], "token_id").contains(':'));
    assert_ne!(detail(&all[0], "token_id"), detail(&all[1], "token_id"));
    assert_eq!(all[2].error.as_deref(), Some("invalid_code"));
    assert_eq!(all[0].session_id, all[1].session_id);
}

/// spec: EVT-23, EVT-24, EVT-25
#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_events() {
    let server = keeping().await;
    let smtp = mail_server(&server).await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    let reset = link(&server, &page, "login-actions/reset-credentials");
    let form = browser.get(&server, &reset).await;
    send(&server, &browser, &form, &[("username", "alice")]).await;
    assert_eq!(types(&server).await, ["SEND_RESET_PASSWORD"]);
    let mail = smtp.next().await.unwrap();
    let page = follow(&server, &browser, &mail).await;
    let new = [("password-new", "new one"), ("password-confirm", "new one")];
    done(&send(&server, &browser, &page, &new).await);
    let all = kept(&server).await;
    assert_eq!(
        types(&server).await[1..],
        ["UPDATE_PASSWORD", "UPDATE_CREDENTIAL", "LOGIN"]
    );
    assert_eq!(detail(&all[2], "credential_type"), "password");
}

/// spec: EVT-25, EVT-26, EVT-27, EVT-28
#[tokio::test(flavor = "multi_thread")]
async fn an_authenticator_app_comes_and_goes_as_events() {
    let server = keeping().await;
    let browser = Browser::default();
    let page = browser
        .login(&server, &[("kc_action", "CONFIGURE_TOTP")])
        .await;
    let code = code_of(&server, &shown_secret(&page), 0).await;
    let form = [("totp", code.as_str()), ("userLabel", "phone")];
    done(&send(&server, &browser, &page, &form).await);
    let ours = |types: Vec<String>| -> Vec<String> {
        let mut types = types;
        types.retain(|name| name != "LOGIN");
        types
    };
    assert_eq!(
        ours(types(&server).await),
        ["UPDATE_TOTP", "UPDATE_CREDENTIAL"]
    );
    let all = credentials(&server, "alice").await;
    let otp = all.iter().find(|c| c.r#type.as_deref() == Some("otp"));
    let action = format!("delete_credential:{}", otp.unwrap().id.as_deref().unwrap());
    let page = open(&server, &browser, &[("kc_action", &action)]).await;
    done(&send(&server, &browser, &page, &[("accept", "true")]).await);
    assert_eq!(
        ours(types(&server).await)[2..],
        ["REMOVE_TOTP", "REMOVE_CREDENTIAL"]
    );
}

/// spec: EVT-21, EVT-22, EVT-29, EVT-30
#[tokio::test(flavor = "multi_thread")]
async fn changes_of_profile_and_address_are_events() {
    let server = keeping().await;
    let browser = Browser::default();
    let page = browser
        .login(&server, &[("kc_action", "UPDATE_PROFILE")])
        .await;
    let form = [
        ("username", "alice"),
        ("email", "alice@example.test"),
        ("firstName", "Alice"),
        ("lastName", "Other"),
    ];
    done(&send(&server, &browser, &page, &form).await);
    assert!(types(&server).await.contains(&"UPDATE_PROFILE".to_owned()));
    let page = open(&server, &browser, &[("kc_action", "UPDATE_EMAIL")]).await;
    let form = [("email", "alice2@example.test")];
    done(&send(&server, &browser, &page, &form).await);
    let all = kept(&server).await;
    let changed = all
        .iter()
        .find(|e| e.r#type.as_deref() == Some("UPDATE_EMAIL"))
        .unwrap();
    assert_eq!(detail(changed, "previous_email"), "alice@example.test");
    assert_eq!(detail(changed, "updated_email"), "alice2@example.test");

    let smtp = mail_server(&server).await;
    server
        .change_realm(|realm| realm.verify_email = Some(true))
        .await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    send(&server, &browser, &page, &PASSWORD).await;
    assert_eq!(types(&server).await.last().unwrap(), "SEND_VERIFY_EMAIL");
    let mail = smtp.next().await.unwrap();
    follow(&server, &browser, &mail).await;
    assert!(types(&server).await.contains(&"VERIFY_EMAIL".to_owned()));
}

/// The realm that names the listener has its users told of what happened to their accounts, at confirmed
/// addresses; of a mail that the mail server does not take, later.
///
/// spec: EVL-06, EVL-07, EVL-08
#[tokio::test(flavor = "multi_thread")]
async fn users_are_told_by_mail() {
    let server = server().await;
    let smtp = mail_server(&server).await;
    let wrong = async || {
        let browser = Browser::default();
        let page = open(&server, &browser, &[]).await;
        let form = [("username", "alice"), ("password", "wrong")];
        send(&server, &browser, &page, &form).await;
        deliver(&server.services).await.unwrap()
    };
    assert_eq!(wrong().await, 0, "the realm does not name the listener");
    server
        .change_realm(|realm| {
            let listeners = ["jboss-logging", "email"].map(str::to_owned);
            realm.events_listeners = Some(listeners.to_vec());
        })
        .await;
    wrong().await;
    assert_eq!(smtp.count(), 0, "the address is not confirmed");
    let id = user_id(&server, "alice").await;
    server
        .change_user(&id, |user| user.email_verified = Some(true))
        .await;
    wrong().await;
    let mail = smtp.next().await.unwrap();
    assert_eq!(mail.to, ["alice@example.test"]);
    assert!(mail.data.contains("Failed sign-in"), "{}", mail.data);
    assert!(mail.text().contains("127.0.0.1"), "{}", mail.text());

    // The other types.
    let browser = Browser::default();
    let page = browser
        .login(&server, &[("kc_action", "UPDATE_PASSWORD")])
        .await;
    let new = [("password-new", "new one"), ("password-confirm", "new one")];
    done(&send(&server, &browser, &page, &new).await);
    let page = open(&server, &browser, &[("kc_action", "CONFIGURE_TOTP")]).await;
    let code = code_of(&server, &shown_secret(&page), 0).await;
    let form = [("totp", code.as_str()), ("userLabel", "phone")];
    done(&send(&server, &browser, &page, &form).await);
    assert_eq!(deliver(&server.services).await.unwrap(), 4);
    let mut subjects = Vec::new();
    for _ in 0..4 {
        subjects.push(smtp.next().await.unwrap().data);
    }
    for text in [
        "Your password was changed",
        "A credential was changed",
        "An authenticator app was added",
    ] {
        assert!(subjects.iter().any(|mail| mail.contains(text)), "{text}");
    }

    // A mail server that is away for a while.
    let port = smtp.port;
    drop(smtp);
    wrong().await;
    assert_eq!(deliver(&server.services).await.unwrap(), 0, "not at once");
    let smtp = mail_server(&server).await;
    assert_ne!(smtp.port, port);
    server.services.clock.advance(11);
    assert_eq!(deliver(&server.services).await.unwrap(), 1);
    assert!(smtp.next().await.unwrap().data.contains("Failed sign-in"));
}

/// What the configuration excludes is told to nobody, nor is what it does not include.
///
/// spec: EVL-09
#[tokio::test(flavor = "multi_thread")]
async fn mails_can_be_left_out() {
    for settings in [
        realmkeep_events::Settings {
            email_exclude: vec!["LOGIN_ERROR".to_owned()],
            ..Default::default()
        },
        realmkeep_events::Settings {
            email_include: vec!["UPDATE_TOTP".to_owned()],
            ..Default::default()
        },
    ] {
        let server = server().await;
        let _smtp = mail_server(&server).await;
        server
            .change_realm(|realm| realm.events_listeners = Some(vec!["email".to_owned()]))
            .await;
        let services = &server.services;
        let own = Events::recording_with(
            std::sync::Arc::default(),
            services.store.clone(),
            services.clock.clone(),
            settings,
        );
        let id = user_id(&server, "alice").await;
        let event =
            |kind| realmkeep_events::Event::new(kind, crate::support::REALM, "192.0.2.1").user(&id);
        own.emit(&event(realmkeep_events::EventType::Login).failed("user_not_found"));
        own.settle().await;
        let due = async || {
            services
                .store
                .due_outbox_events(i64::MAX, 10)
                .await
                .unwrap()
        };
        assert_eq!(due().await.len(), 0);
        own.emit(&event(realmkeep_events::EventType::UpdateTotp));
        own.settle().await;
        assert_eq!(due().await.len(), 1);
    }
}

/// Most realms keep nothing, and nothing is written for them.
#[tokio::test(flavor = "multi_thread")]
async fn a_realm_without_listeners_writes_nothing() {
    let server = server().await;
    add_otp(&server, "alice", "phone").await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    let page = send(&server, &browser, &page, &PASSWORD).await;
    let code = code_of(&server, OTP_SECRET, 0).await;
    done(&send(&server, &browser, &page, &[("otp", &code)]).await);
    server.services.events.settle().await;
    assert_eq!(json!(kept(&server).await), json!([]));
}

/// spec: EVT-13, EVT-14
#[tokio::test(flavor = "multi_thread")]
async fn lockouts_are_events() {
    for (permanent, kind) in [
        (false, "USER_DISABLED_BY_TEMPORARY_LOCKOUT"),
        (true, "USER_DISABLED_BY_PERMANENT_LOCKOUT"),
    ] {
        let server = keeping().await;
        server
            .change_realm(|realm| {
                realm.brute_force_protected = Some(true);
                realm.permanent_lockout = Some(permanent);
                realm.failure_factor = Some(2);
                realm.quick_login_check_milli_seconds = Some(0);
            })
            .await;
        for _ in 0..2 {
            let browser = Browser::default();
            let page = open(&server, &browser, &[]).await;
            let form = [("username", "alice"), ("password", "wrong")];
            send(&server, &browser, &page, &form).await;
        }
        let id = user_id(&server, "alice").await;
        let all = kept(&server).await;
        let locked = all.iter().find(|e| e.r#type.as_deref() == Some(kind));
        assert_eq!(locked.unwrap().user_id.as_ref(), Some(&id), "{kind}");
    }
}
