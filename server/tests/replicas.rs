//! Two servers that share nothing but a PostgreSQL database and the master key's file. Left out where
//! REALMKEEP_TEST_POSTGRES names no database.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use realmkeep_jose::{Algorithm, SigningKey, base64url};
use serde_json::{Value, json};
use support::postgres::{Database, Line};
use support::{Server, http, realmkeep, run, sign_in, stderr, stdout, token};

const REDIRECT: &str = "http://app.example.test/callback";

/// Two servers on one database, and who administers them.
struct Pair {
    _folder: tempfile::TempDir,
    a: Server,
    b: Server,
}

impl Pair {
    async fn start() -> Option<Self> {
        let database = Database::create().await?;
        let folder = tempfile::tempdir().unwrap();
        let a = database.serve(folder.path(), "a", &[]);
        let b = database.serve(folder.path(), "b", &[]);
        let pair = Self {
            _folder: folder,
            a,
            b,
        };
        pair.admin(&pair.a, "POST", "", json!({"realm": "r", "enabled": true}))
            .await;
        let app = json!({
            "clientId": "app", "publicClient": true, "enabled": true,
            "directAccessGrantsEnabled": true, "standardFlowEnabled": true,
            "redirectUris": [REDIRECT],
        });
        pair.admin(&pair.b, "POST", "/r/clients", app).await;
        let alice = json!({
            "username": "alice", "enabled": true, "email": "alice@example.test",
            "firstName": "Alice", "lastName": "A", "emailVerified": true,
            "credentials": [{"type": "password", "value": "pw"}],
        });
        pair.admin(&pair.a, "POST", "/r/users", alice).await;
        Some(pair)
    }

    /// A call of the Admin API below /admin/realms; the answer's body.
    async fn admin(&self, server: &Server, method: &str, path: &str, body: Value) -> Value {
        let (status, signed_in) = sign_in(&server.address, "root", "a-password").await;
        assert_eq!(status, 200, "{signed_in}");
        let url = format!("http://{}/admin/realms{path}", server.address);
        let mut request = http()
            .request(method.parse().unwrap(), url)
            .bearer_auth(signed_in["access_token"].as_str().unwrap());
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    async fn alice(&self) -> Value {
        let users = self
            .admin(
                &self.b,
                "GET",
                "/r/users?username=alice&exact=true",
                Value::Null,
            )
            .await;
        users[0].clone()
    }
}

async fn login(server: &Server) -> Value {
    let form = [
        ("grant_type", "password"),
        ("client_id", "app"),
        ("username", "alice"),
        ("password", "pw"),
        ("scope", "openid"),
    ];
    let (status, body) = token(&server.address, "r", &form).await;
    assert_eq!(status, 200, "{body}");
    body
}

async fn refresh(server: &Server, tokens: &Value) -> (u16, Value) {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
    ];
    token(&server.address, "r", &form).await
}

async fn userinfo(server: &Server, tokens: &Value) -> u16 {
    let url = format!(
        "http://{}/realms/r/protocol/openid-connect/userinfo",
        server.address
    );
    let request = http()
        .get(url)
        .bearer_auth(tokens["access_token"].as_str().unwrap());
    request.send().await.unwrap().status().as_u16()
}

/// Signs in at one server's page and sends the form to the other; the code.
async fn code(page_at: &Server, form_at: &Server) -> String {
    let base = |server: &Server| format!("http://{}", server.address);
    let page = http()
        .get(format!(
            "{}/realms/r/protocol/openid-connect/auth",
            base(page_at)
        ))
        .query(&[
            ("client_id", "app"),
            ("response_type", "code"),
            ("scope", "openid"),
            ("redirect_uri", REDIRECT),
        ])
        .send()
        .await
        .unwrap();
    let cookies: Vec<String> = page
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|cookie| {
            cookie
                .to_str()
                .unwrap()
                .split(';')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    let text = page.text().await.unwrap();
    let action = text.split("action=\"").nth(1).expect(&text);
    let action = action.split('"').next().unwrap().replace("&amp;", "&");
    let path = action
        .strip_prefix("http://id.example.test")
        .unwrap_or(&action);
    let answer = http()
        .post(format!("{}{path}", base(form_at)))
        .header("cookie", cookies.join("; "))
        .form(&[("username", "alice"), ("password", "pw")])
        .send()
        .await
        .unwrap();
    let status = answer.status();
    let location = answer.headers().get("location").cloned();
    let Some(location) = location else {
        panic!("{status}: {}", answer.text().await.unwrap());
    };
    let location = url::Url::parse(location.to_str().unwrap()).unwrap();
    let code = location.query_pairs().find(|(name, _)| name == "code");
    code.unwrap_or_else(|| panic!("{location}")).1.into_owned()
}

async fn redeem(server: &Server, code: &str) -> (u16, Value) {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("redirect_uri", REDIRECT),
        ("code", code),
    ];
    token(&server.address, "r", &form).await
}

