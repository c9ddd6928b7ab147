//! What has to be done before a login ends, and what applications ask for.

use realmkeep_representations::RealmRepresentation;
use realmkeep_store::{Batch, Touch};
use reqwest::StatusCode;
use serde_json::json;

use crate::browser::{Browser, Seen, authorize, server};
use crate::support::Server;
use crate::tools::{
    OTP_SECRET, PASSWORD, add_otp, asks, code_of, credentials, direct_grant, done, open, send,
    sessions, shown_secret, user_id,
};

async fn require(server: &Server, actions: &[&str]) {
    let id = user_id(server, "alice").await;
    let actions = actions.iter().map(|a| (*a).to_owned()).collect();
    server
        .change_user(&id, |user| user.required_actions = Some(actions))
        .await;
}

async fn required(server: &Server) -> Vec<String> {
    let realm = server.realm().await;
    let id = user_id(server, "alice").await;
    let user = server.services.store.find_user(&realm.id, &id).await;
    user.unwrap().unwrap().required_actions.unwrap_or_default()
}

async fn signed_in(server: &Server, more: &[(&str, &str)]) -> (Browser, Seen) {
    let browser = Browser::default();
    let page = open(server, &browser, more).await;
    let seen = send(server, &browser, &page, &PASSWORD).await;
    (browser, seen)
}

/// A temporary password is changed at the first login, once.
///
/// spec: RA-01, RA-03, RA-13
#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_password_is_changed() {
    let server = server().await;
    require(&server, &["UPDATE_PASSWORD"]).await;
    let refused = direct_grant(&server, &PASSWORD).await;
    refused.refused(400, "invalid_grant", "Account is not fully set up");
    let (browser, page) = signed_in(&server, &[]).await;
    asks(&page, "password-new");
    assert!(!page.text.contains("cancel-aia"));
    assert_eq!(sessions(&server, "alice").await, 0, "not before it is done");
    for (new, confirm, text) in [
        ("", "", "Enter a password"),
        ("new pw", "other", "not the same"),
        ("new pw", "", "not the same"),
    ] {
        let form = [("password-new", new), ("password-confirm", confirm)];
        let seen = send(&server, &browser, &page, &form).await;
        asks(&seen, "password-new");
        assert!(seen.text.contains(text), "{new} {confirm}");
    }
    let cancelled = send(&server, &browser, &page, &[("cancel-aia", "true")]).await;
    asks(&cancelled, "password-new");
    let form = [("password-new", "new pw"), ("password-confirm", "new pw")];
    done(&send(&server, &browser, &page, &form).await);
    assert!(required(&server).await.is_empty());
    let (_, old) = signed_in(&server, &[]).await;
    asks(&old, "password");
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    let form = [("username", "alice"), ("password", "new pw")];
    done(&send(&server, &browser, &page, &form).await);
    let passwords = credentials(&server, "alice").await;
    assert_eq!(passwords.len(), 1);
}

/// The realm's policy holds here too, and an old password has to be changed.
///
/// spec: RA-02
#[tokio::test(flavor = "multi_thread")]
async fn the_password_policy_holds() {
    let server = server().await;
    server
        .change_realm(|realm| {
            let policy = "length(8) and passwordHistory(2) and forceExpiredPasswordChange(10)";
            realm.password_policy = Some(policy.to_owned());
        })
        .await;
    let set = async |browser: &Browser, page: &Seen, new: &str| {
        let form = [("password-new", new), ("password-confirm", new)];
        send(&server, browser, page, &form).await
    };
    let (browser, page) = signed_in(&server, &[("kc_action", "UPDATE_PASSWORD")]).await;
    let short = set(&browser, &page, "short").await;
    assert!(short.text.contains("at least 8"), "{}", short.text);
    done(&set(&browser, &short, "long enough").await);
    let later = async || {
        let browser = Browser::default();
        let page = open(&server, &browser, &[]).await;
        let form = [("username", "alice"), ("password", "long enough")];
        let seen = send(&server, &browser, &page, &form).await;
        (browser, seen)
    };
    done(&later().await.1);
    server.services.clock.advance(11 * 86_400);
    let (browser, page) = later().await;
    asks(&page, "password-new");
    let same = set(&browser, &page, "long enough").await;
    assert!(same.text.contains("last 2 passwords"), "{}", same.text);
    done(&set(&browser, &same, "longer than that").await);
}

