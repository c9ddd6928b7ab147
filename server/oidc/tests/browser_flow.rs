//! Signing in with a browser, as a browser does it: forms, cookies, redirects.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use realmkeep_authn::{BaseUrl, CookieSeal, RemoteKeyCache, Services};
use realmkeep_events::Events;
use realmkeep_jose::{UnverifiedJwt, base64url, sha256};
use realmkeep_keys::{Hashing, Keys, MasterKey, PasswordHasher, generate_realm_keys};
use realmkeep_model::clock::Clock;
use realmkeep_pages::Pages;
use realmkeep_representations::{
    ClientRepresentation, CredentialRepresentation, RealmRepresentation, SecretString,
    UserRepresentation,
};
use realmkeep_store::{Batch, Store, Touch};
use realmkeep_workload_identity::{OutboundConfig, OutboundHttp};
use reqwest::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, SET_COOKIE};
use reqwest::{Method, StatusCode};
use serde_json::Value as Json;
use url::Url;

const CALLBACK: &str = "http://127.0.0.1:9/cb";
const VERIFIER: &str = "a-verifier-that-is-long-enough-to-be-one-0123456789";

struct Server {
    base: String,
    services: Arc<Services>,
    _folder: tempfile::TempDir,
}

impl Server {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let master = MasterKey::generate().unwrap();
        let store = Store::open(&folder.path().join("test.db"), Box::new(master.clone())).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let clock = Clock::default();
        let http = OutboundHttp::new(&OutboundConfig::default()).unwrap();
        let services = Arc::new(Services {
            keys: Keys::new(store.clone()),
            store,
            passwords: PasswordHasher::new(),
            clock: clock.clone(),
            events: Events::default(),
            base_url: BaseUrl::parse(&base).unwrap(),
            accounts: realmkeep_authn::accounts::Accounts::plain(http.clone()).unwrap(),
            remote_keys: RemoteKeyCache::new(http, None, clock),
            pages: Pages::new("").unwrap(),
            features: Default::default(),
            bootstrap_trust: None,
            cookies: CookieSeal::new(&master).unwrap(),
        });
        let server = Self {
            base,
            services: services.clone(),
            _folder: folder,
        };
        server.fill().await;
        let app = realmkeep_oidc::router().with_state(services);
        let app = app.into_make_service_with_connect_info::<std::net::SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        server
    }

    async fn fill(&self) {
        let services = &self.services;
        let realm = RealmRepresentation {
            id: Some("r".into()),
            realm: Some("r".into()),
            enabled: Some(true),
            display_name: Some("Example <realm>".into()),
            remember_me: Some(true),
            ..Default::default()
        };
        let mut batch = Batch::new();
        batch.push(services.store.insert_realm(&realm).unwrap());
        for key in generate_realm_keys("r", services.clock.now()).unwrap() {
            batch.push(services.store.insert("r", &key).unwrap());
        }
        batch.push(services.store.insert("r", &client("app")).unwrap());
        let mut other = client("other");
        other.attributes = Some(BTreeMap::from([(
            "pkce.code.challenge.method".to_owned(),
            "S256".to_owned(),
        )]));
        batch.push(services.store.insert("r", &other).unwrap());
        let mut disabled = client("disabled");
        disabled.enabled = Some(false);
        batch.push(services.store.insert("r", &disabled).unwrap());
        let mut bearer = client("bearer");
        bearer.bearer_only = Some(true);
        batch.push(services.store.insert("r", &bearer).unwrap());
        let mut saml = client("saml");
        saml.protocol = Some("saml".into());
        batch.push(services.store.insert("r", &saml).unwrap());
        let mut no_standard = client("no-standard");
        no_standard.standard_flow_enabled = Some(false);
        batch.push(services.store.insert("r", &no_standard).unwrap());
        let stored = services.passwords.hash("pw", Hashing::default()).await;
        let stored = stored.unwrap();
        for (name, enabled) in [("alice", true), ("bob", false), ("carol", true)] {
            let user = UserRepresentation {
                id: Some(name.into()),
                username: Some(name.into()),
                email: Some(format!("{name}@example.test")),
                first_name: Some("F".into()),
                last_name: Some("L".into()),
                enabled: Some(enabled),
                required_actions: (name == "carol").then(|| vec!["UPDATE_PASSWORD".into()]),
                ..Default::default()
            };
            batch.push(services.store.insert_user("r", &user, None).unwrap());
            let stored = stored.clone();
            let credential = CredentialRepresentation {
                id: Some(format!("c-{name}")),
                r#type: Some("password".into()),
                credential_data: Some(stored.credential_data),
                secret_data: Some(stored.secret_data),
                ..Default::default()
            };
            batch.push(services.store.insert_credential(name, &credential).unwrap());
        }
        services.store.commit(batch).await.unwrap();
    }

    fn at(&self, path: &str) -> String {
        format!("{}/realms/r/{path}", self.base)
    }

    fn authorize(&self, more: &[(&str, &str)]) -> String {
        let mut fields = BTreeMap::from([
            ("client_id", "app"),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid"),
            ("state", "st&1"),
        ]);
        for (name, value) in more {
            if *value == "-" {
                fields.remove(name);
            } else {
                fields.insert(name, value);
            }
        }
        let url = self.at("protocol/openid-connect/auth");
        Url::parse_with_params(&url, fields).unwrap().into()
    }

    async fn token(&self, fields: &[(&str, &str)]) -> (StatusCode, Json) {
        let answer = reqwest::Client::new()
            .post(self.at("protocol/openid-connect/token"))
            .form(fields)
            .send()
            .await
            .unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    async fn redeem(&self, code: &str) -> (StatusCode, Json) {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("client_id", "app"),
            ("client_secret", "s3cret"),
            ("redirect_uri", CALLBACK),
            ("code", code),
        ])
        .await
    }

    async fn sessions(&self) -> usize {
        let store = &self.services.store;
        store.sessions_of_user("r", "alice").await.unwrap().len()
    }
}

