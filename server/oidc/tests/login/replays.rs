//! Forms sent again, out of order, in other browsers and tabs.

use std::sync::Arc;

use reqwest::StatusCode;
use url::Url;

use crate::browser::{Browser, Seen, authorize, server};
use crate::support::Server;
use crate::tools::{
    OTP_SECRET, PASSWORD, add_otp, asks, bind, code_of, done, execution, flow, id_token, open,
    send, sessions,
};

/// alice has an authenticator app.
async fn with_otp() -> Server {
    let server = server().await;
    add_otp(&server, "alice", "phone").await;
    server
}

/// The page that says that another one expired: where it leads on, and where it begins anew.
#[track_caller]
fn expired(server: &Server, seen: &Seen) -> (String, String) {
    assert_eq!(seen.status, StatusCode::OK, "{seen:?}");
    assert!(seen.location.is_none());
    assert!(
        seen.text.contains("id=\"kc-page-expired\""),
        "{}",
        seen.text
    );
    let link = |id: &str| {
        let after = seen.text.split(&format!("id=\"{id}\" href=\"")).nth(1);
        let path = after.expect(&seen.text).split('"').next().unwrap();
        format!("{}{}", server.base, path.replace("&amp;", "&"))
    };
    (link("loginContinueLink"), link("loginRestartLink"))
}

/// The password page counts once: who sends it again, as by reloading what came of it, goes on where
/// the login stands, or begins anew with nothing proven.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumed_page_is_spent() {
    let server = with_otp().await;
    let browser = Browser::default();
    let first = open(&server, &browser, &[]).await;
    let second = send(&server, &browser, &first, &PASSWORD).await;
    asks(&second, "otp");
    let again = send(&server, &browser, &first, &PASSWORD).await;
    let (go_on, restart) = expired(&server, &again);
    asks(&browser.get(&server, &restart).await, "password");
    let goes_on = browser.get(&server, &go_on).await;
    asks(&goes_on, "otp");
    // Without the right password nothing is said of where it stands, and elsewhere it leads nowhere.
    let wrong = [("username", "alice"), ("password", "wrong")];
    asks(&send(&server, &browser, &first, &wrong).await, "password");
    let other = Browser::default();
    open(&server, &other, &[]).await;
    for url in [&go_on, &restart] {
        other.get(&server, url).await.on_a_page();
    }
    // The page that was got in between still is the browser's own.
    let code = code_of(&server, OTP_SECRET, 0).await;
    done(&send(&server, &browser, &second, &[("otp", &code)]).await);
    // The login is over: its pages do not end it once more.
    let code = code_of(&server, OTP_SECRET, 1).await;
    let spent = send(&server, &browser, &second, &[("otp", &code)]).await;
    assert!(
        spent.location.is_none_or(|l| !l.as_str().contains("code="))
            || sessions(&server, "alice").await == 1
    );
    assert_eq!(sessions(&server, "alice").await, 1);
    // Nor does the page before them lead on any more.
    let late = send(&server, &browser, &first, &PASSWORD).await;
    assert!(!late.text.contains("loginContinueLink"), "{late:?}");
}

/// A page that answers a form says where it is to be had without sending the form again, and a reload
/// there shows it.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_can_be_reloaded() {
    let server = with_otp().await;
    let browser = Browser::default();
    let first = open(&server, &browser, &[]).await;
    assert!(!first.text.contains("data-reload"));
    let second = send(&server, &browser, &first, &PASSWORD).await;
    assert!(second.text.contains("/reload.js\""), "{}", second.text);
    let after = second.text.split("data-reload=\"").nth(1).unwrap();
    let path = after.split('"').next().unwrap().replace("&amp;", "&");
    let url = format!("{}{path}", server.base);
    let reloaded = browser.get(&server, &url).await;
    asks(&reloaded, "otp");
    let code = code_of(&server, OTP_SECRET, 0).await;
    done(&send(&server, &browser, &reloaded, &[("otp", &code)]).await);
}