/// A login begun at one server goes on at the other, and so does its session; a code that is sent to
/// both at once is redeemed by one of them, and the second use ends what the first has brought.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_goes_from_server_to_server() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let (a, b) = (&pair.a, &pair.b);
    let (status, tokens) = redeem(a, &code(a, b).await).await;
    assert_eq!(status, 200, "{tokens}");
    let (status, tokens) = refresh(b, &tokens).await;
    assert_eq!(status, 200, "{tokens}");
    let (status, tokens) = refresh(a, &tokens).await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(userinfo(b, &tokens).await, 200);

    for round in 0..5 {
        let code = code(b, a).await;
        let answers =
            futures::future::join_all([a, b, a, b].into_iter().map(|server| redeem(server, &code)))
                .await;
        let good: Vec<&Value> = answers
            .iter()
            .filter(|(status, _)| *status == 200)
            .map(|(_, body)| body)
            .collect();
        // A second use can end the session before the first one has its tokens.
        assert!(good.len() <= 1, "round {round}: {answers:?}");
        for (status, body) in &answers {
            assert!(
                *status == 200 || body["error"] == "invalid_grant",
                "{status} {body}"
            );
        }
        // RFC 6749 section 4.1.2: a code that is used twice brings its tokens to an end.
        for tokens in good {
            assert_eq!(refresh(b, tokens).await.0, 400);
        }
    }
}

/// A refresh token that may be used once is used once by both servers together.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_refresh_token_has_one_successor() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let (a, b) = (&pair.a, &pair.b);
    let once = json!({"revokeRefreshToken": true, "refreshTokenMaxReuse": 0});
    pair.admin(a, "PUT", "/r", once).await;
    for round in 0..5 {
        let tokens = login(a).await;
        let answers = futures::future::join_all(
            [a, b, a, b]
                .into_iter()
                .map(|server| refresh(server, &tokens)),
        )
        .await;
        let good = answers.iter().filter(|(status, _)| *status == 200).count();
        assert_eq!(good, 1, "round {round}: {answers:?}");
    }
}

/// What is taken back at one server is not accepted by the other from the moment the call returns.
///
/// spec: SESS-04, SESS-08
#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_back_is_taken_back_everywhere() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let (a, b) = (&pair.a, &pair.b);
    let alice = pair.alice().await;
    let id = alice["id"].as_str().unwrap();
    let set = |key: &str, value: bool| {
        let mut changed = alice.clone();
        changed[key] = json!(value);
        changed
    };
    for _ in 0..3 {
        // A user.
        let tokens = login(b).await;
        assert_eq!(userinfo(b, &tokens).await, 200);
        pair.admin(a, "PUT", &format!("/r/users/{id}"), set("enabled", false))
            .await;
        let (status, body) = refresh(b, &tokens).await;
        assert_eq!(
            (status, &body["error"]),
            (400, &json!("invalid_grant")),
            "{body}"
        );
        assert_eq!(userinfo(b, &tokens).await, 401);
        pair.admin(a, "PUT", &format!("/r/users/{id}"), set("enabled", true))
            .await;

        // The sessions of a user.
        let tokens = login(b).await;
        pair.admin(a, "POST", &format!("/r/users/{id}/logout"), Value::Null)
            .await;
        assert_eq!(refresh(b, &tokens).await.0, 400);
        assert_eq!(userinfo(b, &tokens).await, 401);

        // All sessions of the realm.
        let tokens = login(b).await;
        pair.admin(a, "POST", "/r/logout-all", Value::Null).await;
        assert_eq!(refresh(b, &tokens).await.0, 400);

        // A client.
        let tokens = login(b).await;
        let clients = pair
            .admin(a, "GET", "/r/clients?clientId=app", Value::Null)
            .await;
        let mut app = clients[0].clone();
        let path = format!("/r/clients/{}", app["id"].as_str().unwrap());
        app["enabled"] = json!(false);
        pair.admin(a, "PUT", &path, app.clone()).await;
        let (status, body) = refresh(b, &tokens).await;
        assert!(status == 400 || status == 401, "{status} {body}");
        app["enabled"] = json!(true);
        pair.admin(a, "PUT", &path, app).await;

        // The realm.
        let tokens = login(b).await;
        pair.admin(a, "PUT", "/r", json!({"enabled": false})).await;
        let (status, body) = refresh(b, &tokens).await;
        assert_eq!(status, 403, "{body}");
        pair.admin(a, "PUT", "/r", json!({"enabled": true})).await;
        assert_eq!(refresh(b, &tokens).await.0, 200);
    }
}

