//! Lockouts.

use reqwest::StatusCode;

use crate::browser::{Browser, server};
use crate::support::Server;
use crate::tools::{
    OTP_SECRET, PASSWORD, add_otp, asks, code_of, direct_grant, done, open, send, sessions, user_id,
};

async fn protected(max: i32) -> Server {
    let server = server().await;
    server
        .change_realm(|realm| {
            realm.brute_force_protected = Some(true);
            realm.failure_factor = Some(max);
            realm.wait_increment_seconds = Some(60);
            realm.max_failure_wait_seconds = Some(900);
            realm.quick_login_check_milli_seconds = Some(0);
        })
        .await;
    server
}

async fn login(server: &Server, password: &str) -> bool {
    let browser = Browser::default();
    let page = open(server, &browser, &[]).await;
    let form = [("username", "alice"), ("password", password)];
    let seen = send(server, &browser, &page, &form).await;
    if seen.location.is_none() {
        asks(&seen, "password");
        assert!(seen.text.contains("The username or password is not right."));
    }
    seen.location.is_some()
}

/// spec: BF-01, BF-03, BF-04, BF-05, BF-17
#[tokio::test(flavor = "multi_thread")]
async fn too_many_failures_lock_for_a_while() {
    let server = protected(3).await;
    for _ in 0..2 {
        assert!(!login(&server, "x").await);
    }
    assert!(login(&server, "pw").await);
    for _ in 0..3 {
        assert!(!login(&server, "x").await);
    }
    assert!(!login(&server, "pw").await, "locked, and not told so");
    let refused = direct_grant(&server, &PASSWORD).await;
    refused.refused(400, "invalid_grant", "Invalid user credentials");
    let realm = server.realm().await;
    let id = user_id(&server, "alice").await;
    let store = &server.services.store;
    let status = store
        .brute_force_status(&realm.id, &id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((status.failures, status.lockouts), (3, 1));
    assert_eq!(status.last_ip, "127.0.0.1");
    assert!(
        !realmkeep_authn::brute_force::may_authenticate(&server.services, &realm, &id)
            .await
            .unwrap()
    );
    server.services.clock.advance(30);
    assert!(!login(&server, "pw").await);
    server.services.clock.advance(40);
    assert!(login(&server, "pw").await);
}

/// spec: BF-11
#[tokio::test(flavor = "multi_thread")]
async fn a_login_forgets_the_failures_but_half_of_one_does_not() {
    let server = protected(3).await;
    for _ in 0..3 {
        assert!(!login(&server, "x").await);
        assert!(!login(&server, "x").await);
        assert!(login(&server, "pw").await);
    }
    add_otp(&server, "alice", "phone").await;
    // Right passwords between wrong codes do not help.
    for _ in 0..3 {
        let browser = Browser::default();
        let page = open(&server, &browser, &[]).await;
        let page = send(&server, &browser, &page, &PASSWORD).await;
        asks(&page, "otp");
        asks(
            &send(&server, &browser, &page, &[("otp", "000000")]).await,
            "otp",
        );
    }
    assert!(!login(&server, "pw").await);
}

/// Codes are guessed at no door either: not on an open page, and not by the direct grant.
#[tokio::test(flavor = "multi_thread")]
async fn the_lockout_holds_at_every_door() {
    let server = protected(2).await;
    add_otp(&server, "alice", "phone").await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    let page = send(&server, &browser, &page, &PASSWORD).await;
    for _ in 0..2 {
        asks(
            &send(&server, &browser, &page, &[("otp", "000000")]).await,
            "otp",
        );
    }
    let code = code_of(&server, OTP_SECRET, 0).await;
    asks(
        &send(&server, &browser, &page, &[("otp", &code)]).await,
        "otp",
    );
    let form = [PASSWORD[0], PASSWORD[1], ("totp", code.as_str())];
    let refused = direct_grant(&server, &form).await;
    refused.refused(400, "invalid_grant", "Invalid user credentials");
    assert_eq!(sessions(&server, "alice").await, 0);
    server.services.clock.advance(61);
    let code = code_of(&server, OTP_SECRET, 0).await;
    done(&send(&server, &browser, &page, &[("otp", &code)]).await);
}

/// However many guesses come at once, no more are looked at than the limit allows: with the right
/// password among more wrong ones than that, the row counts the limit and no guess beyond it.
#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_once_do_not_pass_the_limit() {
    let server = std::sync::Arc::new(protected(4).await);
    let mut guesses = tokio::task::JoinSet::new();
    for n in 0..24 {
        let server = server.clone();
        guesses.spawn(async move { login(&server, &format!("guess {n}")).await });
    }
    while let Some(through) = guesses.join_next().await {
        assert!(!through.unwrap());
    }
    let realm = server.realm().await;
    let id = user_id(&server, "alice").await;
    let status = server
        .services
        .store
        .brute_force_status(&realm.id, &id)
        .await;
    let status = status.unwrap().unwrap();
    assert_eq!(status.failures, 4);
    assert_eq!(status.pending, 0);
    assert!(!login(&server, "pw").await);
}

/// spec: BF-02, BF-22
#[tokio::test(flavor = "multi_thread")]
async fn the_permanent_lockout_is_the_administrators_to_end() {
    let server = protected(2).await;
    server
        .change_realm(|realm| realm.permanent_lockout = Some(true))
        .await;
    for _ in 0..2 {
        assert!(!login(&server, "x").await);
    }
    server.services.clock.advance(10_000);
    assert!(!login(&server, "pw").await);
    let realm = server.realm().await;
    let id = user_id(&server, "alice").await;
    let store = &server.services.store;
    let user = store.find_user(&realm.id, &id).await.unwrap().unwrap();
    assert_eq!(user.enabled, Some(false));
    server
        .change_user(&id, |user| user.enabled = Some(true))
        .await;
    let mut batch = realmkeep_store::Batch::new();
    batch.push(realmkeep_store::Store::brute_force_clear(&realm.id, &id));
    store.commit(batch).await.unwrap();
    assert!(login(&server, "pw").await);
}

/// Who is nobody and who is locked look like a wrong password, byte by byte.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_who_exists() {
    let server = protected(1).await;
    server.add_user("bobby", "pw", serde_json::json!({})).await;
    let mut pages = Vec::new();
    for username in ["alice", "alice", "nobod", "bobby", "bobby"] {
        let browser = Browser::default();
        let page = open(&server, &browser, &[]).await;
        let form = [("username", username), ("password", "x")];
        let seen = send(&server, &browser, &page, &form).await;
        assert_eq!(seen.status, StatusCode::OK);
        let action = seen
            .action(&server)
            .replace(&server.base, "")
            .replace('&', "&amp;");
        let mut text = seen.text.replace(username, "");
        let parts = action.split(['?', '&']);
        let mut values: Vec<&str> = parts
            .filter_map(|part| Some(part.split_once('=')?.1))
            .collect();
        // Short ones may stand in long ones.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        for value in values {
            text = text.replace(value, "");
        }
        // Links of the page carry values of their own.
        let plain: Vec<&str> = text
            .split("href=\"")
            .map(|p| p.split_once('"').map_or(p, |(_, rest)| rest))
            .collect();
        pages.push(plain.concat());
    }
    for page in &pages {
        assert_eq!(page, &pages[0]);
    }
}
