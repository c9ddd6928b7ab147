//! Consent: asked once, remembered, revoked, refused.

use std::collections::BTreeSet;

use realmkeep_store::documents::Page;
use realmkeep_store::events::UserEventSearch;
use realmkeep_store::{Batch, Store};
use reqwest::StatusCode;
use serde_json::json;

use crate::browser::{Browser, Seen, add_app, authorize, redeem, server, set};
use crate::support::Server;

async fn asking() -> Server {
    let server = server().await;
    server
        .change_client("app", |client| {
            client.consent_required = Some(true);
            client.name = Some("The App <1>".to_owned());
        })
        .await;
    server
}

#[track_caller]
fn is_screen(seen: &Seen) {
    assert_eq!(seen.status, StatusCode::OK, "{seen:?}");
    for part in ["id=\"kc-oauth\"", "name=\"accept\"", "name=\"cancel\""] {
        assert!(seen.text.contains(part), "{part} {}", seen.text);
    }
}

async fn answer(server: &Server, browser: &Browser, screen: &Seen, button: &str) -> Seen {
    let code = screen.hidden("code").unwrap();
    let form = [("code", code.as_str()), (button, "")];
    browser.post(server, &screen.action(server), &form).await
}

/// Names of the scopes that alice has granted `app`.
async fn granted(server: &Server) -> Option<BTreeSet<String>> {
    let realm = server.realm().await;
    let store = &server.services.store;
    let client = store.client(&realm, "app").await.unwrap().unwrap();
    let client_id = client.representation.id.clone().unwrap();
    let user = store.find_user_named(&realm.id, "alice").await;
    let user_id = user.unwrap().unwrap().id.unwrap();
    let consent = store.consent(&user_id, &client_id).await.unwrap()?;
    assert!(consent.created > 1_700_000_000_000 && consent.updated >= consent.created);
    let name = |id: &String| {
        let scope = realm
            .client_scopes
            .iter()
            .find(|s| s.id.as_ref() == Some(id));
        scope.map_or_else(|| id.clone(), |s| s.name.clone().unwrap())
    };
    Some(consent.scopes.iter().map(name).collect())
}

/// The user is asked once: after the password, by a screen that names the client and what it wants.
///
/// spec: OIDC-03, OC-25, CORE-09, ENDUI-16, CS-16
#[tokio::test(flavor = "multi_thread")]
async fn consent_is_asked_once_and_remembered() {
    let server = asking().await;
    let browser = Browser::default();
    let screen = browser.login(&server, &[]).await;
    is_screen(&screen);
    assert!(screen.text.contains("The App &lt;1&gt;"), "{}", screen.text);
    assert_eq!(screen.text.matches("<li>").count(), 3, "{}", screen.text);
    assert_eq!(granted(&server).await, None);

    // Another tab, no screen answered yet: the session is there, consent is not.
    let more = [("prompt", "none")];
    let seen = browser.get(&server, &authorize(&server, &more)).await;
    seen.refused(&server, "interaction_required");

    let done = answer(&server, &browser, &screen, "accept").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{done:?}");
    let code = done.answer()["code"].clone();
    redeem(&server, &code).await.granted();
    let names: Vec<String> = granted(&server).await.unwrap().into_iter().collect();
    assert_eq!(names, ["email", "profile", "roles"]);

    // It is remembered.
    for more in [&[][..], &[("prompt", "none")]] {
        let seen = browser.get(&server, &authorize(&server, more)).await;
        assert!(seen.answer().contains_key("code"));
    }
    // Unless the client wants it asked again.
    let more = [("prompt", "consent")];
    is_screen(&browser.get(&server, &authorize(&server, &more)).await);
}

/// A scope that was not granted before is asked for, and it alone.
///
/// spec: CS-16, CS-17, CS-19
#[tokio::test(flavor = "multi_thread")]
async fn more_is_asked_for_when_more_is_wanted() {
    let server = asking().await;
    let browser = Browser::default();
    let screen = browser.login(&server, &[]).await;
    answer(&server, &browser, &screen, "accept").await;
    let more = [("scope", "openid address microprofile-jwt")];
    let screen = browser.get(&server, &authorize(&server, &more)).await;
    is_screen(&screen);
    // microprofile-jwt is not for the screen.
    assert_eq!(screen.text.matches("<li>").count(), 1, "{}", screen.text);
    let done = answer(&server, &browser, &screen, "accept").await;
    assert!(done.answer().contains_key("code"));
    assert!(granted(&server).await.unwrap().contains("address"));
    assert!(granted(&server).await.unwrap().contains("email"));
}

