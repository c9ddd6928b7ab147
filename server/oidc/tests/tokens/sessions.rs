//! How long logins and their tokens last.

use serde_json::json;

use crate::support::{Answer, Server, claims};
use crate::{CONF, fill, form, next, password, post_with, refresh, server};

const IDLE: &str = "Session not active";
const OLD: &str = "Token is not active";

/// The refresh token ends in so many seconds, or a few less: the clock goes on.
#[track_caller]
fn about(answer: &Answer, name: &str, seconds: i64) {
    let left = answer.granted()[name].as_i64().unwrap();
    assert!((seconds - 60..=seconds).contains(&left), "{name}: {left}");
}

async fn set(server: &Server, attributes: &[(&str, &str)]) {
    server
        .change_client("conf", |client| {
            let all = client.attributes.as_mut().unwrap();
            for (name, value) in attributes {
                all.insert((*name).to_owned(), (*value).to_owned());
            }
        })
        .await;
}

/// Username and password in the request give a session, an ID token and a refresh token, which renews
/// access tokens as long as the session lasts.
///
/// spec: OIDC-09, OIDC-11, OIDC-12, OIDC-19, OC-19
#[tokio::test]
async fn a_direct_grant_begins_a_session() {
    let server = server().await;
    let answer = password(&server, "openid").await;
    let access = claims(answer.text("access_token"));
    assert_eq!(access["preferred_username"], "alice");
    assert_eq!(claims(answer.text("id_token"))["sid"], access["sid"]);
    // The access token ends soon, …
    server.services.clock.advance(301);
    let old = server
        .get_with("userinfo", answer.text("access_token"))
        .await;
    assert_eq!(old.status, 401);
    // … and is renewed.
    let again = refresh(&server, &next(&answer)).await;
    let renewed = again.text("access_token");
    assert_eq!(claims(renewed)["sid"], access["sid"]);
    assert_eq!(server.get_with("userinfo", renewed).await.status, 200);
    let bad = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", "wrong"),
    ];
    server.token(&form(&[&bad, &CONF])).await.refused(
        400,
        "invalid_grant",
        "Invalid user credentials",
    );
    server
        .change_client("conf", |c| c.direct_access_grants_enabled = Some(false))
        .await;
    password(&server, "").await.refused(
        400,
        "unauthorized_client",
        "Client not allowed for direct access grants",
    );
}

/// A session ends when it was not used for a while, and after its longest life however much it is used.
///
/// Sessions are in the database, each change of them too, so idle time ends on the second, without a
/// window of grace.
///
/// spec: TIME-01, TIME-02, TIME-25, OIDC-12
#[tokio::test]
async fn sessions_end() {
    let server = Server::start_with(|realm| {
        realm.sso_session_idle_timeout = Some(1000);
        realm.sso_session_max_lifespan = Some(2500);
    })
    .await;
    fill(&server, json!({})).await;
    let answer = password(&server, "").await;
    about(&answer, "refresh_expires_in", 1000);
    let idle = next(&answer);
    server.services.clock.advance(1000);
    refresh(&server, &idle)
        .await
        .refused(400, "invalid_grant", OLD);

    let answer = password(&server, "").await;
    server.services.clock.advance(800);
    let answer = refresh(&server, &next(&answer)).await;
    about(&answer, "refresh_expires_in", 1000);
    server.services.clock.advance(800);
    let answer = refresh(&server, &next(&answer)).await;
    about(&answer, "refresh_expires_in", 900);
    server.services.clock.advance(700);
    let answer = refresh(&server, &next(&answer)).await;
    about(&answer, "refresh_expires_in", 200);
    // The access token does not outlive it either.
    about(&answer, "expires_in", 200);
    server.services.clock.advance(200);
    refresh(&server, &next(&answer))
        .await
        .refused(400, "invalid_grant", OLD);
    // A shorter time counts for sessions that are there already.
    let answer = password(&server, "").await;
    server.services.clock.advance(301);
    server
        .change_realm(|realm| realm.sso_session_idle_timeout = Some(300))
        .await;
    refresh(&server, &next(&answer))
        .await
        .refused(400, "invalid_grant", IDLE);
}

