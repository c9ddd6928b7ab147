//! Authenticator apps.

use serde_json::Value;

use crate::browser::{Browser, server};
use crate::support::Server;
use crate::tools::{
    OTP_SECRET, PASSWORD, add_otp, asks, bind, code_of, configured, credentials, done, execution,
    flow, open, send, sessions, shown_secret, user_id,
};

async fn second_page(server: &Server, browser: &Browser) -> crate::browser::Seen {
    let page = open(server, browser, &[]).await;
    send(server, browser, &page, &PASSWORD).await
}

/// spec: OTP-03, OTP-07
#[tokio::test(flavor = "multi_thread")]
async fn codes_count_within_their_window() {
    let server = server().await;
    add_otp(&server, "alice", "phone").await;
    for (steps, right) in [(-3, false), (2, false), (-2, false), (-1, true), (1, true)] {
        let browser = Browser::default();
        let page = second_page(&server, &browser).await;
        let code = code_of(&server, OTP_SECRET, steps).await;
        let seen = send(&server, &browser, &page, &[("otp", &code)]).await;
        if right {
            done(&seen);
        } else {
            asks(&seen, "otp");
            assert!(seen.text.contains("The code is not right"));
        }
    }
    server
        .change_realm(|realm| realm.otp_policy_look_ahead_window = Some(4))
        .await;
    let browser = Browser::default();
    let page = second_page(&server, &browser).await;
    let code = code_of(&server, OTP_SECRET, 4).await;
    done(&send(&server, &browser, &page, &[("otp", &code)]).await);
}

/// spec: OTP-09
#[tokio::test(flavor = "multi_thread")]
async fn a_code_counts_once_unless_the_realm_lets_it() {
    let server = server().await;
    add_otp(&server, "alice", "phone").await;
    let code = code_of(&server, OTP_SECRET, 0).await;
    let mut pages = Vec::new();
    for _ in 0..8 {
        let browser = Browser::default();
        let page = second_page(&server, &browser).await;
        pages.push((browser, page));
    }
    let (at, code) = (&server, code.as_str());
    let sent = pages.iter().map(|(browser, page)| async move {
        let form = [("otp", code)];
        browser.post(at, &page.action(at), &form).await
    });
    let mut through = 0;
    for answer in futures_of(sent).await {
        through += usize::from(answer.location.is_some());
    }
    assert_eq!(through, 1);
    assert_eq!(sessions(&server, "alice").await, 1);
    server
        .change_realm(|realm| realm.otp_policy_code_reusable = Some(true))
        .await;
    for _ in 0..2 {
        let browser = Browser::default();
        let page = second_page(&server, &browser).await;
        let code = code_of(&server, OTP_SECRET, 0).await;
        done(&send(&server, &browser, &page, &[("otp", &code)]).await);
    }
}

/// All of them at once.
async fn futures_of<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut pinned: Vec<_> = futures.map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = pinned.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        let mut waiting = false;
        for (future, output) in pinned.iter_mut().zip(&mut outputs) {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(ready) => *output = Some(ready),
                    std::task::Poll::Pending => waiting = true,
                }
            }
        }
        if waiting {
            std::task::Poll::Pending
        } else {
            std::task::Poll::Ready(())
        }
    })
    .await;
    outputs.into_iter().map(Option::unwrap).collect()
}

/// spec: OTP-04, OTP-10, OTP-11, OTP-12, OTP-13
#[tokio::test(flavor = "multi_thread")]
async fn counters_only_rise() {
    let server = server().await;
    server
        .change_realm(|realm| {
            realm.otp_policy_type = Some("hotp".to_owned());
            realm.otp_policy_algorithm = Some("HmacSHA256".to_owned());
            realm.otp_policy_digits = Some(8);
            realm.otp_policy_initial_counter = Some(7);
            realm.otp_policy_look_ahead_window = Some(2);
        })
        .await;
    add_otp(&server, "alice", "token").await;
    let policy = realmkeep_authn::otp::OtpPolicy::of(&server.realm().await.settings);
    for (counter, right) in [
        (6, false),
        (7, true),
        (7, false),
        (11, false),
        (10, true),
        (9, false),
        (11, true),
    ] {
        let browser = Browser::default();
        let page = second_page(&server, &browser).await;
        let code = policy.code(OTP_SECRET, counter);
        assert_eq!(code.len(), 8);
        let seen = send(&server, &browser, &page, &[("otp", &code)]).await;
        assert_eq!(seen.location.is_some(), right, "{counter}");
    }
}