fn client(client_id: &str) -> ClientRepresentation {
    ClientRepresentation {
        id: Some(format!("id-{client_id}")),
        client_id: Some(client_id.into()),
        enabled: Some(true),
        secret: Some(SecretString::new("s3cret")),
        client_authenticator_type: Some("client-secret".into()),
        redirect_uris: Some(vec![CALLBACK.into(), "http://127.0.0.1:9/bye".into()]),
        standard_flow_enabled: Some(true),
        full_scope_allowed: Some(true),
        ..Default::default()
    }
}

/// Keeps cookies, follows nothing.
#[derive(Clone, Default)]
struct Browser {
    cookies: Arc<Mutex<BTreeMap<String, String>>>,
}

struct Seen {
    status: StatusCode,
    location: Option<Url>,
    set_cookies: Vec<String>,
    policy: String,
    cache: String,
    text: String,
}

impl Browser {
    async fn send(&self, method: Method, url: &str, form: Option<&[(&str, &str)]>) -> Seen {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let cookies = {
            let jar = self.cookies.lock().unwrap();
            let pairs: Vec<String> = jar.iter().map(|(n, v)| format!("{n}={v}")).collect();
            pairs.join("; ")
        };
        let mut request = client.request(method, url).header("Cookie", cookies);
        if let Some(form) = form {
            request = request.form(form);
        }
        let answer = request.send().await.unwrap();
        let header = |name| {
            let value = answer.headers().get(name);
            value.map_or(String::new(), |v| v.to_str().unwrap().to_owned())
        };
        let set_cookies: Vec<String> = answer
            .headers()
            .get_all(SET_COOKIE)
            .iter()
            .map(|v| v.to_str().unwrap().to_owned())
            .collect();
        for cookie in &set_cookies {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            let mut jar = self.cookies.lock().unwrap();
            if cookie.contains("Max-Age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        Seen {
            status: answer.status(),
            location: Some(header(LOCATION))
                .filter(|l| !l.is_empty())
                .map(|l| Url::parse(&l).unwrap()),
            set_cookies,
            policy: header(CONTENT_SECURITY_POLICY),
            cache: header(CACHE_CONTROL),
            text: answer.text().await.unwrap(),
        }
    }

    async fn get(&self, url: &str) -> Seen {
        self.send(Method::GET, url, None).await
    }

    async fn post(&self, url: &str, form: &[(&str, &str)]) -> Seen {
        self.send(Method::POST, url, Some(form)).await
    }

    /// Opens the login page and sends it filled.
    async fn login(&self, server: &Server, more: &[(&str, &str)]) -> Seen {
        let page = self.get(&server.authorize(more)).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        self.post(
            &page.action(server),
            &[("username", "alice"), ("password", "pw")],
        )
        .await
    }
}

impl Seen {
    fn action(&self, server: &Server) -> String {
        let after = self.text.split("action=\"").nth(1).expect(&self.text);
        let action = after.split('"').next().unwrap().replace("&amp;", "&");
        format!("{}{action}", server.base)
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let location = self.location.as_ref().expect(&self.text);
        let mut found = location
            .query_pairs()
            .filter(|(n, _)| n == name)
            .map(|(_, v)| v.into_owned());
        let first = found.next();
        assert_eq!(found.next(), None);
        first
    }