/// Two forks of one login end in one session: whichever comes first.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_ends_once() {
    let server = with_otp().await;
    server
        .change_realm(|realm| realm.otp_policy_code_reusable = Some(true))
        .await;
    let browser = Arc::new(Browser::default());
    let first = open(&server, &browser, &[]).await;
    let second = send(&server, &browser, &first, &PASSWORD).await;
    // A wrong code gives another page of the same login.
    let wrong = send(&server, &browser, &second, &[("otp", "000000")]).await;
    asks(&wrong, "otp");
    let code = code_of(&server, OTP_SECRET, 0).await;
    let before = Browser::default();
    before.copy_from(&browser);
    done(&send(&server, &browser, &wrong, &[("otp", &code)]).await);
    let fork = send(&server, &before, &second, &[("otp", &code)]).await;
    assert_eq!(fork.status, StatusCode::OK);
    assert!(fork.text.contains("already sent"));
    assert_eq!(sessions(&server, "alice").await, 1);
}

/// The page of a step belongs to the browser, the client, the tab and the execution.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_belongs_to_where_it_was_shown() {
    let server = with_otp().await;
    let browser = Browser::default();
    let first = open(&server, &browser, &[]).await;
    let second = send(&server, &browser, &first, &PASSWORD).await;
    let code = code_of(&server, OTP_SECRET, 0).await;
    let form = [("otp", code.as_str())];
    let url = Url::parse(&second.action(&server)).unwrap();
    let other = Browser::default();
    open(&server, &other, &[]).await;
    let stolen = other.post(&server, url.as_str(), &form).await;
    assert_eq!(stolen.status, StatusCode::BAD_REQUEST);
    let of_first = Url::parse(&first.action(&server)).unwrap();
    for name in [
        "session_code",
        "execution",
        "client_id",
        "tab_id",
        "client_data",
    ] {
        let from_first = of_first
            .query_pairs()
            .find(|(n, _)| n == name)
            .unwrap()
            .1
            .into_owned();
        for value in ["x".to_owned(), from_first] {
            let mut changed = url.clone();
            let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            if pairs.iter().any(|(n, v)| n == name && *v == value) {
                continue;
            }
            changed.query_pairs_mut().clear().extend_pairs(
                pairs
                    .iter()
                    .map(|(n, v)| (n, if n == name { &value } else { v })),
            );
            let seen = browser.post(&server, changed.as_str(), &form).await;
            assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{name}");
        }
    }
    assert_eq!(sessions(&server, "alice").await, 0);
    done(&browser.post(&server, url.as_str(), &form).await);
}

/// The password's form sent with a code, the code's with a password: only what the page asks for
/// counts.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_is_not_skipped_by_its_fields() {
    let server = with_otp().await;
    let browser = Browser::default();
    let first = open(&server, &browser, &[]).await;
    let code = code_of(&server, OTP_SECRET, 0).await;
    let all = [PASSWORD[0], PASSWORD[1], ("otp", code.as_str())];
    let second = send(&server, &browser, &first, &all).await;
    asks(&second, "otp");
    for form in [
        &PASSWORD[..],
        &[("tryAnotherWay", "on")],
        &[("authenticationExecution", "x")],
        &[("cancel-aia", "true")],
        &[],
    ] {
        let seen = send(&server, &browser, &second, form).await;
        asks(&seen, "otp");
    }
    let reloaded = browser.get(&server, &second.action(&server)).await;
    asks(&reloaded, "otp");
    assert_eq!(sessions(&server, "alice").await, 0);
    done(&send(&server, &browser, &reloaded, &[("otp", &code)]).await);
}

/// spec: ASES-03
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_takes_too_long_begins_anew() {
    let server = with_otp().await;
    server
        .change_realm(|realm| realm.access_code_lifespan_login = Some(100))
        .await;
    let browser = Browser::default();
    let first = open(&server, &browser, &[]).await;
    let second = send(&server, &browser, &first, &PASSWORD).await;
    asks(&second, "otp");
    // Asking for the page again does not make the password fresh.
    server.services.clock.advance(60);
    let reloaded = browser.get(&server, &second.action(&server)).await;
    asks(&reloaded, "otp");
    server.services.clock.advance(60);
    let code = code_of(&server, OTP_SECRET, 0).await;
    let late = send(&server, &browser, &reloaded, &[("otp", &code)]).await;
    asks(&late, "password");
    assert!(late.text.contains("open for too long"));
}