/// spec: OTP-02, OTP-05, OTP-06, OTP-08, RA-04, FLOW-31, FLOW-35, ENDUI-08
#[tokio::test(flavor = "multi_thread")]
async fn a_required_app_is_set_up_on_the_way() {
    let server = server().await;
    server
        .change_realm(|realm| {
            realm.otp_policy_algorithm = Some("HmacSHA512".to_owned());
            realm.otp_policy_digits = Some(8);
            realm.otp_policy_period = Some(60);
        })
        .await;
    let own = flow(
        "own",
        vec![
            execution("auth-username-password-form", "REQUIRED"),
            execution("auth-otp-form", "REQUIRED"),
        ],
    );
    bind(&server, vec![own], &[]).await;
    let browser = Browser::default();
    let page = second_page(&server, &browser).await;
    asks(&page, "totp");
    assert!(page.text.contains("src=\"data:image/svg+xml;base64,"));
    assert!(page.text.contains("SHA512"));
    let secret = shown_secret(&page);
    assert_eq!(secret.len(), 64);
    let wrong = send(&server, &browser, &page, &[("totp", "00000000")]).await;
    asks(&wrong, "totp");
    assert_eq!(
        shown_secret(&wrong),
        secret,
        "the app need not be set up again"
    );
    assert_eq!(credentials(&server, "alice").await.len(), 1);
    let code = code_of(&server, &secret, 0).await;
    assert_eq!(code.len(), 8);
    let form = [("totp", code.as_str()), ("userLabel", "my phone")];
    done(&send(&server, &browser, &wrong, &form).await);
    let all = credentials(&server, "alice").await;
    let stored = all
        .iter()
        .find(|c| c.r#type.as_deref() == Some("otp"))
        .unwrap();
    assert_eq!(stored.user_label.as_deref(), Some("my phone"));
    let data: Value = serde_json::from_str(stored.credential_data.as_deref().unwrap()).unwrap();
    assert_eq!(data["subType"], "totp");
    assert_eq!(data["algorithm"], "HmacSHA512");
    assert_eq!(data["period"], 60);
    assert!(!stored.credential_data.as_deref().unwrap().contains(&secret));

    // The next login asks for a code of it.
    let browser = Browser::default();
    let page = second_page(&server, &browser).await;
    asks(&page, "otp");
    let code = code_of(&server, &secret, 1).await;
    done(&send(&server, &browser, &page, &[("otp", &code)]).await);
}

/// Setting an app up proves nothing by itself.
#[tokio::test(flavor = "multi_thread")]
async fn setting_up_is_no_proof() {
    let server = server().await;
    let own = flow(
        "own",
        vec![
            execution("auth-username-form", "REQUIRED"),
            execution("auth-otp-form", "REQUIRED"),
        ],
    );
    bind(&server, vec![own], &[]).await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    let seen = send(&server, &browser, &page, &[("username", "alice")]).await;
    assert_eq!(seen.status, reqwest::StatusCode::FORBIDDEN);
    assert!(!seen.text.contains("totp"));
}

/// With two apps one is chosen by its label, and only its codes count; the one that stands first is
/// offered first.
///
/// spec: ENDUI-15
#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_apps_is_chosen() {
    let server = server().await;
    add_otp(&server, "alice", "first").await;
    let realm = server.realm().await;
    let policy = realmkeep_authn::otp::OtpPolicy::of(&realm.settings);
    let other = policy
        .credential(
            "second-id".to_owned(),
            "second",
            "an-other-secret-1234",
            -1,
            0,
        )
        .unwrap();
    crate::tools::add_credential(&server, "alice", other).await;
    let browser = Browser::default();
    let page = second_page(&server, &browser).await;
    assert_eq!(
        page.text.matches("name=\"selectedCredentialId\"").count(),
        2
    );
    let labels = |page: &crate::browser::Seen| {
        let at = |label: &str| page.text.find(&format!("{label}</")).expect(&page.text);
        (at("first"), at("second"))
    };
    let (first, second) = labels(&page);
    assert!(first < second);
    // An administrator or the user puts the other one first.
    let realm = server.realm().await;
    let store = &server.services.store;
    let id = user_id(&server, "alice").await;
    let mut batch = realmkeep_store::Batch::new();
    for mut credential in credentials(&server, "alice").await {
        let is_second = credential.id.as_deref() == Some("second-id");
        credential.priority = Some(if is_second { 5 } else { 20 });
        batch.push(store.update_credential(&id, &credential).unwrap());
    }
    batch.touch(realmkeep_store::Touch::User(realm.id.clone(), id));
    store.commit(batch).await.unwrap();
    let reordered = second_page(&server, &Browser::default()).await;
    let (first, second) = labels(&reordered);
    assert!(second < first);
    let code = code_of(&server, OTP_SECRET, 0).await;
    let crossed = [
        ("otp", code.as_str()),
        ("selectedCredentialId", "second-id"),
    ];
    let page = send(&server, &browser, &page, &crossed).await;
    asks(&page, "otp");
    let code = code_of(&server, "an-other-secret-1234", 0).await;
    let form = [
        ("otp", code.as_str()),
        ("selectedCredentialId", "second-id"),
    ];
    done(&send(&server, &browser, &page, &form).await);
}