    fn code(&self) -> String {
        self.parameter("code").expect(&self.text)
    }
}

/// spec: OIDC-01, OIDC-04, OIDC-05, CORE-12, CORE-13, CORE-18
#[tokio::test(flavor = "multi_thread")]
async fn a_login_ends_in_tokens() {
    let server = Server::start().await;
    let browser = Browser::default();

    let page = browser.get(&server.authorize(&[("nonce", "n1")])).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("Sign in to Example &lt;realm&gt;"));
    assert!(
        page.policy.contains("default-src 'none'"),
        "{}",
        page.policy
    );
    assert!(
        page.policy.contains("script-src 'self';"),
        "{}",
        page.policy
    );
    assert!(!page.policy.contains("unsafe") && !page.text.contains("<script>"));
    assert!(page.cache.contains("no-store"));
    let [cookie] = page.set_cookies.as_slice() else {
        panic!("{:?}", page.set_cookies)
    };
    assert!(cookie.starts_with("AUTH_SESSION="), "{cookie}");
    for part in ["Path=/realms/r/", "HttpOnly", "SameSite=Lax"] {
        assert!(cookie.contains(part), "{cookie}");
    }

    let action = page.action(&server);
    let done = browser
        .post(&action, &[("username", "alice"), ("password", "pw")])
        .await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    let location = done.location.clone().unwrap();
    assert!(location.as_str().starts_with(&format!("{CALLBACK}?")));
    assert_eq!(done.parameter("state").unwrap(), "st&1");
    assert_eq!(
        done.parameter("iss").unwrap(),
        format!("{}/realms/r", server.base)
    );
    let sid = done.parameter("session_state").unwrap();
    assert_eq!(server.sessions().await, 1);

    let (status, tokens) = server.redeem(&done.code()).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    let id_token = UnverifiedJwt::parse(tokens["id_token"].as_str().unwrap()).unwrap();
    assert_eq!(id_token.unverified_str("nonce"), Some("n1"));
    assert_eq!(id_token.unverified_str("sid"), Some(sid.as_str()));
    assert_eq!(id_token.unverified_sub(), Some("alice"));
    assert!(tokens["refresh_token"].is_string());

