//! How sessions end, and who is told.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::post;
use realmkeep_events::{Event, EventType};
use realmkeep_jose::{UnverifiedJwt, Verified, base64url, sha256, verify};
use realmkeep_oidc::logout as ends;
use reqwest::header::{LOCATION, SET_COOKIE};
use serde_json::{Value, json};

use crate::support::{Server, claims};
use crate::{access, add_app, login, mapper, server_with};

/// An application that writes down what it is told, and answers as it is set to.
#[derive(Clone)]
struct Application {
    base: String,
    told: Arc<Mutex<Vec<(String, String)>>>,
    status: Arc<Mutex<u16>>,
}

impl Application {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let application = Self {
            base: format!("http://{}", listener.local_addr().unwrap()),
            told: Arc::default(),
            status: Arc::new(Mutex::new(200)),
        };
        let own = application.clone();
        let app = Router::new().route(
            "/{*path}",
            post(async move |uri: http::Uri, body: String| {
                own.told.lock().unwrap().push((uri.path().to_owned(), body));
                http::StatusCode::from_u16(*own.status.lock().unwrap()).unwrap()
            }),
        );
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        application
    }

    /// Waits until it was told something `count` times.
    async fn told(&self, count: usize) -> Vec<(String, String)> {
        for _ in 0..200 {
            let told = self.told.lock().unwrap().clone();
            if told.len() >= count {
                return told;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("told {:?}", self.told.lock().unwrap());
    }
}

async fn verified(server: &Server, token: &str) -> Verified {
    let realm = server.realm().await;
    let keys = server.services.keys.verification_set(&realm).await.unwrap();
    let jwt = UnverifiedJwt::parse(token).unwrap();
    let key = keys
        .find(jwt.unverified_kid(), jwt.unverified_algorithm())
        .unwrap();
    verify(&jwt, key).unwrap()
}

fn logout_token(body: &str) -> String {
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    assert_eq!(fields.len(), 1);
    assert_eq!(fields[0].0, "logout_token");
    fields[0].1.clone()
}

async fn end_by_refresh_token(server: &Server, client: &str, token: &str) {
    let form = [
        ("client_id", client),
        ("client_secret", "s3cret"),
        ("refresh_token", token),
    ];
    assert_eq!(server.post("logout", &form).await.status, 204);
}

/// The clients of an ended session get a logout token each, that says what the client asked to know
/// and is good for nothing else.
///
/// spec: LOGO-02, LOGO-07, OC-30, OC-31, OC-32
#[tokio::test]
async fn clients_are_told_by_logout_tokens() {
    let application = Application::start().await;
    let server = server_with(json!({"attributes": {
        "backchannel.logout.url": format!("{}/out", application.base),
        "backchannel.logout.session.required": "true",
        "backchannel.logout.revoke.offline.tokens": "true",
    }}))
    .await;
    let tokens = login(&server, "app", "openid").await;
    let session = access(&tokens);
    end_by_refresh_token(&server, "app", tokens.text("refresh_token")).await;
    let told = application.told(1).await;
    assert_eq!(told[0].0, "/out");
    let text = logout_token(&told[0].1);
    let token = verified(&server, &text).await;
    assert_eq!(token.typ(), Some("logout+jwt"));
    assert_eq!(token.iss(), Some(server.issuer().as_str()));
    assert_eq!(token.aud(), ["app"]);
    assert_eq!(token.sub(), session["sub"].as_str());
    assert_eq!(token.str("sid"), session["sid"].as_str());
    assert!(token.exp().unwrap() > token.iat().unwrap());
    assert!(token.jti().is_some());
    assert_eq!(
        token.claim("events"),
        Some(&json!({
            "http://schemas.openid.net/event/backchannel-logout": {}, "revoke_offline_access": true,
        }))
    );
    assert!(token.claim("nonce").is_none());
    // Nothing else takes it.
    assert_eq!(server.get_with("userinfo", &text).await.status, 401);
    end_again(&server, &tokens).await;

    // Without the switches: no session id, no word of offline tokens. Without the URL: nothing.
    server
        .change_client("app", |client| {
            let attributes = client.attributes.as_mut().unwrap();
            attributes.insert(
                "backchannel.logout.session.required".to_owned(),
                "false".to_owned(),
            );
            attributes.remove("backchannel.logout.revoke.offline.tokens");
        })
        .await;
    let tokens = login(&server, "app", "openid").await;
    let hint = server.url(&format!("logout?id_token_hint={}", tokens.text("id_token")));
    assert_eq!(server.http.get(hint).send().await.unwrap().status(), 200);
    let told = application.told(2).await;
    let token = verified(&server, &logout_token(&told[1].1)).await;
    assert!(token.str("sid").is_none());
    assert_eq!(token.claim("events").unwrap().as_object().unwrap().len(), 1);
    server
        .change_client("app", |client| {
            client
                .attributes
                .as_mut()
                .unwrap()
                .remove("backchannel.logout.url");
        })
        .await;
    let tokens = login(&server, "app", "openid").await;
    end_by_refresh_token(&server, "app", tokens.text("refresh_token")).await;
    let due = server
        .services
        .store
        .due_logout_notices(i64::MAX, 10)
        .await
        .unwrap();
    assert!(due.is_empty());
    assert_eq!(application.told(2).await.len(), 2);
}

/// A session ends once, however often it is asked for.
async fn end_again(server: &Server, tokens: &crate::Answer) {
    let realm = server.realm().await;
    let sid = access(tokens)["sid"].as_str().unwrap().to_owned();
    let mut event = Event::new(EventType::Logout, &realm.name, "127.0.0.1");
    let ended = ends::end_session(&server.services, &realm, &sid, &mut event)
        .await
        .unwrap();
    assert!(ended.is_none());
}

/// A client that knows users by pseudonyms is told the pseudonym.
#[tokio::test]
async fn logout_tokens_name_the_pairwise_subject() {
    let application = Application::start().await;
    let server = server_with(json!({
        "attributes": {"backchannel.logout.url": format!("{}/out", application.base)},
        "protocolMappers": [mapper("p", "oidc-sha256-pairwise-sub-mapper", json!({"pairwiseSubAlgorithmSalt": "s"}))],
    }))
    .await;
    let tokens = login(&server, "app", "openid").await;
    end_by_refresh_token(&server, "app", tokens.text("refresh_token")).await;
    let told = application.told(1).await;
    assert_eq!(
        claims(&logout_token(&told[0].1))["sub"],
        access(&tokens)["sub"]
    );
}

/// An application that cannot be told now is told later, until it answers; one that refuses is not
/// asked again. What waits is in the database, so a restart loses nothing.
#[tokio::test]
async fn notices_wait_until_they_arrive() {
    let application = Application::start().await;
    let server = server_with(json!({"attributes": {
        "backchannel.logout.url": format!("{}/out", application.base),
    }}))
    .await;
    *application.status.lock().unwrap() = 503;
    let tokens = login(&server, "app", "openid").await;
    end_by_refresh_token(&server, "app", tokens.text("refresh_token")).await;
    application.told(1).await;
    let store = &server.services.store;
    let waiting = async || store.due_logout_notices(i64::MAX, 10).await.unwrap();
    let mut first = waiting().await;
    while first.iter().any(|notice| notice.attempts == 0) {
        first = waiting().await;
    }
    assert_eq!(first.len(), 1);
    assert!(first[0].due > server.services.clock.now());
    // Not before it is due.
    assert_eq!(ends::deliver(&server.services).await.unwrap(), 0);
    let claim = |notice: &realmkeep_store::logout_notices::DueNotice, due: i64| {
        let mut batch = realmkeep_store::Batch::new();
        batch.push(realmkeep_store::Store::claim_logout_notice(notice, due));
        batch
    };
    store.commit(claim(&first[0], 0)).await.unwrap();
    // Of two who try to send it, one does.
    assert!(store.commit(claim(&first[0], 0)).await.is_err());
    *application.status.lock().unwrap() = 204;
    assert_eq!(ends::deliver(&server.services).await.unwrap(), 1);
    application.told(2).await;
    assert!(waiting().await.is_empty());

    *application.status.lock().unwrap() = 400;
    let tokens = login(&server, "app", "openid").await;
    end_by_refresh_token(&server, "app", tokens.text("refresh_token")).await;
    application.told(3).await;
    for _ in 0..200 {
        if waiting().await.is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("a refused notice stays");
}

/// Frames for the clients that want them, each with issuer and session; then on to the application.
///
/// spec: LOGO-05, OC-28, OC-29
#[tokio::test]
async fn front_channel_clients_are_told_by_frames() {
    let server = server_with(json!({
        "name": "The <App>", "frontchannelLogout": true,
        "attributes": {
            "frontchannel.logout.url": "https://app.test/out?a=1",
            "backchannel.logout.url": "https://app.test/never",
            "post.logout.redirect.uris": "https://app.test/bye",
        },
    }))
    .await;
    let tokens = login(&server, "app", "openid").await;
    let session = access(&tokens);
    let mut url = url::Url::parse(&server.url("logout")).unwrap();
    url.query_pairs_mut()
        .append_pair("id_token_hint", tokens.text("id_token"))
        .append_pair("post_logout_redirect_uri", "https://app.test/bye")
        .append_pair("state", "s t");
    let answer = server.http.get(url.clone()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(policy.contains("frame-src https://app.test"), "{policy}");
    let page = answer.text().await.unwrap();
    let issuer: String = url::form_urlencoded::byte_serialize(server.issuer().as_bytes()).collect();
    let sid = session["sid"].as_str().unwrap();
    let decoded = page
        .replace("&amp;", "&")
        .replace("&#x2f;", "/")
        .replace("&#x3a;", ":");
    let frame = format!("https://app.test/out?a=1&iss={issuer}&sid={sid}");
    assert!(decoded.contains(&frame), "{decoded}");
    assert!(
        decoded.contains("https://app.test/bye?state=s+t"),
        "{decoded}"
    );
    assert!(page.contains("The &lt;App&gt;"));
    // The back channel is not for such a client.
    let due = server
        .services
        .store
        .due_logout_notices(i64::MAX, 10)
        .await
        .unwrap();
    assert!(due.is_empty());

    // The client decides whether it is told which session.
    server
        .change_client("app", |client| {
            let attributes = client.attributes.as_mut().unwrap();
            attributes.insert(
                "frontchannel.logout.session.required".to_owned(),
                "false".to_owned(),
            );
        })
        .await;
    let tokens = login(&server, "app", "openid").await;
    let hint = server.url(&format!("logout?id_token_hint={}", tokens.text("id_token")));
    let page = server
        .http
        .get(hint)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(!page.contains(access(&tokens)["sid"].as_str().unwrap()));
}

/// With neither channel, the admin URL takes a signed order; it takes not-before too.
///
/// spec: LOGO-06, OC-15
#[tokio::test]
async fn the_admin_url_is_the_last_resort() {
    let application = Application::start().await;
    let server = server_with(
        json!({"rootUrl": application.base, "adminUrl": "/k/", "frontchannelLogout": false}),
    )
    .await;
    let tokens = login(&server, "app", "openid").await;
    end_by_refresh_token(&server, "app", tokens.text("refresh_token")).await;
    let told = application.told(1).await;
    assert_eq!(told[0].0, "/k/k_logout");
    let order = verified(&server, &told[0].1).await;
    assert_eq!(order.str("action"), Some("LOGOUT"));
    assert_eq!(order.str("resource"), Some("app"));
    assert_eq!(
        order.claim("keycloakSessionIds"),
        Some(&json!([access(&tokens)["sid"]]))
    );

    let realm = server.realm().await;
    let client = server
        .services
        .store
        .client(&realm, "app")
        .await
        .unwrap()
        .unwrap();
    let pushed = ends::push_not_before(&server.services, &realm, &client.representation, 77).await;
    assert_eq!((pushed.succeeded.len(), pushed.failed.len()), (1, 0));
    let told = application.told(2).await;
    assert_eq!(told[1].0, "/k/k_push_not_before");
    let order = verified(&server, &told[1].1).await;
    assert_eq!(order.claim("notBefore"), Some(&json!(77)));
    *application.status.lock().unwrap() = 500;
    let pushed = ends::push_not_before(&server.services, &realm, &client.representation, 78).await;
    assert_eq!((pushed.succeeded.len(), pushed.failed.len()), (0, 1));
    // With a back channel URL the admin URL is not used for logout.
    *application.status.lock().unwrap() = 200;
    server
        .change_client("app", |client| {
            let url = format!("{}/back", application.base);
            let attributes = client.attributes.get_or_insert_default();
            attributes.insert("backchannel.logout.url".to_owned(), url);
        })
        .await;
    let tokens = login(&server, "app", "openid").await;
    end_by_refresh_token(&server, "app", tokens.text("refresh_token")).await;
    assert_eq!(application.told(4).await[3].0, "/back");
}

/// All sessions of a user at once, as an administrator ends them.
#[tokio::test]
async fn ending_a_users_sessions_tells_every_client() {
    let application = Application::start().await;
    let attributes =
        json!({"attributes": {"backchannel.logout.url": format!("{}/out", application.base)}});
    let server = server_with(attributes.clone()).await;
    add_app(&server, "second", attributes).await;
    let first = login(&server, "app", "openid").await;
    login(&server, "second", "openid").await;
    let realm = server.realm().await;
    let user = access(&first)["sub"].as_str().unwrap().to_owned();
    ends::end_sessions_of_user(&server.services, &realm, &user)
        .await
        .unwrap();
    let told = application.told(2).await;
    let mut audiences: Vec<Value> = told
        .iter()
        .map(|(_, body)| claims(&logout_token(body))["aud"].clone())
        .collect();
    audiences.sort_by_key(Value::to_string);
    assert_eq!(audiences, [json!("app"), json!("second")]);
    assert!(
        server
            .services
            .store
            .sessions_of_user(&realm.id, &user)
            .await
            .unwrap()
            .is_empty()
    );
}

/// A person without a hint is asked first; what the page sends back ends the session, and the frame
/// that pages ask knows of its beginning and its end.
///
/// spec: LOGO-01, LOGO-03
#[tokio::test]
async fn the_session_frame_knows_of_login_and_logout() {
    let server =
        server_with(json!({"webOrigins": ["https://app.test"], "standardFlowEnabled": true})).await;
    let mut auth = url::Url::parse(&server.url("auth")).unwrap();
    auth.query_pairs_mut()
        .append_pair("client_id", "app")
        .append_pair("redirect_uri", "https://app.test/cb")
        .append_pair("response_type", "code")
        .append_pair("scope", "openid");
    let page = server.http.get(auth).send().await.unwrap();
    let mut cookies = Vec::new();
    keep(&mut cookies, page.headers());
    let text = page.text().await.unwrap();
    let done = server
        .http
        .post(action(&server, &text))
        .header("cookie", jar(&cookies))
        .form(&[("username", "alice"), ("password", "pw")])
        .send()
        .await
        .unwrap();
    assert!(done.status().is_redirection(), "{:?}", done.text().await);
    keep(&mut cookies, done.headers());
    let location = url::Url::parse(done.headers()[LOCATION].to_str().unwrap()).unwrap();
    let session = location
        .query_pairs()
        .find(|(name, _)| name == "session_state")
        .unwrap()
        .1
        .into_owned();
    let remembered = cookies
        .iter()
        .find(|(name, _)| name == "KEYCLOAK_SESSION")
        .unwrap();
    assert_eq!(remembered.1, base64url(sha256(session.as_bytes())));

    let frame = server
        .http
        .get(server.url("login-status-iframe.html"))
        .send()
        .await
        .unwrap();
    assert_eq!(frame.status(), 200);
    assert!(frame.headers().get("x-frame-options").is_none());
    let policy = frame.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        policy.contains("script-src 'sha256-") && !policy.contains("frame-ancestors"),
        "{policy}"
    );
    assert!(frame.text().await.unwrap().contains("<script>"));
    for (client, origin, status) in [
        ("app", "https://app.test", 204),
        ("app", "https://evil.test", 403),
        ("nobody", "https://app.test", 403),
    ] {
        let url = server.url(&format!(
            "login-status-iframe.html/init?client_id={client}&origin={origin}"
        ));
        assert_eq!(
            server.http.get(url).send().await.unwrap().status(),
            status,
            "{client} {origin}"
        );
    }
    for step in ["step1", "step2"] {
        let url = server.url(&format!("3p-cookies/{step}.html"));
        assert_eq!(server.http.get(url).send().await.unwrap().status(), 200);
    }

    let ask = server
        .http
        .get(server.url("logout"))
        .header("cookie", jar(&cookies))
        .send()
        .await
        .unwrap();
    assert_eq!(ask.status(), 200);
    let text = ask.text().await.unwrap();
    let code = between(&text, "name=\"session_code\" value=\"", "\"");
    let realm = server.realm().await;
    let store = &server.services.store;
    assert!(
        store
            .find_session(&realm.id, &session)
            .await
            .unwrap()
            .is_some()
    );
    let bye = server
        .http
        .post(action(&server, &text))
        .header("cookie", jar(&cookies))
        .form(&[("session_code", code.as_str())])
        .send()
        .await
        .unwrap();
    assert_eq!(bye.status(), 200);
    keep(&mut cookies, bye.headers());
    assert!(
        store
            .find_session(&realm.id, &session)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        cookies
            .iter()
            .find(|(name, _)| name == "KEYCLOAK_SESSION")
            .unwrap()
            .1,
        ""
    );
}

/// One login serves all applications of the realm, one logout ends it for all: each is told, and
/// none can go on.
///
/// spec: SCOPE-01, SCOPE-02
#[tokio::test]
async fn one_login_and_one_logout_for_all() {
    let application = Application::start().await;
    let given = json!({
        "standardFlowEnabled": true,
        "attributes": {"backchannel.logout.url": format!("{}/out", application.base)},
    });
    let server = server_with(given.clone()).await;
    add_app(&server, "second", given).await;
    let auth = |client: &str| {
        let mut auth = url::Url::parse(&server.url("auth")).unwrap();
        auth.query_pairs_mut()
            .append_pair("client_id", client)
            .append_pair("redirect_uri", "https://app.test/cb")
            .append_pair("response_type", "code")
            .append_pair("scope", "openid");
        auth
    };
    let page = server.http.get(auth("app")).send().await.unwrap();
    let mut cookies = Vec::new();
    keep(&mut cookies, page.headers());
    let text = page.text().await.unwrap();
    let done = server
        .http
        .post(action(&server, &text))
        .header("cookie", jar(&cookies))
        .form(&[("username", "alice"), ("password", "pw")])
        .send()
        .await
        .unwrap();
    keep(&mut cookies, done.headers());
    let again = server
        .http
        .get(auth("second"))
        .header("cookie", jar(&cookies))
        .send()
        .await
        .unwrap();
    assert!(again.status().is_redirection());
    let mut refresh_tokens = Vec::new();
    let mut id_token = String::new();
    for (client, answer) in [("app", &done), ("second", &again)] {
        let location = url::Url::parse(answer.headers()[LOCATION].to_str().unwrap()).unwrap();
        let code = location.query_pairs().find(|(name, _)| name == "code");
        let code = code.unwrap().1.into_owned();
        let tokens = server
            .token(&[
                ("grant_type", "authorization_code"),
                ("client_id", client),
                ("client_secret", "s3cret"),
                ("code", &code),
                ("redirect_uri", "https://app.test/cb"),
            ])
            .await;
        tokens.granted();
        id_token = tokens.text("id_token").to_owned();
        refresh_tokens.push((client, tokens.text("refresh_token").to_owned()));
    }
    let hint = server.url(&format!("logout?id_token_hint={id_token}"));
    let bye = server.http.get(hint).header("cookie", jar(&cookies));
    assert_eq!(bye.send().await.unwrap().status(), 200);
    assert_eq!(application.told(2).await.len(), 2);
    for (client, token) in &refresh_tokens {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", *client),
            ("client_secret", "s3cret"),
            ("refresh_token", token.as_str()),
        ];
        assert_eq!(server.token(&form).await.body["error"], "invalid_grant");
    }
    let asked = server.http.get(auth("app")).header("cookie", jar(&cookies));
    assert_eq!(asked.send().await.unwrap().status(), 200);
}

fn keep(jar: &mut Vec<(String, String)>, headers: &reqwest::header::HeaderMap) {
    for cookie in headers.get_all(SET_COOKIE) {
        let pair = cookie.to_str().unwrap().split(';').next().unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        jar.retain(|(known, _)| known != name);
        jar.push((name.to_owned(), value.to_owned()));
    }
}

fn jar(cookies: &[(String, String)]) -> String {
    let pairs: Vec<String> = cookies
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("; ")
}

fn action(server: &Server, page: &str) -> String {
    let form = &page[page
        .find("method=\"post\"")
        .expect(page)
        .saturating_sub(1_000)..];
    let action = between(&form[form.find("<form").unwrap()..], "action=\"", "\"");
    let action = action.replace("&amp;", "&").replace("&#x2f;", "/");
    if action.starts_with("http") {
        action
    } else {
        format!("{}{action}", server.base)
    }
}

fn between(text: &str, before: &str, after: &str) -> String {
    let start = text
        .find(before)
        .unwrap_or_else(|| panic!("{before} in {text}"))
        + before.len();
    let length = text[start..].find(after).unwrap();
    text[start..start + length].to_owned()
}

/// A session that ends by the revocation of its refresh token, or by the refresh token at the logout
/// endpoint, is told by back channel, even where the application has a front channel too: no browser
/// is there to use it.
///
/// spec: OEP-03
#[tokio::test]
async fn ends_without_a_browser_are_told_by_back_channel() {
    let server = server_with(json!({"frontchannelLogout": true, "attributes": {
        "frontchannel.logout.url": "http://127.0.0.1:9/front",
        "backchannel.logout.url": "http://127.0.0.1:9/out",
    }}))
    .await;
    let store = &server.services.store;
    let mut sessions = Vec::new();
    let tokens = login(&server, "app", "openid").await;
    sessions.push(access(&tokens)["sid"].as_str().unwrap().to_owned());
    let form = [
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("token", tokens.text("refresh_token")),
    ];
    assert_eq!(server.post("revoke", &form).await.status, 200);
    let tokens = login(&server, "app", "openid").await;
    sessions.push(access(&tokens)["sid"].as_str().unwrap().to_owned());
    end_by_refresh_token(&server, "app", tokens.text("refresh_token")).await;
    let told = store.due_logout_notices(i64::MAX, 10).await.unwrap();
    let mut told: Vec<String> = told.into_iter().map(|due| due.notice.session_id).collect();
    told.sort();
    sessions.sort();
    assert_eq!(told, sessions);
}