/// Whoever changes the flow changes the logins under way: they begin anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_flow_begins_anew() {
    let server = with_otp().await;
    let browser = Browser::default();
    let first = open(&server, &browser, &[]).await;
    let second = send(&server, &browser, &first, &PASSWORD).await;
    let own = flow(
        "own",
        vec![
            execution("auth-username-password-form", "REQUIRED"),
            execution("auth-otp-form", "REQUIRED"),
            execution("deny-access-authenticator", "REQUIRED"),
        ],
    );
    bind(&server, vec![own], &[]).await;
    let code = code_of(&server, OTP_SECRET, 0).await;
    let seen = send(&server, &browser, &second, &[("otp", &code)]).await;
    asks(&seen, "password");
    assert_eq!(sessions(&server, "alice").await, 0);
}

/// A user who is disabled between two pages does not come in.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_was_disabled_meanwhile() {
    let server = with_otp().await;
    let browser = Browser::default();
    let first = open(&server, &browser, &[]).await;
    let second = send(&server, &browser, &first, &PASSWORD).await;
    let id = crate::tools::user_id(&server, "alice").await;
    server
        .change_user(&id, |user| user.enabled = Some(false))
        .await;
    let code = code_of(&server, OTP_SECRET, 0).await;
    let seen = send(&server, &browser, &second, &[("otp", &code)]).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    assert!(seen.text.contains("disabled"));
    assert_eq!(sessions(&server, "alice").await, 0);
}

/// Several tabs are several logins; the one that ends first signs the others in.
///
/// spec: ASES-02
#[tokio::test(flavor = "multi_thread")]
async fn tabs_do_not_mix() {
    let server = with_otp().await;
    let browser = Browser::default();
    let one = open(&server, &browser, &[("state", "one")]).await;
    let two = open(&server, &browser, &[("state", "two")]).await;
    let one = send(&server, &browser, &one, &PASSWORD).await;
    asks(&one, "otp");
    // The other tab has proven nothing.
    let code = code_of(&server, OTP_SECRET, 0).await;
    let two = send(&server, &browser, &two, &[("otp", &code)]).await;
    asks(&two, "password");
    let seen = send(&server, &browser, &one, &[("otp", &code)]).await;
    assert_eq!(seen.answer()["state"], "one");
    done(&seen);
}

/// A tab that waits at a login begins anew by itself once another tab has signed in, and is answered
/// by that session; not where a proof is wanted in any case.
///
/// spec: ASES-04, ASES-05
#[tokio::test(flavor = "multi_thread")]
async fn waiting_tabs_follow_the_one_that_signs_in() {
    let server = server().await;
    let browser = Browser::default();
    let waiting = open(&server, &browser, &[("state", "waiting")]).await;
    assert!(waiting.text.contains("/tabs.js\""), "{}", waiting.text);
    let again = waiting
        .text
        .split("data-signed-in-elsewhere=\"")
        .nth(1)
        .unwrap();
    let again = again.split('"').next().unwrap().replace("&amp;", "&");
    let again = Url::parse(&server.base).unwrap().join(&again).unwrap();
    let early = browser.get(&server, again.as_str()).await;
    asks(&early, "password");
    let other = open(&server, &browser, &[("state", "other")]).await;
    done(&send(&server, &browser, &other, &PASSWORD).await);
    let seen = browser.get(&server, again.as_str()).await;
    assert_eq!(seen.answer()["state"], "waiting");
    done(&seen);
    for wanted in [
        [("prompt", "login")],
        [("prompt", "select_account")],
        [("acr_values", "2")],
    ] {
        for browser in [&browser, &Browser::default()] {
            let page = browser.get(&server, &authorize(&server, &wanted)).await;
            assert!(
                !page.text.contains("data-signed-in-elsewhere"),
                "{wanted:?}"
            );
        }
    }
}