    let (status, error) = server.redeem(&done.code()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(error["error"], "invalid_grant");
    let refreshed = server
        .token(&[
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("client_secret", "s3cret"),
            ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
        ])
        .await;
    assert_eq!(
        refreshed.0,
        StatusCode::BAD_REQUEST,
        "a replayed code ends what it began"
    );
}

/// spec: OIDC-07
#[tokio::test(flavor = "multi_thread")]
async fn the_code_belongs_to_who_has_the_verifier() {
    let server = Server::start().await;
    let challenge = base64url(sha256(VERIFIER.as_bytes()));
    let more = [
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    for (verifier, expected) in [
        (Some(VERIFIER), StatusCode::OK),
        (
            Some("another-verifier-that-is-long-enough-0123456789"),
            StatusCode::BAD_REQUEST,
        ),
        (None, StatusCode::BAD_REQUEST),
    ] {
        let done = Browser::default().login(&server, &more).await;
        let code = done.code();
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("client_id", "app"),
            ("client_secret", "s3cret"),
            ("redirect_uri", CALLBACK),
            ("code", &code),
        ];
        if let Some(verifier) = verifier {
            fields.push(("code_verifier", verifier));
        }
        let (status, body) = server.token(&fields).await;
        assert_eq!(status, expected, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_password_unknown_user_and_disabled_user_look_alike() {
    let server = Server::start().await;
    let browser = Browser::default();
    let mut pages = Vec::new();
    for (username, password) in [
        ("alice", "wrong"),
        ("nobody", "pw"),
        ("bob", "pw"),
        ("bob", "wrong"),
        ("alice", ""),
        ("", ""),
        ("alice@example.test", "wrong"),
    ] {
        let page = browser.get(&server.authorize(&[])).await;
        let form = [("username", username), ("password", password)];
        let answer = browser.post(&page.action(&server), &form).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(
            answer
                .text
                .contains("The username or password is not right.")
        );
        let action = answer.text.split("action=\"").nth(1).unwrap();
        let action = action.split('"').next().unwrap();
        // The page's other address has the same parts.
        let restart = action.replace("/authenticate?", "/restart?");
        let same = answer
            .text
            .replace(action, "")
            .replace(&restart, "")
            .replace(&format!("value=\"{username}\""), "value=\"\"");
        pages.push((username, same));
        // The next attempt goes on from the page that refused.
        if username == "alice" && password == "wrong" {
            let form = [("username", "alice"), ("password", "pw")];
            let done = browser.clone().post(&answer.action(&server), &form).await;
            assert_eq!(done.status, StatusCode::SEE_OTHER);
            browser.cookies.lock().unwrap().remove("KEYCLOAK_IDENTITY");
        }
    }
    // An empty username field is where the cursor goes; the rest is the same.
    pages.retain(|(username, _)| !username.is_empty());
    for (_, page) in &pages {
        assert_eq!(page, &pages[0].1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_by_email_too() {
    let server = Server::start().await;
    let browser = Browser::default();
    let page = browser
        .get(&server.authorize(&[("login_hint", "ALICE@example.test")]))
        .await;
    assert!(page.text.contains("value=\"ALICE@example.test\""));
    let form = [("username", "ALICE@example.test"), ("password", "pw")];
    let done = browser.post(&page.action(&server), &form).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_counts_once_and_for_its_browser_only() {
    let server = Server::start().await;
    let browser = Browser::default();
    let page = browser.get(&server.authorize(&[])).await;
    let action = page.action(&server);
    let form = [("username", "alice"), ("password", "pw")];

    // Another browser, with and without a page of its own.
    let other = Browser::default();
    let answer = other.post(&action, &form).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("cookie"));
    other.get(&server.authorize(&[])).await;
    let answer = other.post(&action, &form).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);

    // Changed addresses.
    let url = Url::parse(&action).unwrap();
    for name in [
        "session_code",
        "execution",
        "client_id",
        "tab_id",
        "client_data",
    ] {
        let mut changed = url.clone();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        changed
            .query_pairs_mut()
            .clear()
            .extend_pairs(pairs.iter().map(|(n, v)| {
                (
                    n,
                    if n == name {
                        format!("{v}x")
                    } else {
                        v.clone()
                    },
                )
            }));
        let answer = browser.post(changed.as_str(), &form).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}");
        assert!(answer.set_cookies.is_empty());
    }
    assert_eq!(server.sessions().await, 0);

    let mut sent = tokio::task::JoinSet::new();
    for _ in 0..16 {
        // Without the identity cookie of the others.
        let copy = Browser {
            cookies: Arc::new(Mutex::new(browser.cookies.lock().unwrap().clone())),
        };
        let action = action.clone();
        sent.spawn(async move {
            let form = [("username", "alice"), ("password", "pw")];
            copy.post(&action, &form).await.status
        });
    }
    let answers = sent.join_all().await;
    let through = |s: &&StatusCode| **s == StatusCode::SEE_OTHER;
    assert_eq!(answers.iter().filter(through).count(), 1, "{answers:?}");
    assert_eq!(server.sessions().await, 1);
    let answer = browser.post(&action, &form).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text.contains("already sent"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_was_open_too_long_starts_anew() {
    let server = Server::start().await;
    let browser = Browser::default();
    let page = browser.get(&server.authorize(&[])).await;
    server.services.clock.advance(1_801);
    let form = [("username", "alice"), ("password", "pw")];
    let again = browser.post(&page.action(&server), &form).await;
    assert_eq!(again.status, StatusCode::OK);
    assert!(again.text.contains("open for too long"));
    let done = browser.post(&again.action(&server), &form).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert_eq!(done.parameter("state").unwrap(), "st&1");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_before_a_person_acts() {
    let server = Server::start().await;
    let before = server.services.store.query(&ROWS, &[]).await.unwrap();
    for _ in 0..3 {
        Browser::default().get(&server.authorize(&[])).await;
    }
    let after = server.services.store.query(&ROWS, &[]).await.unwrap();
    assert_eq!(before[0].int(0).unwrap(), 0);
    assert_eq!(after[0].int(0).unwrap(), 0);
}

const ROWS: realmkeep_store::Statement = realmkeep_store::Statement {
    name: "ROWS",
    sql: "SELECT (SELECT count(*) FROM user_session) + (SELECT count(*) FROM single_use)",
};

#[tokio::test(flavor = "multi_thread")]
async fn many_tabs_are_open_at_once() {
    let server = Server::start().await;
    let browser = Browser::default();
    let mut actions = Vec::new();
    for i in 0..12 {
        let state = format!("tab-{i}");
        let page = browser.get(&server.authorize(&[("state", &state)])).await;
        actions.push((state, page.action(&server)));
    }
    for (state, action) in actions {
        let form = [("username", "alice"), ("password", "pw")];
        let done = browser.post(&action, &form).await;
        assert_eq!(done.parameter("state").unwrap(), state);
    }
    assert_eq!(server.sessions().await, 1, "one browser, one session");
}

/// spec: OIDC-12
#[tokio::test(flavor = "multi_thread")]
async fn single_sign_on_and_its_limits() {
    let server = Server::start().await;
    let browser = Browser::default();

    let none = browser.get(&server.authorize(&[("prompt", "none")])).await;
    assert_eq!(none.status, StatusCode::FOUND);
    assert_eq!(none.parameter("error").unwrap(), "login_required");
    assert_eq!(none.parameter("state").unwrap(), "st&1");
    assert!(none.parameter("iss").is_some());

    let first = browser.login(&server, &[]).await;
    let sid = first.parameter("session_state").unwrap();
    for more in [&[][..], &[("prompt", "none")], &[("max_age", "100")]] {
        let again = browser.get(&server.authorize(more)).await;
        assert_eq!(again.status, StatusCode::FOUND);
        assert_eq!(again.parameter("session_state").unwrap(), sid);
        assert_eq!(server.redeem(&again.code()).await.0, StatusCode::OK);
    }
    let both = browser
        .get(&server.authorize(&[("prompt", "none login")]))
        .await;
    assert_eq!(both.parameter("error").unwrap(), "login_required");

    // Proving it again keeps the session, and only its user can.
    server.services.clock.advance(50);
    for more in [("prompt", "login"), ("max_age", "0"), ("max_age", "10")] {
        let page = browser.get(&server.authorize(&[more])).await;
        assert_eq!(page.status, StatusCode::OK, "{more:?}");
        assert!(page.text.contains("id=\"kc-attempted-username\">alice<"));
        let form = [("username", "carol"), ("password", "pw")];
        let done = browser.post(&page.action(&server), &form).await;
        assert_eq!(done.parameter("session_state").unwrap(), sid);
        let session = server.services.store.find_session("r", &sid).await.unwrap();
        let auth_time = session.unwrap().detail.auth_time;
        assert!(server.services.clock.now() - auth_time < 40);
        server.services.clock.advance(50);
    }

    // Idle for too long.
    server.services.clock.advance(1_801);
    let none = browser.get(&server.authorize(&[("prompt", "none")])).await;
    assert_eq!(none.parameter("error").unwrap(), "login_required");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_user_is_not_signed_in_any_more() {
    let server = Server::start().await;
    let browser = Browser::default();
    browser.login(&server, &[]).await;
    let store = &server.services.store;
    let mut user = store.find_user("r", "alice").await.unwrap().unwrap();
    user.enabled = Some(false);
    let mut batch = Batch::new();
    batch.push(store.update_user("r", &user, None).unwrap());
    batch.touch(Touch::User("r".into(), "alice".into()));
    store.commit(batch).await.unwrap();
    let none = browser.get(&server.authorize(&[("prompt", "none")])).await;
    assert_eq!(none.parameter("error").unwrap(), "login_required");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_action_is_not_skipped() {
    let server = Server::start().await;
    let browser = Browser::default();
    let page = browser.get(&server.authorize(&[])).await;
    let form = [("username", "carol"), ("password", "pw")];
    let answer = browser.post(&page.action(&server), &form).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text.contains("name=\"password-new\""));
    assert!(answer.set_cookies.is_empty());
    assert!(answer.location.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn stay_signed_in_is_remembered() {
    let server = Server::start().await;
    let browser = Browser::default();
    let page = browser.get(&server.authorize(&[])).await;
    assert!(page.text.contains("id=\"rememberMe\""));
    let form = [
        ("username", "alice"),
        ("password", "pw"),
        ("rememberMe", "on"),
    ];
    let done = browser.post(&page.action(&server), &form).await;
    assert!(done.set_cookies[0].starts_with("KEYCLOAK_IDENTITY="));
    assert!(done.set_cookies[0].contains("Max-Age=36000"));
    let done = Browser::default().login(&server, &[]).await;
    assert!(!done.set_cookies[0].contains("Max-Age"));
}

/// Before client and redirect URI are right, nobody is redirected.
///
/// spec: OC-08
#[tokio::test(flavor = "multi_thread")]
async fn doubtful_requests_end_on_a_page() {
    let server = Server::start().await;
    let browser = Browser::default();
    for (more, status, text) in [
        (("client_id", "-"), 400, "client_id is missing"),
        (("client_id", "nope"), 400, "not known here"),
        (("client_id", "disabled"), 400, "is disabled"),
        (("client_id", "bearer"), 403, "only accepts tokens"),
        (("client_id", "saml"), 400, "another protocol"),
        (("redirect_uri", "-"), 400, "redirect_uri"),
        (("redirect_uri", "http://evil.test/cb"), 400, "redirect_uri"),
        (
            ("redirect_uri", "http://127.0.0.1:9/cb#x"),
            400,
            "redirect_uri",
        ),
        (
            ("redirect_uri", "http://127.0.0.1:9/cb/../x"),
            400,
            "redirect_uri",
        ),
        (("redirect_uri", "javascript:alert(1)"), 400, "redirect_uri"),
    ] {
        let page = browser.get(&server.authorize(&[more])).await;
        assert_eq!(page.status.as_u16(), status, "{more:?}");
        assert!(page.location.is_none());
        assert!(page.text.contains(text), "{more:?}\n{}", page.text);
        assert!(page.text.contains("kc-error-message"));
    }
    let twice = server.authorize(&[]) + "&redirect_uri=http%3A%2F%2Fevil.test%2F";
    let page = browser.get(&twice).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.location.is_none());
    let unknown = server.authorize(&[]).replace("/realms/r/", "/realms/nope/");
    assert_eq!(browser.get(&unknown).await.status, StatusCode::NOT_FOUND);
}

/// Changed parameters, the error, its description.
type Case<'a> = (Vec<(&'a str, &'a str)>, &'a str, Option<&'a str>);

/// The application is told, in the words that existing clients know.
#[tokio::test(flavor = "multi_thread")]
async fn the_application_learns_what_is_wrong() {
    let server = Server::start().await;
    let browser = Browser::default();
    let challenge = base64url(sha256(VERIFIER.as_bytes()));
    let long = "x".repeat(5_000);
    let cases: Vec<Case<'_>> = vec![
        (
            vec![("response_type", "-")],
            "invalid_request",
            Some("Missing parameter: response_type"),
        ),
        (
            vec![("response_type", "foo")],
            "unsupported_response_type",
            None,
        ),
        (
            vec![("response_mode", "foo")],
            "invalid_request",
            Some("Invalid parameter: response_mode"),
        ),
        (
            vec![("scope", "openid nope")],
            "invalid_scope",
            Some("Invalid scopes: openid nope"),
        ),
        (
            vec![("client_id", "no-standard")],
            "unauthorized_client",
            Some(
                "Client is not allowed to initiate browser login with given response_type. Standard flow is disabled for the client.",
            ),
        ),
        (
            vec![
                ("code_challenge", &challenge),
                ("code_challenge_method", "foo"),
            ],
            "invalid_request",
            Some("Invalid parameter: code_challenge_method"),
        ),
        (
            vec![
                ("code_challenge", &challenge),
                ("code_challenge_method", "plain"),
            ],
            "invalid_request",
            Some("Invalid parameter: code_challenge_method"),
        ),
        (
            vec![("code_challenge_method", "S256")],
            "invalid_request",
            Some("Missing parameter: code_challenge"),
        ),
        (
            vec![("code_challenge", "abc"), ("code_challenge_method", "S256")],
            "invalid_request",
            Some("Invalid parameter: code_challenge"),
        ),
        (
            vec![("client_id", "other")],
            "invalid_request",
            Some("Missing parameter: code_challenge_method"),
        ),
        (
            vec![
                ("client_id", "other"),
                ("code_challenge", &challenge),
                ("code_challenge_method", "plain"),
            ],
            "invalid_request",
            Some("Invalid parameter: code challenge method is not matching the configured one"),
        ),
        (
            vec![("max_age", "x")],
            "invalid_request",
            Some("Invalid parameter: max_age"),
        ),
        (
            vec![("request", "x")],
            "invalid_request_object",
            Some("Request object: the token is not a signed JWT: it does not have three segments"),
        ),
        (
            vec![("request_uri", "urn:x")],
            "invalid_request_uri",
            Some("request_uri is not one that the client has registered"),
        ),
        (
            vec![("nonce", &long)],
            "invalid_request",
            Some("The parameters are longer than 4096 bytes together"),
        ),
    ];
    for (more, error, description) in cases {
        let seen = browser.get(&server.authorize(&more)).await;
        assert_eq!(seen.status, StatusCode::FOUND, "{more:?}");
        let location = seen.location.clone().unwrap();
        assert!(location.as_str().starts_with(&format!("{CALLBACK}?")));
        assert_eq!(seen.parameter("error").unwrap(), error, "{more:?}");
        assert_eq!(
            seen.parameter("error_description").as_deref(),
            description,
            "{more:?}"
        );
        assert_eq!(seen.parameter("state").unwrap(), "st&1");
        assert!(seen.parameter("iss").is_some());
        assert_eq!(seen.parameter("code"), None);
    }
    let implicit = browser
        .get(&server.authorize(&[("response_type", "token")]))
        .await;
    let fragment = implicit.location.unwrap().fragment().unwrap().to_owned();
    assert!(fragment.starts_with("error=unauthorized_client&error_description=Client+is+not"));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_as_fragment_or_form_where_asked() {
    let server = Server::start().await;
    let done = Browser::default()
        .login(&server, &[("response_mode", "fragment")])
        .await;
    let fragment = done.location.unwrap().fragment().unwrap().to_owned();
    assert!(fragment.contains("code=") && fragment.contains("iss="));

    let done = Browser::default()
        .login(&server, &[("response_mode", "form_post")])
        .await;
    assert_eq!(done.status, StatusCode::OK);
    assert!(done.location.is_none());
    assert!(done.text.contains("name=\"code\" value=\""));
    assert!(done.text.contains("name=\"state\" value=\"st&amp;1\""));
    assert!(done.text.contains(&format!("action=\"{CALLBACK}\"")));
    assert!(done.policy.contains("script-src 'self'"), "{}", done.policy);

    let posted = Browser::default();
    let form = [
        ("client_id", "app"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid"),
        ("prompt", "none"),
    ];
    let url = server.at("protocol/openid-connect/auth");
    let seen = posted.post(&url, &form).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER);
    assert_eq!(seen.parameter("error").unwrap(), "login_required");
}

/// spec: LOGO-04
#[tokio::test(flavor = "multi_thread")]
async fn logout_by_hint_by_question_and_by_refresh_token() {
    let server = Server::start().await;
    let logout = server.at("protocol/openid-connect/logout");
    let with = |fields: &[(&str, &str)]| -> String {
        Url::parse_with_params(&logout, fields).unwrap().into()
    };
    let bye = ("post_logout_redirect_uri", "http://127.0.0.1:9/bye");

    // By hint.
    let browser = Browser::default();
    let done = browser.login(&server, &[]).await;
    let (_, tokens) = server.redeem(&done.code()).await;
    let hint = ("id_token_hint", tokens["id_token"].as_str().unwrap());
    let access = ("id_token_hint", tokens["access_token"].as_str().unwrap());
    assert_eq!(browser.get(&with(&[access, bye])).await.status, 400);
    assert_eq!(
        browser
            .get(&with(&[
                hint,
                ("post_logout_redirect_uri", "http://evil.test/")
            ]))
            .await
            .status,
        400
    );
    assert_eq!(
        browser
            .get(&with(&[hint, ("client_id", "other")]))
            .await
            .status,
        400
    );
    assert_eq!(server.sessions().await, 1);
    let gone = browser.get(&with(&[hint, bye, ("state", "s 1")])).await;
    assert_eq!(gone.status, StatusCode::FOUND);
    assert_eq!(
        gone.location.unwrap().as_str(),
        "http://127.0.0.1:9/bye?state=s+1"
    );
    assert!(gone.set_cookies[0].starts_with("KEYCLOAK_IDENTITY=; "));
    assert_eq!(server.sessions().await, 0);
    let none = browser.get(&server.authorize(&[("prompt", "none")])).await;
    assert_eq!(none.parameter("error").unwrap(), "login_required");

    // By question: any site can send a browser here.
    browser.login(&server, &[]).await;
    let page = browser.get(&with(&[("client_id", "app"), bye])).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("id=\"kc-logout\""));
    assert_eq!(server.sessions().await, 1);
    let action = page.action(&server);
    let forged = browser.post(&action, &[("session_code", "x")]).await;
    assert_eq!(forged.status, StatusCode::BAD_REQUEST);
    assert_eq!(server.sessions().await, 1);
    let code = page
        .text
        .split("name=\"session_code\" value=\"")
        .nth(1)
        .unwrap();
    let code = code.split('"').next().unwrap();
    let gone = browser
        .post(&action, &[("session_code", code), ("confirmLogout", "yes")])
        .await;
    assert_eq!(gone.status, StatusCode::SEE_OTHER);
    assert_eq!(gone.location.unwrap().as_str(), "http://127.0.0.1:9/bye");
    assert_eq!(server.sessions().await, 0);

    // Bad ones.
    for fields in [&[bye][..], &[("id_token_hint", "x")]] {
        assert_eq!(browser.get(&with(fields)).await.status, 400);
    }

    // By refresh token.
    let done = browser.login(&server, &[]).await;
    let (_, tokens) = server.redeem(&done.code()).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let credentials = [("client_id", "app"), ("client_secret", "s3cret")];
    let form = |secret| {
        [
            ("client_id", "app"),
            ("client_secret", secret),
            ("refresh_token", refresh),
        ]
    };
    assert_eq!(browser.post(&logout, &form("bad")).await.status, 401);
    assert_eq!(server.sessions().await, 1);
    let garbage = [credentials[0], credentials[1], ("refresh_token", "x")];
    assert_eq!(browser.post(&logout, &garbage).await.status, 400);
    for _ in 0..2 {
        assert_eq!(browser.post(&logout, &form("s3cret")).await.status, 204);
        assert_eq!(server.sessions().await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_load_one_stylesheet_that_may_be_kept() {
    let server = Server::start().await;
    let browser = Browser::default();
    let page = browser.get(&server.authorize(&[])).await;
    let href = page.text.split("href=\"/resources/").nth(1).unwrap();
    let href = href.split('"').next().unwrap();
    let css = browser
        .get(&format!("{}/resources/{href}", server.base))
        .await;
    assert_eq!(css.status, StatusCode::OK);
    assert!(css.cache.contains("immutable"));
    assert!(page.text.len() + css.text.len() < 30_000);
    let old = browser
        .get(&format!("{}/resources/0/login.css", server.base))
        .await;
    assert_eq!(old.status, StatusCode::NOT_FOUND);
}

/// An imported password keeps working and is hashed anew, as new ones are, when it is first used.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_hash_is_replaced_at_login() {
    use aws_lc_rs::pbkdf2;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    let server = Server::start().await;
    let store = &server.services.store;
    let mut hash = [0; 32];
    let iterations = std::num::NonZeroU32::new(1_000).unwrap();
    let (salt, kind) = (b"0123456789abcdef", pbkdf2::PBKDF2_HMAC_SHA256);
    pbkdf2::derive(kind, iterations, salt, b"old pw", &mut hash);
    let imported = CredentialRepresentation {
        id: Some("c-alice".into()),
        r#type: Some("password".into()),
        credential_data: Some(r#"{"hashIterations":1000,"algorithm":"pbkdf2-sha256"}"#.into()),
        secret_data: Some(SecretString::new(format!(
            r#"{{"value":"{}","salt":"{}"}}"#,
            STANDARD.encode(hash),
            STANDARD.encode(salt)
        ))),
        ..Default::default()
    };
    let mut batch = Batch::new();
    batch.push(store.update_credential("alice", &imported).unwrap());
    store.commit(batch).await.unwrap();
    let algorithm = async || {
        let found = store.credentials("alice").await.unwrap();
        let data = found[0].credential_data.clone().unwrap();
        serde_json::from_str::<Json>(&data).unwrap()["algorithm"].clone()
    };

    for (password, status, after) in [
        ("wrong", 200, "pbkdf2-sha256"),
        ("old pw", 303, "argon2"),
        ("old pw", 303, "argon2"),
        ("wrong", 200, "argon2"),
    ] {
        let browser = Browser::default();
        let page = browser.get(&server.authorize(&[])).await;
        let form = [("username", "alice"), ("password", password)];
        let answer = browser.post(&page.action(&server), &form).await;
        assert_eq!(answer.status, status);
        assert_eq!(algorithm().await, after);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_disabled_meanwhile_gets_no_code() {
    let server = Server::start().await;
    let browser = Browser::default();
    let page = browser.get(&server.authorize(&[])).await;
    let store = &server.services.store;
    let mut app = client("app");
    app.enabled = Some(false);
    let mut batch = Batch::new();
    batch.push(store.update("r", &app).unwrap());
    batch.touch(Touch::Client("r".into(), "app".into()));
    store.commit(batch).await.unwrap();
    let form = [("username", "alice"), ("password", "pw")];
    let answer = browser.post(&page.action(&server), &form).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("is disabled"));
    assert_eq!(server.sessions().await, 0);
}