/// Several actions are done in the realm's order, one page each; none is skipped by another's form.
///
/// spec: RA-08, ENDUI-06
#[tokio::test(flavor = "multi_thread")]
async fn actions_come_in_order() {
    let server = server().await;
    server
        .change_realm(|realm| {
            for action in realm.required_actions.iter_mut().flatten() {
                action.enabled = Some(action.alias.as_deref() != Some("VERIFY_PROFILE"));
            }
        })
        .await;
    require(
        &server,
        &["UPDATE_PASSWORD", "CONFIGURE_TOTP", "TERMS_AND_CONDITIONS"],
    )
    .await;
    let (browser, terms) = signed_in(&server, &[]).await;
    assert!(
        terms.text.contains("id=\"kc-terms-text\""),
        "{}",
        terms.text
    );
    let page = send(&server, &browser, &terms, &[("accept", "true")]).await;
    asks(&page, "totp");
    assert_eq!(
        required(&server).await,
        ["UPDATE_PASSWORD", "CONFIGURE_TOTP"]
    );
    // The page before was answered already: the login stands where it did.
    let again = send(&server, &browser, &terms, &[("accept", "true")]).await;
    asks(&again, "totp");
    let form = [("password-new", "x"), ("password-confirm", "x")];
    let crossed = send(&server, &browser, &page, &form).await;
    asks(&crossed, "totp");
    let secret = shown_secret(&crossed);
    let code = code_of(&server, &secret, 0).await;
    let page = send(&server, &browser, &crossed, &[("totp", &code)]).await;
    asks(&page, "password-new");
    let form = [("password-new", "x"), ("password-confirm", "x")];
    done(&send(&server, &browser, &page, &form).await);
    assert!(required(&server).await.is_empty());
    let realm = server.realm().await;
    let id = user_id(&server, "alice").await;
    let user = server.services.store.find_user(&realm.id, &id).await;
    let attributes = user.unwrap().unwrap().attributes.unwrap();
    let accepted: i64 = attributes["terms_and_conditions"][0].parse().unwrap();
    assert!((server.services.clock.now() - accepted).abs() < 100);
}

/// Whoever declines the terms does not come in, and the application is told.
#[tokio::test(flavor = "multi_thread")]
async fn terms_can_be_declined() {
    let server = server().await;
    server
        .change_realm(|realm| {
            for action in realm.required_actions.iter_mut().flatten() {
                action.enabled = Some(action.alias.as_deref() != Some("VERIFY_PROFILE"));
            }
        })
        .await;
    require(&server, &["TERMS_AND_CONDITIONS"]).await;
    let (browser, terms) = signed_in(&server, &[]).await;
    let seen = send(&server, &browser, &terms, &[("cancel", "true")]).await;
    seen.refused(&server, "access_denied");
    assert_eq!(sessions(&server, "alice").await, 0);
    assert_eq!(required(&server).await, ["TERMS_AND_CONDITIONS"]);
}

/// What the realm has switched off is not asked for.
///
/// spec: RA-14
#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_action_is_passed_over() {
    let server = server().await;
    require(&server, &["TERMS_AND_CONDITIONS"]).await;
    let (_, seen) = signed_in(&server, &[]).await;
    done(&seen);
}

/// spec: AIA-01, AIA-02, AIA-03, AIA-04, AIA-16
#[tokio::test(flavor = "multi_thread")]
async fn an_application_asks_for_an_action() {
    let server = server().await;
    let more = [("kc_action", "UPDATE_PASSWORD")];
    let (browser, page) = signed_in(&server, &more).await;
    asks(&page, "password-new");
    assert!(page.text.contains("cancel-aia"));
    let form = [("password-new", "pw"), ("password-confirm", "pw")];
    let seen = send(&server, &browser, &page, &form).await;
    assert_eq!(seen.answer()["kc_action_status"], "success");
    assert_eq!(seen.answer()["kc_action"], "UPDATE_PASSWORD");
    done(&seen);

    // With the session that is there: the page at once.
    let page = open(&server, &browser, &more).await;
    asks(&page, "password-new");
    let seen = send(&server, &browser, &page, &[("cancel-aia", "true")]).await;
    assert_eq!(seen.answer()["kc_action_status"], "cancelled");
    done(&seen);
    assert_eq!(sessions(&server, "alice").await, 1);

    // What the realm does not offer, or nobody knows, is not done.
    for action in ["TERMS_AND_CONDITIONS", "nope", "update_user_locale"] {
        let url = authorize(&server, &[("kc_action", action)]);
        let seen = browser.get(&server, &url).await;
        assert_eq!(seen.answer()["kc_action_status"], "error", "{action}");
        done(&seen);
    }
    let none = [("kc_action", "UPDATE_PASSWORD"), ("prompt", "none")];
    let seen = browser.get(&server, &authorize(&server, &none)).await;
    seen.refused(&server, "interaction_required");
}