/// kill -9 of one server loses nothing that it has acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn the_other_server_goes_on() {
    let Some(mut pair) = Pair::start().await else {
        return;
    };
    let tokens = login(&pair.a).await;
    pair.a.program.kill();
    let (status, tokens) = refresh(&pair.b, &tokens).await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(userinfo(&pair.b, &tokens).await, 200);
}

/// Servers are replaced one after the other, behind a balancer that looks at their readiness: no request
/// fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_fails_no_request() {
    let Some(database) = Database::create().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let start = |name: &str| database.serve(folder.path(), name, &["--shutdown-delay", "1"]);
    let mut servers = vec![start("a"), start("b")];
    let (status, tokens) = sign_in(&servers[0].address, "root", "a-password").await;
    assert_eq!(status, 200, "{tokens}");
    let access = tokens["access_token"].as_str().unwrap().to_owned();

    // The balancer: those that were ready when it looked last.
    let known: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
    let list = |servers: &[Server]| {
        *known.lock().unwrap() = servers
            .iter()
            .map(|server| (server.address.clone(), server.management.clone()))
            .collect();
    };
    list(&servers);
    let ready: Arc<Mutex<Vec<String>>> = Arc::new(Mutex::new(vec![servers[0].address.clone()]));
    let stop = Arc::new(AtomicBool::new(false));
    let probe = {
        let (known, ready, stop) = (known.clone(), ready.clone(), stop.clone());
        tokio::spawn(async move {
            let client = http();
            while !stop.load(Ordering::SeqCst) {
                let mut up = Vec::new();
                let all = known.lock().unwrap().clone();
                for (address, management) in all {
                    let answer = client
                        .get(format!("{management}/health/ready"))
                        .send()
                        .await;
                    if answer.is_ok_and(|answer| answer.status() == 200) {
                        up.push(address);
                    }
                }
                *ready.lock().unwrap() = up;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
    };
    let clients: Vec<_> = (0..4)
        .map(|i| {
            let (ready, stop, access) = (ready.clone(), stop.clone(), access.clone());
            tokio::spawn(async move {
                let client = http();
                let mut done = 0_usize;
                while !stop.load(Ordering::SeqCst) {
                    let up = ready.lock().unwrap().clone();
                    assert!(!up.is_empty(), "no server is ready");
                    let address = &up[(i + done) % up.len()];
                    let answer = client
                        .get(format!(
                            "http://{address}/realms/master/protocol/openid-connect/userinfo"
                        ))
                        .bearer_auth(&access)
                        .send()
                        .await
                        .unwrap();
                    // The token lacks the scope openid; that it was looked at is what counts.
                    let status = answer.status().as_u16();
                    assert!(matches!(status, 200 | 403), "{status}");
                    done += 1;
                }
                done
            })
        })
        .collect();
    for old in 0..2 {
        let name = format!("new{old}");
        servers.push(start(&name));
        list(&servers);
        tokio::time::sleep(Duration::from_millis(200)).await;
        let mut gone = servers.remove(0);
        gone.program.signal("TERM");
        let ended = tokio::task::spawn_blocking(move || gone.program.wait())
            .await
            .unwrap();
        assert!(ended.success());
        list(&servers);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    stop.store(true, Ordering::SeqCst);
    probe.await.unwrap();
    let mut done = 0;
    for client in clients {
        done += client.await.unwrap();
    }
    assert!(done > 50, "{done} requests");
}

/// Servers that start together on an empty database make one realm with one administrator.
#[tokio::test(flavor = "multi_thread")]
async fn servers_start_together_on_an_empty_database() {
    let Some(database) = Database::create().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    // The key has to be there before: two servers cannot make the same one.
    std::fs::write(
        folder.path().join("master.key"),
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    )
    .unwrap();
    let servers: Vec<Server> = std::thread::scope(|scope| {
        let starts: Vec<_> = ["a", "b", "c"]
            .into_iter()
            .map(|name| {
                let (database, folder) = (&database, folder.path());
                scope.spawn(move || database.serve(folder, name, &[]))
            })
            .collect();
        starts.into_iter().map(|s| s.join().unwrap()).collect()
    });
    for server in &servers {
        let (status, body) = sign_in(&server.address, "root", "a-password").await;
        assert_eq!(status, 200, "{body}");
    }
    // Another master key is another database's.
    std::fs::write(
        folder.path().join("other.key"),
        "HxweHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgE=",
    )
    .unwrap();
    let output = realmkeep()
        .args(support::serve_args(&folder.path().join("d")))
        .args(["--database-url", &database.url, "--master-key-file"])
        .arg(folder.path().join("other.key"))
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = stdout(&output) + &stderr(&output);
    assert!(said.contains("the master key is not the one"), "{said}");
}

/// While the database is away: readiness says so, keys and metadata come from memory, everything else
/// is refused with 503 and when to try again; when it is back, so is the server.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_it_says_so_and_recovers_by_itself() {
    let Some(database) = Database::create().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let line = Line::to(&database).await;
    let server = database.serve_at(&line.url, folder.path(), "a", &[]);
    let ready = format!("{}/health/ready", server.management);
    let realm = format!("http://{}/realms/master", server.address);
    let documents = [
        format!("{realm}/.well-known/openid-configuration"),
        format!("{realm}/protocol/openid-connect/certs"),
    ];
    let status = async |url: &str| http().get(url).send().await.unwrap().status().as_u16();
    for url in documents.iter().chain([&ready]) {
        assert_eq!(status(url).await, 200, "{url}");
    }
    for _ in 0..2 {
        line.cut();
        let answer = http().get(&ready).send().await.unwrap();
        assert_eq!(answer.status(), 503);
        let body: Value = answer.json().await.unwrap();
        let reason = body["checks"][0]["data"]["reason"].as_str().unwrap();
        assert!(reason.contains("database is not available"), "{body}");
        assert_eq!(
            status(&format!("{}/health/live", server.management)).await,
            200,
            "a restart would not help"
        );
        for url in &documents {
            assert_eq!(status(url).await, 200, "{url}");
        }
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", "root"),
            ("password", "a-password"),
        ];
        let url = format!("{realm}/protocol/openid-connect/token");
        let answer = http().post(url).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after"));
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["error"], "temporarily_unavailable");
        let admin = format!("http://{}/admin/realms", server.address);
        let answer = http().get(admin).bearer_auth("x.y.z").send().await.unwrap();
        assert!(matches!(answer.status().as_u16(), 401 | 503));

        line.mend();
        let mut tries = 0;
        while status(&ready).await != 200 {
            tries += 1;
            assert!(tries < 100, "it did not recover");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let (status, body) = sign_in(&server.address, "root", "a-password").await;
        assert_eq!(status, 200, "{body}");
    }
}

/// The schema is brought up to date apart from the server, by another user if need be.
#[tokio::test(flavor = "multi_thread")]
async fn the_schema_can_be_migrated_apart() {
    let Some(database) = Database::create().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let serve = || {
        realmkeep()
            .args(support::serve_args(folder.path()))
            .args(["--database-url", &database.url, "--database-migrate=false"])
            .output()
            .unwrap()
    };
    let output = serve();
    let said = stdout(&output) + &stderr(&output);
    assert!(!output.status.success());
    assert!(said.contains("realmkeep migrate"), "{said}");
    for _ in 0..2 {
        let migrated = run(&[
            "migrate",
            "--data-dir",
            data,
            "--database-url",
            &database.url,
        ]);
        assert!(migrated.status.success(), "{}", stderr(&migrated));
        assert!(stdout(&migrated).contains("up to date"));
    }
    let server = database.serve(folder.path(), "a", &["--database-migrate=false"]);
    assert_eq!(sign_in(&server.address, "root", "a-password").await.0, 200);
}

/// More requests than are worked on at once: those beyond are told to come back, at once and not as an
/// error of their own, and the others are served.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_is_told_to_come_back() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::spawn(
        realmkeep()
            .args(support::serve_args(data.path()))
            .args(["--http-max-requests", "4"])
            .env("REALMKEEP_BOOTSTRAP_ADMIN_USERNAME", "root")
            .env("REALMKEEP_BOOTSTRAP_ADMIN_PASSWORD", "a-password"),
    );
    let url = format!(
        "http://{}/realms/master/protocol/openid-connect/token",
        server.address
    );
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "root"),
        ("password", "a-password"),
    ];
    let client = http();
    let requests = (0..60).map(|_| client.post(&url).form(&form).send());
    let mut good = 0;
    let mut later = 0;
    for answer in futures::future::join_all(requests).await {
        let answer = answer.unwrap();
        match answer.status().as_u16() {
            200 => good += 1,
            503 => {
                assert_eq!(answer.headers()["retry-after"], "1");
                let body: Value = answer.json().await.unwrap();
                assert_eq!(body["error"], "temporarily_unavailable");
                later += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert!(good >= 1 && later >= 1, "{good} served, {later} refused");
    assert_eq!(sign_in(&server.address, "root", "a-password").await.0, 200);
}

/// `realmkeep config` shows where the database is, and no password.
#[test]
fn the_databases_password_is_not_shown() {
    let output = realmkeep()
        .args([
            "config",
            "--database-url",
            "postgres://u:hunter2@db.example.test/d",
        ])
        .output()
        .unwrap();
    let said = stdout(&output);
    assert!(
        said.contains("database-url = postgres://u:**********@db.example.test/d"),
        "{said}"
    );
    let wrong = run(&["config", "--database-url", "mysql://u:hunter2@h/d"]);
    assert!(!wrong.status.success());
    assert!(stderr(&wrong).contains("postgres://"), "{}", stderr(&wrong));
    for text in [said, stderr(&wrong), stdout(&wrong)] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

/// A proof of a key counts once, whichever server sees it, and a nonce of one server counts at the
/// other (RFC 9449 sections 8 and 11.1).
#[tokio::test(flavor = "multi_thread")]
async fn proofs_count_once_for_all_servers() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let required = json!({"attributes": {"dpopNonceRequired": "true"}});
    pair.admin(&pair.a, "PUT", "/r", required).await;
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let proof = |nonce: Option<&str>| {
        let mut jwk = serde_json::to_value(key.public_jwk().unwrap()).unwrap();
        for name in ["kid", "use", "alg"] {
            jwk.as_object_mut().unwrap().remove(name);
        }
        let claims = json!({
            "jti": uuid::Uuid::new_v4().to_string(), "htm": "POST", "nonce": nonce,
            "htu": "http://id.example.test/realms/r/protocol/openid-connect/token",
            "iat": std::time::UNIX_EPOCH.elapsed().unwrap().as_secs(),
        });
        let part = |value: &Value| base64url(value.to_string());
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
        let input = format!("{}.{}", part(&header), part(&claims));
        let signature = base64url(key.signature(input.as_bytes()).unwrap());
        format!("{input}.{signature}")
    };
    let send = async |server: &Server, proof: &str| {
        let url = format!(
            "http://{}/realms/r/protocol/openid-connect/token",
            server.address
        );
        let form = [
            ("grant_type", "password"),
            ("client_id", "app"),
            ("username", "alice"),
            ("password", "pw"),
        ];
        let request = http().post(url).header("DPoP", proof).form(&form);
        let answer = request.send().await.unwrap();
        let nonce = answer.headers().get("dpop-nonce").cloned();
        let nonce = nonce.map(|nonce| nonce.to_str().unwrap().to_owned());
        let body: Value = answer.json().await.unwrap();
        (body, nonce)
    };
    let (refused, nonce) = send(&pair.a, &proof(None)).await;
    assert_eq!(refused["error"], "use_dpop_nonce", "{refused}");
    let nonce = nonce.unwrap();
    let good = proof(Some(&nonce));
    let (granted, _) = send(&pair.b, &good).await;
    assert_eq!(granted["token_type"], "DPoP", "{granted}");
    for server in [&pair.a, &pair.b] {
        let (refused, _) = send(server, &good).await;
        assert_eq!(refused["error"], "invalid_dpop_proof", "{refused}");
    }
    for _ in 0..10 {
        let good = proof(Some(&nonce));
        let (one, other) = tokio::join!(send(&pair.a, &good), send(&pair.b, &good));
        let granted = [&one.0, &other.0].map(|body| body["token_type"] == "DPoP");
        assert_eq!(
            granted.iter().filter(|g| **g).count(),
            1,
            "{one:?} {other:?}"
        );
    }
}
