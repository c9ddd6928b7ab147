//! Offline tokens.

use serde_json::json;

use crate::support::{Answer, Server, claims};
use crate::{CONF, fill, form, next, password, refresh, server};

const DAY: i64 = 86_400;

/// The refresh token ends in so many seconds, or a few less: the clock goes on.
#[track_caller]
fn about(answer: &Answer, seconds: i64) {
    let left = answer.granted()["refresh_expires_in"].as_i64().unwrap();
    assert!((seconds - 60..=seconds).contains(&left), "{left}");
}

async fn logout(server: &Server, token: &str) {
    let own = [("refresh_token", token)];
    let answer = server.post("logout", &form(&[&own, &CONF])).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

/// Offline tokens outlive sessions and their limits, are idle for thirty days at most, and stand for
/// sessions that have ids of their own.
///
/// spec: OFFL-01, OFFL-02, OFFL-03, OFFL-04, OFFL-05, OFFL-06, OIDC-13, TIME-08
#[tokio::test]
async fn an_offline_token_outlives_the_login() {
    let server = server().await;
    let login = password(&server, "openid").await;
    let answer = password(&server, "openid offline_access").await;
    assert!(
        answer.granted()["scope"]
            .as_str()
            .unwrap()
            .contains("offline_access")
    );
    assert_eq!(answer.body["refresh_expires_in"], 0);
    let token = next(&answer);
    let said = claims(&token);
    assert_eq!(said["typ"], "Offline");
    assert!(said.get("exp").is_none(), "{said}");
    assert_ne!(said["sid"], claims(login.text("access_token"))["sid"]);

    // All logins of the user end; the offline session stays.
    let realm = server.realm().await;
    let user_id = said["sub"].as_str().unwrap();
    let store = &server.services.store;
    let mut batch = realmkeep_store::Batch::new();
    batch.push(realmkeep_store::Store::end_sessions_of_user(
        &realm.id, user_id,
    ));
    store.commit(batch).await.unwrap();
    refresh(&server, &next(&login))
        .await
        .refused(400, "invalid_grant", "Session not active");
    let after = refresh(&server, &token).await;
    let access = claims(after.text("access_token"));
    assert!(
        access["jti"].as_str().unwrap().starts_with("ofrtrt:"),
        "{access}"
    );
    assert_eq!(
        server
            .get_with("userinfo", after.text("access_token"))
            .await
            .body["preferred_username"],
        "alice"
    );

    // Past idle and lifespan of logins, and again and again within thirty days.
    for _ in 0..4 {
        server.services.clock.advance(29 * DAY);
        refresh(&server, &token).await.granted();
    }
    server.services.clock.advance(30 * DAY);
    refresh(&server, &token)
        .await
        .refused(400, "invalid_grant", "Session not active");
}

/// A service account may have one too, and a logout by an offline token ends that token.
///
/// spec: OFFL-02
#[tokio::test]
async fn service_accounts_have_offline_tokens() {
    let server = server().await;
    let own = [
        ("grant_type", "client_credentials"),
        ("scope", "openid offline_access"),
    ];
    let token = next(&server.token(&form(&[&own, &CONF])).await);
    assert_eq!(claims(&token)["typ"], "Offline");
    server.services.clock.advance(20 * DAY);
    refresh(&server, &token).await.granted();
    logout(&server, &token).await;
    refresh(&server, &token)
        .await
        .refused(400, "invalid_grant", "Session not active");
}

/// With a limit an offline token ends, however much it is used; a client may set shorter times, which
/// end its tokens and not the session.
///
/// spec: OFFL-07, OFFL-08, OFFL-09, TIME-09, TIME-10, OCA-22, OCA-23
#[tokio::test]
async fn offline_limits_are_settings() {
    let server = Server::start_with(|realm| {
        realm.offline_session_max_lifespan_enabled = Some(true);
    })
    .await;
    fill(&server, json!({})).await;
    let answer = password(&server, "offline_access").await;
    assert_eq!(answer.granted()["refresh_expires_in"], 30 * DAY);
    let token = next(&answer);
    server.services.clock.advance(29 * DAY);
    let second = refresh(&server, &token).await;
    server.services.clock.advance(29 * DAY);
    let last = refresh(&server, &next(&second)).await;
    about(&last, 2 * DAY);
    server.services.clock.advance(2 * DAY);
    refresh(&server, &next(&last))
        .await
        .refused(400, "invalid_grant", "Token is not active");

    // The client's own limits.
    server
        .change_client("conf", |client| {
            let attributes = client.attributes.as_mut().unwrap();
            for (name, value) in [
                ("client.offline.session.idle.timeout", "3600"),
                ("client.offline.session.max.lifespan", "7200"),
            ] {
                attributes.insert(name.to_owned(), value.to_owned());
            }
        })
        .await;
    let answer = password(&server, "offline_access").await;
    assert_eq!(answer.granted()["refresh_expires_in"], 3600);
    let token = next(&answer);
    server.services.clock.advance(3000);
    let token = next(&refresh(&server, &token).await);
    server.services.clock.advance(3000);
    let answer = refresh(&server, &token).await;
    about(&answer, 1200);
    let sid = claims(&token)["sid"].as_str().unwrap().to_owned();
    server.services.clock.advance(1300);
    refresh(&server, &next(&answer))
        .await
        .refused(400, "invalid_grant", "Token is not active");
    let realm = server.realm().await;
    let session = server.services.store.find_session(&realm.id, &sid).await;
    assert!(
        session.unwrap().is_some(),
        "the client's limits do not end the session"
    );

    // The longest life does not count where the realm does not limit.
    server
        .change_realm(|realm| realm.offline_session_max_lifespan_enabled = Some(false))
        .await;
    let token = next(&password(&server, "offline_access").await);
    for _ in 0..4 {
        server.services.clock.advance(3000);
        refresh(&server, &token).await.granted();
    }
}

/// Each use gives the next offline token, and the last is good for nothing then.
///
/// spec: OFFL-10
#[tokio::test]
async fn offline_tokens_are_replaced_where_the_realm_says_so() {
    let server = Server::start_with(|realm| realm.revoke_refresh_token = Some(true)).await;
    fill(&server, json!({})).await;
    let one = next(&password(&server, "offline_access").await);
    let two = next(&refresh(&server, &one).await);
    assert_eq!(claims(&two)["typ"], "Offline");
    let three = next(&refresh(&server, &two).await);
    refresh(&server, &two).await.refused(
        400,
        "invalid_grant",
        "Maximum allowed refresh token reuse exceeded",
    );
    refresh(&server, &three).await.refused(
        400,
        "invalid_grant",
        "Session doesn't have required client",
    );
}

/// User and client have to be allowed, when the token is given and when it is used.
///
/// spec: OFFL-15, OFFL-16
#[tokio::test]
async fn offline_tokens_are_for_those_who_may() {
    const REFUSED: &str = "Offline tokens not allowed for the user or client";
    let server = server().await;
    let token = next(&password(&server, "offline_access").await);
    // The client loses the scope: what it has is good for nothing.
    let without = |client: &mut realmkeep_representations::ClientRepresentation| {
        let optional = client.optional_client_scopes.as_mut().unwrap();
        assert!(
            optional.contains(&"offline_access".to_owned()),
            "optional by default"
        );
        optional.retain(|name| name != "offline_access");
    };
    server.change_client("conf", without).await;
    refresh(&server, &token)
        .await
        .refused(400, "invalid_grant", REFUSED);
    password(&server, "offline_access").await.refused(
        400,
        "invalid_scope",
        "Invalid scopes: offline_access",
    );
    server
        .change_client("conf", |client| {
            let optional = client.optional_client_scopes.as_mut().unwrap();
            optional.push("offline_access".to_owned());
        })
        .await;
    refresh(&server, &token).await.granted();

    // The user loses the role.
    let realm = server.realm().await;
    let user_id = claims(&token)["sub"].as_str().unwrap().to_owned();
    let role = realmkeep_model::fresh::default_role_name(&realm.name);
    let role = realm.roles.realm_role(&role).unwrap().id.clone().unwrap();
    let mut batch = realmkeep_store::Batch::new();
    let holder = realmkeep_store::roles::Holder::User;
    batch.push(realmkeep_store::Store::revoke_role(holder, &user_id, &role));
    batch.touch(realmkeep_store::Touch::User(realm.id.clone(), user_id));
    server.services.store.commit(batch).await.unwrap();
    password(&server, "offline_access")
        .await
        .refused(400, "not_allowed", REFUSED);
    refresh(&server, &token)
        .await
        .refused(400, "not_allowed", REFUSED);
}

/// A not-before time of realm, client or user ends offline tokens, and so does revoking one.
///
/// spec: OFFL-14, REVOKE-07
#[tokio::test]
async fn offline_tokens_can_be_revoked() {
    let server = server().await;
    let user_id = {
        let token = next(&password(&server, "offline_access").await);
        let user_id = claims(&token)["sub"].as_str().unwrap().to_owned();
        let own = [("token", token.as_str())];
        let answer = server.post("revoke", &form(&[&own, &CONF])).await;
        assert_eq!(answer.status, 200);
        refresh(&server, &token)
            .await
            .refused(400, "invalid_grant", "Session not active");
        user_id
    };
    let later = i32::try_from(server.services.clock.now() + 5).unwrap();
    let of_realm = next(&password(&server, "offline_access").await);
    server
        .change_realm(|realm| realm.not_before = Some(later))
        .await;
    refresh(&server, &of_realm)
        .await
        .refused(400, "invalid_grant", "Session not active");
    server.change_realm(|realm| realm.not_before = None).await;

    let of_client = next(&password(&server, "offline_access").await);
    server
        .change_client("conf", |client| client.not_before = Some(later))
        .await;
    refresh(&server, &of_client)
        .await
        .refused(400, "invalid_grant", "Stale token");
    server
        .change_client("conf", |client| client.not_before = None)
        .await;

    let of_user = next(&password(&server, "offline_access").await);
    server
        .change_user(&user_id, |user| user.not_before = Some(later))
        .await;
    refresh(&server, &of_user)
        .await
        .refused(400, "invalid_grant", "Stale token");
}

/// What administrators see of offline tokens, apart from logins, and how they end them.
#[tokio::test]
async fn offline_sessions_are_listed_and_ended_apart() {
    let server = server().await;
    let login = next(&password(&server, "").await);
    let token = next(&password(&server, "offline_access").await);
    let realm = server.realm().await;
    let store = &server.services.store;
    let said = claims(&token);
    let user_id = said["sub"].as_str().unwrap();
    let client = store.client(&realm, "conf").await.unwrap().unwrap();
    let own = client.representation.id.clone().unwrap();
    let page = realmkeep_store::documents::Page::ALL;
    let ids = |list: Vec<realmkeep_store::sessions::UserSession>| -> Vec<String> {
        list.into_iter().map(|session| session.id).collect()
    };
    let offline = vec![said["sid"].as_str().unwrap().to_owned()];
    let online = vec![claims(&login)["sid"].as_str().unwrap().to_owned()];
    let r = &realm.id;
    assert_eq!(
        ids(store.offline_sessions_of_user(r, user_id).await.unwrap()),
        offline
    );
    assert_eq!(
        ids(store.sessions_of_user(r, user_id).await.unwrap()),
        online
    );
    assert_eq!(
        ids(store
            .offline_sessions_of_client(r, &own, page)
            .await
            .unwrap()),
        offline
    );
    assert_eq!(
        ids(store.sessions_of_client(r, &own, page).await.unwrap()),
        online
    );
    assert_eq!(store.count_offline_client_sessions(&own).await.unwrap(), 1);
    assert_eq!(store.count_client_sessions(&own).await.unwrap(), 1);

    let mut batch = realmkeep_store::Batch::new();
    batch.push(realmkeep_store::Store::end_offline_sessions_of_client(
        r, user_id, &own,
    ));
    store.commit(batch).await.unwrap();
    refresh(&server, &token)
        .await
        .refused(400, "invalid_grant", "Session not active");
    refresh(&server, &login).await.granted();
}