/// An old session has to be proven again before an action: after five minutes, or what the policy or
/// the action is set to; at once to delete the account.
///
/// spec: AIA-06, AIA-07, AIA-08, RA-16
#[tokio::test(flavor = "multi_thread")]
async fn an_old_session_is_proven_again_first() {
    let server = server().await;
    server
        .change_realm(|realm| {
            for action in realm.required_actions.iter_mut().flatten() {
                action.enabled = Some(action.alias.as_deref() != Some("VERIFY_PROFILE"));
            }
        })
        .await;
    let (browser, seen) = signed_in(&server, &[]).await;
    done(&seen);
    let update = [("kc_action", "UPDATE_PASSWORD")];
    asks(&open(&server, &browser, &update).await, "password-new");
    let delete = [("kc_action", "delete_account")];
    let page = open(&server, &browser, &delete).await;
    asks(&page, "password");
    assert!(
        page.text.contains("confirm that it is you"),
        "{}",
        page.text
    );
    server.services.clock.advance(301);
    asks(&open(&server, &browser, &update).await, "password");
    server
        .change_realm(|realm| {
            let mut all = realm.required_actions.iter_mut().flatten();
            let action = all.find(|a| a.alias.as_deref() == Some("UPDATE_PASSWORD"));
            let config = [("max_auth_age".to_owned(), "1000".to_owned())];
            action.unwrap().config = Some(config.into());
        })
        .await;
    asks(&open(&server, &browser, &update).await, "password-new");
    server
        .change_realm(|realm| realm.password_policy = Some("maxAuthAge(60)".to_owned()))
        .await;
    let page = open(&server, &browser, &update).await;
    asks(&page, "password");
    asks(
        &send(&server, &browser, &page, &PASSWORD).await,
        "password-new",
    );
}

/// The realm has to offer it, the user to hold the role, and the password to be given anew; then the
/// page asks once more, and nothing of the user is left.
///
/// spec: RA-11, DELACC-01, DELACC-02, DELACC-03, DELACC-04, DELACC-05, ENDUI-14
#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_deleted_by_its_owner() {
    let server = server().await;
    // Where the realm does not offer it, the request is passed over.
    let (_, passed) = signed_in(&server, &[("kc_action", "delete_account")]).await;
    assert_ne!(passed.answer().get("kc_action_status").unwrap(), "success");
    server
        .change_realm(|realm| {
            for action in realm.required_actions.iter_mut().flatten() {
                action.enabled = Some(action.alias.as_deref() != Some("VERIFY_PROFILE"));
            }
        })
        .await;
    let delete = [("kc_action", "delete_account")];
    let (_, refused) = signed_in(&server, &delete).await;
    assert_eq!(
        refused.status,
        StatusCode::FORBIDDEN,
        "not without the role"
    );
    let realm = server.realm().await;
    let store = &server.services.store;
    let account = store.client(&realm, "account").await.unwrap().unwrap();
    let account = account.representation.id.clone().unwrap();
    let role = realm.roles.client_role(&account, "delete-account").unwrap();
    let id = user_id(&server, "alice").await;
    let mut batch = Batch::new();
    let holder = realmkeep_store::roles::Holder::User;
    let role_id = role.id.as_deref().unwrap();
    batch.push(realmkeep_store::Store::grant_role(holder, &id, role_id));
    batch.touch(Touch::User(realm.id.clone(), id.clone()));
    store.commit(batch).await.unwrap();
    let (browser, page) = signed_in(&server, &delete).await;
    assert!(
        page.text.contains("id=\"kc-deleteaccount-form\""),
        "{}",
        page.text
    );
    assert!(store.find_user(&realm.id, &id).await.unwrap().is_some());
    let seen = send(&server, &browser, &page, &[]).await;
    assert_eq!(seen.status, StatusCode::OK);
    assert!(seen.text.contains("deleted"));
    assert!(store.find_user(&realm.id, &id).await.unwrap().is_none());
    assert!(store.credentials(&id).await.unwrap().is_empty());
    let left = store.sessions_of_user(&realm.id, &id).await.unwrap();
    assert!(left.is_empty());
}