/// A tab that was left open for too long is answered by the session that another tab has begun since,
/// without the application having to ask again.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_tab_goes_on_by_the_session() {
    let server = server().await;
    server
        .change_realm(|realm| realm.access_code_lifespan_login = Some(100))
        .await;
    let browser = Browser::default();
    let expired = open(&server, &browser, &[("state", "expired")]).await;
    let other = open(&server, &browser, &[]).await;
    done(&send(&server, &browser, &other, &PASSWORD).await);
    server.services.clock.advance(101);
    let seen = send(&server, &browser, &expired, &PASSWORD).await;
    assert_eq!(seen.answer()["state"], "expired");
    done(&seen);
}

/// What an application asked for waits in the browser, for each tab its own, until somebody acts.
///
/// spec: ASES-01
#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_begins_a_session_of_the_browser() {
    let server = server().await;
    let browser = Browser::default();
    let ask =
        async |state, nonce| open(&server, &browser, &[("state", state), ("nonce", nonce)]).await;
    assert_eq!(browser.cookies(), "");
    let one = ask("one", "n-1").await;
    let cookies = browser.cookies();
    assert!(cookies.starts_with("AUTH_SESSION="), "{cookies}");
    let two = ask("two", "n-2").await;
    assert_eq!(browser.cookies(), cookies);
    let first = send(&server, &browser, &one, &PASSWORD).await;
    assert_eq!(first.answer()["state"], "one");
    assert_eq!(id_token(&server, &first).await["nonce"], "n-1");
    let second = send(&server, &browser, &two, &PASSWORD).await;
    assert_eq!(second.answer()["state"], "two");
    assert_eq!(id_token(&server, &second).await["nonce"], "n-2");
}

/// A tab whose login cannot go on, in a browser that is signed in: the application is told, asks again,
/// and is answered by the session.
///
/// spec: ASES-06
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_login_of_who_is_signed_in_is_told_to_the_application() {
    let server = server().await;
    let browser = Browser::default();
    let waiting = open(&server, &browser, &[]).await;
    browser.login(&server, &[]).await;
    browser.forget("AUTH_SESSION");
    let url = waiting.action(&server);
    for seen in [
        browser.get(&server, &url).await,
        browser.post(&server, &url, &PASSWORD).await,
    ] {
        let description = seen.refused(&server, "temporarily_unavailable");
        assert_eq!(description, "authentication_expired");
    }
    let again = browser.get(&server, &authorize(&server, &[])).await;
    done(&again);
    // Who is not signed in is told here, and so is whoever changes the address.
    let nobody = Browser::default();
    nobody.get(&server, &url).await.on_a_page();
    let changed = url.replace("tab_id=", "tab_id=x");
    browser.get(&server, &changed).await.on_a_page();
}

/// The addresses behind an authorization request are no way to begin one.
///
/// spec: REGH-05
#[tokio::test(flavor = "multi_thread")]
async fn applications_do_not_lead_past_the_authorization_endpoint() {
    let server = server().await;
    server
        .change_realm(|realm| {
            realm.registration_allowed = Some(true);
            realm.reset_password_allowed = Some(true);
        })
        .await;
    let browser = Browser::default();
    open(&server, &browser, &[]).await;
    let realm = server.issuer();
    for path in [
        "login-actions/authenticate",
        "login-actions/registration",
        "login-actions/reset-credentials",
        "login-actions/required-action",
        "login-actions/restart",
        "broker/github/login",
    ] {
        for query in [
            "",
            "?client_id=app",
            "?client_id=app&tab_id=x&client_data=y",
        ] {
            let url = format!("{realm}/{path}{query}");
            browser.get(&server, &url).await.on_a_page();
            let sent = browser.post(&server, &url, &PASSWORD).await;
            assert!(sent.status.is_client_error() && sent.location.is_none());
        }
    }
    assert_eq!(sessions(&server, "alice").await, 0);
}
