//! One session for all applications that a browser visits.

use realmkeep_keys::generate_realm_keys;
use realmkeep_store::documents::RealmKey;
use realmkeep_store::{Batch, Store, Touch};
use serde_json::json;

use crate::browser::{Browser, CALLBACK, SECRET, add_app, authorize, redeem, server};
use crate::support::{Answer, Server, claims};

/// Redeems a code of a client.
async fn redeem_for(server: &Server, client_id: &str, code: &str) -> Answer {
    server
        .token(&[
            ("grant_type", "authorization_code"),
            ("client_id", client_id),
            ("client_secret", SECRET),
            ("redirect_uri", CALLBACK),
            ("code", code),
        ])
        .await
}

async fn visited(server: &Server, session_id: &str) -> Vec<String> {
    let realm = server.realm().await;
    let store = &server.services.store;
    let mut found = Vec::new();
    for part in store.client_sessions(session_id).await.unwrap() {
        let client = store.client_by_id(&realm, &part.client_id).await.unwrap();
        found.push(client.unwrap().representation.client_id.clone().unwrap());
    }
    found.sort();
    found
}

/// The first login sets a cookie; with it other applications get their codes without a form, for the
/// same session, which remembers them all. Another browser is another session, and signing out ends
/// it for all applications of this one.
///
/// spec: SCOPE-01, SCOPE-02, SESS-01, SESS-13, OEP-03
#[tokio::test(flavor = "multi_thread")]
async fn one_login_serves_several_applications() {
    let server = server().await;
    add_app(&server, "second", json!({})).await;
    let browser = Browser::default();
    let answer = browser.login(&server, &[]).await.answer();
    let first = redeem(&server, &answer["code"]).await;
    let sid = claims(first.text("access_token"))["sid"].clone();
    let sid = sid.as_str().unwrap();
    assert_eq!(visited(&server, sid).await, ["app"]);

    let url = authorize(&server, &[("client_id", "second")]);
    let seen = browser.get(&server, &url).await;
    let second = redeem_for(&server, "second", &seen.answer()["code"]).await;
    let token = claims(second.text("access_token"));
    assert_eq!(token["sid"], sid);
    assert_eq!(token["sub"], claims(first.text("access_token"))["sub"]);
    assert_eq!(visited(&server, sid).await, ["app", "second"]);
    // Who has no cookie sees the form, and begins a session of their own.
    let other = Browser::default();
    let page = other.get(&server, &url).await;
    assert!(page.text.contains("kc-form-login"), "{}", page.text);
    let apart = other.login(&server, &[]).await.answer();
    let apart = redeem(&server, &apart["code"]).await;
    assert_ne!(claims(apart.text("access_token"))["sid"], sid);

    let hint = first.text("id_token");
    let logout = server.url(&format!("logout?id_token_hint={hint}"));
    let seen = browser.get(&server, &logout).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    for (client_id, tokens) in [("app", &first), ("second", &second)] {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", client_id),
            ("client_secret", SECRET),
            ("refresh_token", tokens.text("refresh_token")),
        ];
        let refused = server.token(&form).await;
        assert_eq!(refused.body["error"], "invalid_grant", "{client_id}");
        let access = tokens.text("access_token");
        assert_eq!(server.get_with("userinfo", access).await.status, 401);
        let url = authorize(&server, &[("client_id", client_id)]);
        let page = browser.get(&server, &url).await;
        assert!(page.text.contains("kc-form-login"), "{}", page.text);
    }
    let access = apart.text("access_token");
    assert_eq!(server.get_with("userinfo", access).await.status, 200);
}

async fn keys(server: &Server) -> Vec<RealmKey> {
    let realm = server.realm().await;
    server.services.store.list(&realm.id).await.unwrap()
}

/// The kid and, of an access token, what it says.
fn kid(token: &str) -> String {
    let jwt = realmkeep_jose::UnverifiedJwt::parse(token).unwrap();
    jwt.unverified_kid().unwrap().to_owned()
}

/// New keys sign all that is issued from then on, for sessions from before too; a refresh renews the
/// refresh token with the new key. When the old keys go, what only they signed is good for nothing:
/// who was away in between signs in anew, or their browser does it for them, and offline tokens had
/// to be used in time.
///
/// spec: KEYS-07, KEYS-08, KEYS-09, SESS-13
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_under_sessions() {
    let server = server().await;
    let browser = Browser::default();
    let tokens = async |scope: &str| {
        let more = [("scope", scope)];
        let seen = match browser.get(&server, &authorize(&server, &more)).await {
            page if page.location.is_none() => browser.login(&server, &more).await,
            seen => seen,
        };
        redeem(&server, &seen.answer()["code"]).await
    };
    let refresh = async |answer: &Answer| {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("client_secret", SECRET),
            ("refresh_token", answer.text("refresh_token")),
        ];
        server.token(&form).await
    };
    let active = tokens("openid").await;
    let away = tokens("openid").await;
    let offline = tokens("openid offline_access").await;
    let forgotten = tokens("openid offline_access").await;

    let realm = server.realm().await;
    let store = &server.services.store;
    let old = keys(&server).await;
    let mut fresh = generate_realm_keys(&realm.name, server.services.clock.now()).unwrap();
    let mut batch = Batch::new();
    for key in &mut fresh {
        key.priority += 100;
        batch.push(store.insert(&realm.id, &*key).unwrap());
    }
    batch.touch(Touch::Realm(realm.id.clone()));
    store.commit(batch).await.unwrap();
    let is_new = |token: &str| fresh.iter().any(|key| key.kid == kid(token));
    let names = ["access_token", "id_token", "refresh_token"];
    let active = refresh(&active).await;
    let offline = refresh(&offline).await;
    for answer in [&active, &offline, &tokens("openid").await] {
        for name in names {
            assert!(is_new(answer.text(name)), "{name}");
        }
    }
    // What the old keys signed is still good.
    let userinfo = async |answer: &Answer| {
        let token = answer.text("access_token");
        server.get_with("userinfo", token).await.status.as_u16()
    };
    assert!(!is_new(away.text("access_token")));
    assert_eq!(userinfo(&away).await, 200);

    let mut batch = Batch::new();
    for key in &old {
        batch.push(Store::delete::<RealmKey>(&realm.id, &key.id));
    }
    batch.touch(Touch::Realm(realm.id.clone()));
    store.commit(batch).await.unwrap();
    assert_eq!(userinfo(&away).await, 401);
    for answer in [&away, &forgotten] {
        refresh(answer)
            .await
            .refused(400, "invalid_grant", "Invalid refresh token");
    }
    assert_eq!(userinfo(&active).await, 200);
    for answer in [&active, &offline] {
        refresh(answer).await.granted();
    }
    // The cookie is the server's own, not of the realm's keys: it gives new tokens, without a form.
    let seen = browser.get(&server, &authorize(&server, &[])).await;
    let again = redeem(&server, &seen.answer()["code"]).await;
    assert!(is_new(again.text("id_token")));
}