/// spec: RA-10, AIA-13, AIA-14, ENDUI-13
#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_deleted_by_its_owner() {
    let server = server().await;
    let otp = add_otp(&server, "alice", "my old phone").await;
    let action = format!("delete_credential:{otp}");
    let (browser, page) = signed_in(&server, &[("kc_action", &action)]).await;
    let code = code_of(&server, OTP_SECRET, 0).await;
    let page = send(&server, &browser, &page, &[("otp", &code)]).await;
    assert!(page.text.contains("my old phone"), "{}", page.text);
    assert_eq!(credentials(&server, "alice").await.len(), 2);
    let seen = send(&server, &browser, &page, &[("accept", "true")]).await;
    assert_eq!(seen.answer()["kc_action_status"], "success");
    assert_eq!(seen.answer()["kc_action"], "delete_credential");
    assert_eq!(credentials(&server, "alice").await.len(), 1);
    // Somebody else's, a password, none.
    let password = credentials(&server, "alice").await[0].id.clone().unwrap();
    server.add_user("bob", "pw", json!({})).await;
    let of_bob = add_otp(&server, "bob", "x").await;
    for id in [password.as_str(), of_bob.as_str(), "nope", ""] {
        let action = format!("delete_credential:{id}");
        let url = authorize(&server, &[("kc_action", &action)]);
        let seen = browser.get(&server, &url).await;
        assert_eq!(seen.answer()["kc_action_status"], "cancelled", "{id}");
    }
    assert_eq!(credentials(&server, "alice").await.len(), 1);
    assert_eq!(credentials(&server, "bob").await.len(), 2);
}

/// spec: RA-06
#[tokio::test(flavor = "multi_thread")]
async fn details_are_changed_by_the_profile() {
    let server = server().await;
    server
        .add_user("bob", "pw", json!({"email": "bob@example.test"}))
        .await;
    require(&server, &["UPDATE_PROFILE"]).await;
    let (browser, page) = signed_in(&server, &[]).await;
    asks(&page, "firstName");
    let form = |email: &'static str, last: &'static str| {
        [
            ("username", "alice"),
            ("email", email),
            ("firstName", "Alice"),
            ("lastName", last),
        ]
    };
    for (form, text) in [
        (form("alice@example.test", ""), "This field is required."),
        (form("bob@example.test", "Smith"), "already in use"),
        (form("no address", "Smith"), "not valid"),
        (form("alice@example.test", "<script>"), "not allowed"),
    ] {
        let seen = send(&server, &browser, &page, &form).await;
        asks(&seen, "firstName");
        assert!(seen.text.contains(text), "{form:?} {}", seen.text);
    }
    done(&send(&server, &browser, &page, &form("new@example.test", "Smith")).await);
    let realm = server.realm().await;
    let id = user_id(&server, "alice").await;
    let user = server.services.store.find_user(&realm.id, &id).await;
    let user = user.unwrap().unwrap();
    assert_eq!(user.last_name.as_deref(), Some("Smith"));
    assert_eq!(user.email.as_deref(), Some("new@example.test"));
    assert_eq!(user.email_verified, Some(false));
    assert!(user.required_actions.unwrap_or_default().is_empty());
}

/// A profile that lacks what the realm wants, or has what it does not accept any more, is completed
/// before the login ends; once it is right nobody is asked, and nobody is where the action is off.
///
/// spec: RA-07, UPROF-56, UPROF-57, ENDUI-10
#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_does_not_fit_is_completed() {
    let server = server().await;
    done(&signed_in(&server, &[]).await.1);
    let switch = async |on: bool| {
        let change = |realm: &mut RealmRepresentation| {
            for action in realm.required_actions.iter_mut().flatten() {
                if action.alias.as_deref() == Some("VERIFY_PROFILE") {
                    action.enabled = Some(on);
                }
            }
        };
        server.change_realm(change).await;
    };
    switch(true).await;
    let refused = direct_grant(&server, &PASSWORD).await;
    refused.refused(400, "invalid_grant", "Account is not fully set up");
    let (browser, page) = signed_in(&server, &[]).await;
    asks(&page, "firstName");
    assert!(!page.text.contains("cancel-aia"));
    assert_eq!(sessions(&server, "alice").await, 1, "not before it is done");
    let form = |last: &'static str| {
        [
            ("username", "alice"),
            ("email", "alice@example.test"),
            ("firstName", "Alice"),
            ("lastName", last),
        ]
    };
    let again = send(&server, &browser, &page, &form("")).await;
    asks(&again, "lastName");
    assert!(again.text.contains("This field is required."));
    done(&send(&server, &browser, &again, &form("Smith")).await);
    done(&signed_in(&server, &[]).await.1);
    direct_grant(&server, &PASSWORD).await.granted();

    // What was right may not be any more.
    let id = user_id(&server, "alice").await;
    server
        .change_user(&id, |user| user.last_name = Some("<b>".to_owned()))
        .await;
    asks(&signed_in(&server, &[]).await.1, "lastName");
    switch(false).await;
    done(&signed_in(&server, &[]).await.1);
}