/// An app that an administrator has removed: where the flow asks only those for a code who have an
/// app, its owner signs in and sets a new one up when they like; where the flow requires one, at the
/// next login.
///
/// spec: CRED-12, CRED-13
#[tokio::test(flavor = "multi_thread")]
async fn a_removed_app_is_set_up_anew() {
    let server = server().await;
    let otp = add_otp(&server, "alice", "lost").await;
    asks(&second_page(&server, &Browser::default()).await, "otp");
    let id = user_id(&server, "alice").await;
    let mut batch = realmkeep_store::Batch::new();
    batch.push(realmkeep_store::Store::delete_credential(&id, &otp));
    server.services.store.commit(batch).await.unwrap();
    let browser = Browser::default();
    done(&second_page(&server, &browser).await);
    let page = open(&server, &browser, &[("kc_action", "CONFIGURE_TOTP")]).await;
    asks(&page, "totp");
    let own = flow(
        "own",
        vec![
            execution("auth-username-password-form", "REQUIRED"),
            execution("auth-otp-form", "REQUIRED"),
        ],
    );
    bind(&server, vec![own], &[]).await;
    let browser = Browser::default();
    let page = second_page(&server, &browser).await;
    asks(&page, "totp");
    let code = code_of(&server, &shown_secret(&page), 0).await;
    done(&send(&server, &browser, &page, &[("totp", &code)]).await);
    assert_eq!(credentials(&server, "alice").await.len(), 2);
}

/// Passwords and secrets of apps lie in the database as hashes and sealed, not as they are.
///
/// spec: PRIV-03
#[tokio::test(flavor = "multi_thread")]
async fn the_database_holds_no_credential_in_clear() {
    const CANARY: &str = "canary-password-4711";
    let server = server().await;
    add_otp(&server, "alice", "the label of the app").await;
    server
        .add_user("carol", CANARY, serde_json::json!({}))
        .await;
    let file = server.database();
    let mut all = std::fs::read(&file).unwrap();
    for more in ["-wal", "-journal"] {
        let mut name = file.clone().into_os_string();
        name.push(more);
        all.extend(std::fs::read(name).unwrap_or_default());
    }
    let holds = |text: &str| all.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(
        holds("the label of the app"),
        "it is this file that is looked at"
    );
    assert!(!holds(OTP_SECRET) && !holds(CANARY));
}

/// Whether the code is asked for is decided by the user's attribute, by headers of the request, or by
/// the fallback, in this order.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_asked_for_on_conditions() {
    let server = server().await;
    add_otp(&server, "alice", "phone").await;
    let id = user_id(&server, "alice").await;
    let settings = [
        ("otpControlAttribute", "otp"),
        ("noOtpRequiredForHeaderPattern", "X-Network: (inside|lab)"),
        ("forceOtpForHeaderPattern", "x-network: .*"),
        ("defaultOtpOutcome", "skip"),
    ];
    let own = flow(
        "own",
        vec![
            execution("auth-username-password-form", "REQUIRED"),
            configured("auth-conditional-otp-form", "REQUIRED", "when"),
        ],
    );
    bind(&server, vec![own], &[("when", &settings)]).await;
    for (attribute, network, asked) in [
        (None, None, false),
        (None, Some("inside"), false),
        (None, Some("inside2"), true),
        (Some("force"), Some("lab"), true),
        (Some("skip"), Some("elsewhere"), false),
    ] {
        server
            .change_user(&id, |user| {
                let value = attribute.map(|value: &str| vec![value.to_owned()]);
                user.attributes = value.map(|value| [("otp".to_owned(), value)].into());
            })
            .await;
        let browser = Browser::default();
        let page = open(&server, &browser, &[]).await;
        let mut request = server
            .http
            .post(page.action(&server))
            .header("cookie", browser.cookies())
            .form(&PASSWORD);
        if let Some(network) = network {
            request = request.header("x-network", network);
        }
        let answer = request.send().await.unwrap();
        let asks = answer.status() == reqwest::StatusCode::OK;
        assert_eq!(asks, asked, "{attribute:?} {network:?}");
        assert_eq!(answer.text().await.unwrap().contains("name=\"otp\""), asked);
    }
}