/// The client's part in a session may end before the session: by the realm's times for clients, or the
/// client's own; the session is not touched by it.
///
/// spec: TIME-05, TIME-06, TIME-07, OCA-20, OCA-21
#[tokio::test]
async fn the_clients_part_may_end_before() {
    let server = Server::start_with(|realm| {
        realm.client_session_idle_timeout = Some(600);
        realm.client_session_max_lifespan = Some(1500);
    })
    .await;
    fill(&server, json!({})).await;
    let answer = password(&server, "").await;
    about(&answer, "refresh_expires_in", 600);
    let sid = answer.body["session_state"].as_str().unwrap().to_owned();
    server.services.clock.advance(500);
    let answer = refresh(&server, &next(&answer)).await;
    about(&answer, "refresh_expires_in", 600);
    server.services.clock.advance(500);
    let answer = refresh(&server, &next(&answer)).await;
    about(&answer, "refresh_expires_in", 500);
    server.services.clock.advance(500);
    refresh(&server, &next(&answer))
        .await
        .refused(400, "invalid_grant", OLD);
    let realm = server.realm().await;
    let session = server.services.store.find_session(&realm.id, &sid).await;
    assert!(session.unwrap().is_some());

    // The client's own times; and longer ones than the session's do not count.
    set(&server, &[("client.session.idle.timeout", "100")]).await;
    about(&password(&server, "").await, "refresh_expires_in", 100);
    set(
        &server,
        &[
            ("client.session.idle.timeout", "1200"),
            ("client.session.max.lifespan", "700"),
        ],
    )
    .await;
    about(&password(&server, "").await, "refresh_expires_in", 700);
    set(
        &server,
        &[
            ("client.session.idle.timeout", "90000"),
            ("client.session.max.lifespan", "90000"),
        ],
    )
    .await;
    about(&password(&server, "").await, "refresh_expires_in", 1800);
    // Zero is "as the session".
    server
        .change_realm(|realm| {
            realm.client_session_idle_timeout = Some(0);
            realm.client_session_max_lifespan = Some(0);
        })
        .await;
    set(
        &server,
        &[
            ("client.session.idle.timeout", ""),
            ("client.session.max.lifespan", ""),
        ],
    )
    .await;
    about(&password(&server, "").await, "refresh_expires_in", 1800);
}

/// Lifetime of access tokens: the realm's, or the client's own.
///
/// spec: TIME-15, OCA-19
#[tokio::test]
async fn access_tokens_end() {
    let server = Server::start_with(|realm| realm.access_token_lifespan = Some(120)).await;
    fill(&server, json!({})).await;
    let answer = password(&server, "openid").await;
    assert_eq!(answer.granted()["expires_in"], 120);
    let token = claims(answer.text("access_token"));
    let life = token["exp"].as_i64().unwrap() - token["iat"].as_i64().unwrap();
    assert_eq!(life, 120);
    set(&server, &[("access.token.lifespan", "45")]).await;
    let answer = password(&server, "openid").await;
    assert_eq!(answer.granted()["expires_in"], 45);
    let token = answer.text("access_token").to_owned();
    assert_eq!(server.get_with("userinfo", &token).await.status, 200);
    server.services.clock.advance(46);
    assert_eq!(server.get_with("userinfo", &token).await.status, 401);
}

/// Ending all sessions ends what hangs on them, and nothing that has none.
///
/// spec: SESS-08
#[tokio::test]
async fn all_sessions_can_be_ended() {
    let server = server().await;
    let login = password(&server, "openid").await;
    let realm = server.realm().await;
    let mut batch = realmkeep_store::Batch::new();
    batch.push(realmkeep_store::Store::end_sessions_of_realm(&realm.id));
    server.services.store.commit(batch).await.unwrap();
    refresh(&server, &next(&login))
        .await
        .refused(400, "invalid_grant", IDLE);
    let seen = server
        .get_with("userinfo", login.text("access_token"))
        .await;
    assert_eq!(seen.status, 401);
    password(&server, "openid").await.granted();
}

/// A page of the client may read whether its user was signed out, and pages of others may not.
#[tokio::test]
async fn a_page_may_read_the_answer_of_a_logout() {
    let server = server().await;
    server
        .change_client("conf", |client| {
            client.web_origins = Some(vec!["https://app.test".to_owned()]);
        })
        .await;
    for (origin, may) in [("https://app.test", true), ("https://evil.test", false)] {
        let token = next(&password(&server, "openid").await);
        let own = form(&[&[("refresh_token", token.as_str())], &CONF]);
        for status in [204, 400] {
            let bad = [("refresh_token", "x"), CONF[0], CONF[1]];
            let sent = if status == 204 { &own[..] } else { &bad[..] };
            let answer = post_with(&server, "logout", sent, &[("Origin", origin)]).await;
            assert_eq!(answer.status, status, "{answer:?}");
            let allowed = answer.headers.get("access-control-allow-origin");
            assert_eq!(
                allowed.is_some_and(|value| value == origin),
                may,
                "{origin}"
            );
        }
    }
    let preflight = server
        .http
        .request(reqwest::Method::OPTIONS, server.url("logout"))
        .header("Origin", "https://app.test");
    let answer = preflight.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["access-control-allow-methods"],
        "POST, OPTIONS"
    );
}