/// What UPDATE_PROFILE has asked for is not asked for again in the same login, and an address that
/// it changed is verified in it.
#[tokio::test(flavor = "multi_thread")]
async fn an_action_sees_what_the_one_before_changed() {
    let server = server().await;
    server
        .change_realm(|realm| {
            realm.verify_email = Some(true);
            for action in realm.required_actions.iter_mut().flatten() {
                if action.alias.as_deref() == Some("VERIFY_PROFILE") {
                    action.enabled = Some(true);
                }
            }
        })
        .await;
    let id = user_id(&server, "alice").await;
    server
        .change_user(&id, |user| user.email_verified = Some(true))
        .await;
    require(&server, &["UPDATE_PROFILE"]).await;
    let (browser, page) = signed_in(&server, &[]).await;
    asks(&page, "firstName");
    let form = |email| {
        [
            ("username", "alice"),
            ("email", email),
            ("firstName", "Alice"),
            ("lastName", "Smith"),
        ]
    };
    done(&send(&server, &browser, &page, &form("alice@example.test")).await);
    require(&server, &["UPDATE_PROFILE"]).await;
    let (browser, page) = signed_in(&server, &[]).await;
    let seen = send(&server, &browser, &page, &form("new@example.test")).await;
    assert_eq!(seen.status, StatusCode::OK, "{seen:?}");
    assert!(seen.text.contains("new@example.test"), "{}", seen.text);
}

/// The application may ask for a younger proof than the action does, and for one at once.
///
/// spec: AIA-09, AIA-10
#[tokio::test(flavor = "multi_thread")]
async fn an_application_asks_for_a_younger_proof() {
    let server = server().await;
    let (browser, seen) = signed_in(&server, &[]).await;
    done(&seen);
    server.services.clock.advance(100);
    let action = ("kc_action", "UPDATE_PASSWORD");
    asks(&open(&server, &browser, &[action]).await, "password-new");
    let short = [action, ("max_age", "50")];
    asks(&open(&server, &browser, &short).await, "password");
    let long = [action, ("max_age", "10000")];
    asks(&open(&server, &browser, &long).await, "password-new");
    server.services.clock.advance(300);
    asks(&open(&server, &browser, &long).await, "password");
    let login = [action, ("prompt", "login")];
    let page = open(&server, &browser, &login).await;
    asks(&page, "password");
    asks(
        &send(&server, &browser, &page, &PASSWORD).await,
        "password-new",
    );
}

/// The language chosen on a login page becomes the user's own.
///
/// spec: RA-09, L10N-15
#[tokio::test(flavor = "multi_thread")]
async fn the_chosen_language_is_kept() {
    let server = server().await;
    server
        .change_realm(|realm| {
            realm.internationalization_enabled = Some(true);
            realm.supported_locales = Some(vec!["en".to_owned(), "de".to_owned()]);
        })
        .await;
    let locale = async || {
        let realm = server.realm().await;
        let id = user_id(&server, "alice").await;
        let user = server.services.store.find_user(&realm.id, &id).await;
        let attributes = user.unwrap().unwrap().attributes?;
        attributes.get("locale").cloned()
    };
    let (_, seen) = signed_in(&server, &[]).await;
    done(&seen);
    assert_eq!(locale().await, None);
    let (_, seen) = signed_in(&server, &[("kc_locale", "xx")]).await;
    done(&seen);
    assert_eq!(locale().await, None);
    let (_, seen) = signed_in(&server, &[("kc_locale", "de")]).await;
    done(&seen);
    assert_eq!(locale().await.unwrap(), ["de"]);
}