/// All that a hybrid answer hands out waits for the user's word.
#[tokio::test(flavor = "multi_thread")]
async fn a_hybrid_answer_comes_after_the_screen() {
    let server = asking().await;
    let browser = Browser::default();
    let more = [("response_type", "code id_token token"), ("nonce", "n")];
    let screen = browser.login(&server, &more).await;
    is_screen(&screen);
    let done = answer(&server, &browser, &screen, "accept").await.answer();
    for part in ["code", "id_token", "access_token"] {
        assert!(done.contains_key(part), "{done:?}");
    }
    redeem(&server, &done["code"]).await.granted();
}

/// spec: OC-26, OC-27
#[tokio::test(flavor = "multi_thread")]
async fn the_client_itself_may_be_listed() {
    let server = asking().await;
    server
        .change_client("app", |client| {
            client.default_client_scopes = Some(Vec::new());
        })
        .await;
    // Nothing to list, nothing to ask.
    let done = Browser::default().login(&server, &[]).await;
    assert!(done.answer().contains_key("code"));
    set(
        &server,
        "app",
        &[
            ("display.on.consent.screen", "true"),
            ("consent.screen.text", "Your <things>"),
        ],
    )
    .await;
    let browser = Browser::default();
    let screen = browser.login(&server, &[]).await;
    is_screen(&screen);
    assert!(
        screen.text.contains("Your &lt;things&gt;"),
        "{}",
        screen.text
    );
    let done = answer(&server, &browser, &screen, "accept").await;
    assert!(done.answer().contains_key("code"));
    let more = [("prompt", "none")];
    let seen = browser.get(&server, &authorize(&server, &more)).await;
    assert!(seen.answer().contains_key("code"));
}

/// Who refuses gives nothing, and is asked again the next time.
#[tokio::test(flavor = "multi_thread")]
async fn refusing_gives_nothing() {
    let server = asking().await;
    let browser = Browser::default();
    let more = [("response_type", "code id_token token"), ("nonce", "n")];
    let screen = browser.login(&server, &more).await;
    is_screen(&screen);
    let seen = answer(&server, &browser, &screen, "cancel").await;
    seen.refused(&server, "access_denied");
    assert!(seen.location.unwrap().fragment().is_some());
    assert_eq!(granted(&server).await, None);
    is_screen(&browser.get(&server, &authorize(&server, &[])).await);
}

/// What was revoked is asked for again, and tokens from before are of no use.
#[tokio::test(flavor = "multi_thread")]
async fn revoking_takes_effect_at_once() {
    let server = asking().await;
    let browser = Browser::default();
    let screen = browser.login(&server, &[]).await;
    let done = answer(&server, &browser, &screen, "accept").await;
    let tokens = redeem(&server, &done.answer()["code"]).await;
    let refresh = tokens.text("refresh_token").to_owned();
    let refreshed = async || {
        server
            .token(&[
                ("grant_type", "refresh_token"),
                ("client_id", "app"),
                ("client_secret", crate::browser::SECRET),
                ("refresh_token", &refresh),
            ])
            .await
    };
    refreshed().await.granted();
    // A code is under way as well.
    let code = browser
        .get(&server, &authorize(&server, &[]))
        .await
        .answer()["code"]
        .clone();

    let realm = server.realm().await;
    let store = &server.services.store;
    let client = store.client(&realm, "app").await.unwrap().unwrap();
    let client_id = client.representation.id.clone().unwrap();
    let user = store.find_user_named(&realm.id, "alice").await;
    let user_id = user.unwrap().unwrap().id.unwrap();
    let revoke = async || {
        let mut batch = Batch::new();
        batch.push(Store::revoke_consent(&user_id, &client_id));
        store.commit(batch).await
    };
    revoke().await.unwrap();
    assert!(revoke().await.is_err(), "there is nothing left");

    let text = "Client no longer has requested consent from user";
    refreshed().await.refused(400, "invalid_grant", text);
    redeem(&server, &code)
        .await
        .refused(400, "invalid_grant", text);
    is_screen(&browser.get(&server, &authorize(&server, &[])).await);
}

