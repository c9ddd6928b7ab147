//! Limits on how many sessions a user has.

use reqwest::StatusCode;
use serde_json::json;

use crate::browser::{Browser, Seen, add_app, authorize, server};
use crate::support::Server;
use crate::tools::{
    PASSWORD, add, asks, bind, configured, direct_grant, done, execution, flow, open, send,
    sessions,
};

async fn limited(settings: &[(&str, &str)]) -> Server {
    let server = server().await;
    add_app(&server, "b", json!({})).await;
    let own = flow(
        "own",
        vec![
            execution("auth-cookie", "ALTERNATIVE"),
            execution("flow:real", "ALTERNATIVE"),
        ],
    );
    let real = flow(
        "real",
        vec![
            execution("auth-username-password-form", "REQUIRED"),
            configured("user-session-limits", "REQUIRED", "limits"),
        ],
    );
    bind(&server, vec![own, real], &[("limits", settings)]).await;
    server
}

async fn login(server: &Server, browser: &Browser, client_id: &str) -> Seen {
    let page = open(server, browser, &[("client_id", client_id)]).await;
    send(server, browser, &page, &PASSWORD).await
}

/// spec: SLIM-01, SLIM-02, SLIM-04, SLIM-06, SLIM-08
#[tokio::test(flavor = "multi_thread")]
async fn a_new_session_is_refused() {
    let settings = [
        ("userRealmLimit", "2"),
        ("userClientLimit", "0"),
        ("behavior", "Deny new session"),
        ("errorMessage", "Two are enough."),
    ];
    let server = limited(&settings).await;
    let (one, two, three) = (Browser::default(), Browser::default(), Browser::default());
    done(&login(&server, &one, "app").await);
    done(&login(&server, &two, "b").await);
    let refused = login(&server, &three, "app").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text.contains("Two are enough."), "{}", refused.text);
    assert_eq!(sessions(&server, "alice").await, 2);
    // The session that is there is not counted anew.
    done(&one.get(&server, &authorize(&server, &[])).await);
    let page = open(&server, &one, &[("prompt", "login")]).await;
    asks(&page, "password");
    done(&send(&server, &one, &page, &PASSWORD).await);
}

/// spec: SLIM-05
#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_session_ends() {
    let settings = [
        ("userRealmLimit", "2"),
        ("behavior", "Terminate oldest session"),
    ];
    let server = limited(&settings).await;
    server
        .change_client("app", |client| {
            let attributes = client.attributes.get_or_insert_default();
            let name = "backchannel.logout.url".to_owned();
            attributes.insert(name, "http://127.0.0.1:9/out".to_owned());
        })
        .await;
    let browsers = [Browser::default(), Browser::default(), Browser::default()];
    for browser in &browsers {
        done(&login(&server, browser, "app").await);
        server.services.clock.advance(10);
    }
    assert_eq!(sessions(&server, "alice").await, 2);
    // The application is told that the oldest one has ended.
    let store = &server.services.store;
    let told = store.due_logout_notices(i64::MAX, 10).await.unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    let oldest = browsers[0].get(&server, &authorize(&server, &[])).await;
    asks(&oldest, "password");
    done(&browsers[1].get(&server, &authorize(&server, &[])).await);
    done(&browsers[2].get(&server, &authorize(&server, &[])).await);
}

/// spec: SLIM-03
#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_one_client_are_counted() {
    let settings = [("userRealmLimit", "0"), ("userClientLimit", "1")];
    let server = limited(&settings).await;
    done(&login(&server, &Browser::default(), "app").await);
    let refused = login(&server, &Browser::default(), "app").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    done(&login(&server, &Browser::default(), "b").await);
}

/// The limiter stands in the flow of a direct grant as in that of a browser.
///
/// spec: SLIM-07
#[tokio::test(flavor = "multi_thread")]
async fn direct_grants_are_limited() {
    let server = server().await;
    let own = flow(
        "own",
        vec![
            execution("direct-grant-validate-username", "REQUIRED"),
            execution("direct-grant-validate-password", "REQUIRED"),
            configured("user-session-limits", "REQUIRED", "limits"),
        ],
    );
    add(
        &server,
        vec![own],
        &[("limits", &[("userRealmLimit", "1")])],
    )
    .await;
    server
        .change_realm(|realm| realm.direct_grant_flow = Some("own".to_owned()))
        .await;
    direct_grant(&server, &PASSWORD).await.granted();
    let refused = direct_grant(&server, &PASSWORD).await;
    assert_eq!(refused.body["error"], "invalid_grant", "{refused:?}");
    assert_eq!(sessions(&server, "alice").await, 1);
}