/// The screen belongs to the browser, the session and the client that it was made for.
#[tokio::test(flavor = "multi_thread")]
async fn a_screen_cannot_be_answered_by_others() {
    let server = asking().await;
    add_app(&server, "evil", json!({"consentRequired": true})).await;
    server.add_user("mallory", "pw", json!({})).await;
    let browser = Browser::default();
    let screen = browser.login(&server, &[]).await;
    is_screen(&screen);

    // Another browser, signed in as somebody else.
    let other = Browser::default();
    let page = other
        .get(&server, &authorize(&server, &[("client_id", "evil")]))
        .await;
    let fields = [("username", "mallory"), ("password", "pw")];
    let theirs = other.post(&server, &page.action(&server), &fields).await;
    is_screen(&theirs);
    let seen = answer(&server, &other, &screen, "accept").await;
    assert!(seen.location.is_none(), "{seen:?}");
    // No browser at all.
    let seen = answer(&server, &Browser::default(), &screen, "accept").await;
    assert!(seen.location.is_none(), "{seen:?}");
    assert_eq!(granted(&server).await, None);

    // Parts of another screen, a changed address, no button, both buttons.
    let own = screen.hidden("code").unwrap();
    let foreign = theirs.hidden("code").unwrap();
    let action = screen.action(&server);
    let changed = action.replace("client_id=app", "client_id=evil");
    for (url, form) in [
        (&action, vec![("code", foreign.as_str()), ("accept", "")]),
        (&changed, vec![("code", own.as_str()), ("accept", "")]),
        (&action, vec![("accept", "")]),
        (&action, vec![("code", own.as_str())]),
        (
            &action,
            vec![("code", own.as_str()), ("accept", ""), ("cancel", "")],
        ),
    ] {
        browser.post(&server, url, &form).await.on_a_page();
    }
    assert_eq!(granted(&server).await, None);
    let done = answer(&server, &browser, &screen, "accept").await;
    assert!(done.answer().contains_key("code"));
}

/// The form that led to the screen cannot be sent twice.
#[tokio::test(flavor = "multi_thread")]
async fn the_login_form_counts_once_with_consent_too() {
    let server = asking().await;
    let browser = Browser::default();
    let page = browser.get(&server, &authorize(&server, &[])).await;
    let action = page.action(&server);
    let fields = [("username", "alice"), ("password", "pw")];
    is_screen(&browser.post(&server, &action, &fields).await);
    let again = browser.post(&server, &action, &fields).await;
    assert!(again.location.is_none());
    let realm = server.realm().await;
    let store = &server.services.store;
    let user = store.find_user_named(&realm.id, "alice").await;
    let user_id = user.unwrap().unwrap().id.unwrap();
    let sessions = store.sessions_of_user(&realm.id, &user_id).await.unwrap();
    assert_eq!(sessions.len(), 1);
    assert_eq!(granted(&server).await, None);
}

/// What the user decides is on record.
#[tokio::test(flavor = "multi_thread")]
async fn decisions_are_on_record() {
    let server = asking().await;
    server
        .change_realm(|realm| realm.events_enabled = Some(true))
        .await;
    let browser = Browser::default();
    let screen = browser.login(&server, &[]).await;
    answer(&server, &browser, &screen, "cancel").await;
    let screen = browser.get(&server, &authorize(&server, &[])).await;
    answer(&server, &browser, &screen, "accept").await;
    let more = [("scope", "openid address"), ("response_mode", "form_post")];
    let screen = browser.get(&server, &authorize(&server, &more)).await;
    answer(&server, &browser, &screen, "accept").await;
    server.services.events.settle().await;
    let realm = server.realm().await;
    let search = UserEventSearch {
        oldest_first: true,
        ..UserEventSearch::default()
    };
    let store = &server.services.store;
    let events = store.user_events(&realm.id, &search, Page::ALL).await;
    let seen: Vec<(String, Option<String>)> = events
        .unwrap()
        .into_iter()
        .map(|event| (event.r#type.unwrap(), event.error))
        .collect();
    let expected = [
        ("LOGIN_ERROR", Some("rejected_by_user")),
        ("GRANT_CONSENT", None),
        ("LOGIN", None),
        ("UPDATE_CONSENT", None),
        ("LOGIN", None),
    ];
    let expected: Vec<(String, Option<String>)> = expected
        .into_iter()
        .map(|(kind, error)| (kind.to_owned(), error.map(str::to_owned)))
        .collect();
    assert_eq!(seen, expected);
}

/// A password that the application sends stands for no consent.
#[tokio::test(flavor = "multi_thread")]
async fn a_direct_grant_is_no_consent() {
    let server = asking().await;
    server
        .change_client("app", |client| {
            client.direct_access_grants_enabled = Some(true);
        })
        .await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "app"),
        ("client_secret", crate::browser::SECRET),
        ("username", "alice"),
        ("password", "pw"),
    ];
    let answer = server.token(&form).await;
    answer.refused(400, "invalid_client", "Client requires user consent");
}
