//! The proof of being human, asked of a stand-in for Google: same names, own certificate.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use realmkeep_workload_identity::{OutboundConfig, TrustRoots};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::browser::{Browser, Seen, fill};
use crate::link;
use crate::support::{Server, SetUp};
use crate::tools::{done, open, send};

const GOOGLE: &str = "www.google.com";
const RECAPTCHA_NET: &str = "www.recaptcha.net";
const ENTERPRISE: &str = "recaptchaenterprise.googleapis.com";

/// What was asked: host, path with query, body.
type Asked = (String, String, String);

struct Google {
    answer: Arc<Mutex<Value>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    outbound: OutboundConfig,
}

impl Google {
    async fn start() -> Self {
        let names = [GOOGLE, RECAPTCHA_NET, ENTERPRISE].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names.clone()).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let tls = TlsAcceptor::from(Arc::new(config));
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let answer = Arc::new(Mutex::new(Value::Null));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answers, asks) = (answer.clone(), asked.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = tcp.accept().await.unwrap();
                let Ok(mut stream) = tls.accept(stream).await else {
                    continue;
                };
                let request = read(&mut stream).await;
                asks.lock().unwrap().push(request);
                let body = answers.lock().unwrap().to_string();
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
                let text = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                stream.write_all(text.as_bytes()).await.unwrap();
                let _ = stream.shutdown().await;
            }
        });
        let outbound = OutboundConfig {
            allow_private_addresses: true,
            hosts: BTreeMap::from(names.map(|name| (name, address))),
            roots: TrustRoots::Only(vec![made.cert.pem().into_bytes()]),
            ..OutboundConfig::default()
        };
        Self {
            answer,
            asked,
            outbound,
        }
    }

    fn answers(&self, answer: Value) {
        *self.answer.lock().unwrap() = answer;
    }

    /// What was asked since the last time.
    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

async fn read(stream: &mut (impl AsyncReadExt + Unpin)) -> Asked {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let header = |name: &str| {
                let mut lines = head.lines().filter_map(|line| line.split_once(": "));
                let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.to_owned()).unwrap_or_default()
            };
            if body.len() >= header("content-length").parse().unwrap_or(0) {
                let path = head.split(' ').nth(1).unwrap().to_owned();
                return (header("host"), path, body.to_owned());
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
            return Asked::default();
        }
    }
}

/// A realm whose registration form has this execution, with these settings.
async fn server(google: &Google, provider: &str, config: &[(&str, &str)]) -> Server {
    let set_up = SetUp {
        outbound: google.outbound.clone(),
        ..SetUp::default()
    };
    let server = Server::start_set_up(set_up, |realm| {
        realm.registration_allowed = Some(true);
        for flow in realm.authentication_flows.iter_mut().flatten() {
            for part in flow.authentication_executions.iter_mut().flatten() {
                if part.authenticator.as_deref() == Some("registration-recaptcha-action") {
                    part.authenticator = Some(provider.to_owned());
                    part.requirement = Some("REQUIRED".to_owned());
                    part.authenticator_config = Some("captcha".to_owned());
                }
            }
        }
        let config: BTreeMap<&str, &str> = config.iter().copied().collect();
        let config = json!({"id": "c1", "alias": "captcha", "config": config});
        let all = realm.authenticator_config.get_or_insert_default();
        all.push(serde_json::from_value(config).unwrap());
    })
    .await;
    fill(&server).await;
    server
}

async fn form(server: &Server, browser: &Browser) -> Seen {
    let page = open(server, browser, &[]).await;
    let at = link(server, &page, "login-actions/registration");
    browser.get(server, &at).await
}

/// Registers with the answer of the widget; whether an account was made.
async fn registers(server: &Server, answer: &str) -> bool {
    let browser = Browser::default();
    let page = form(server, &browser).await;
    let username = format!("user{}", answer.len());
    let email = format!("{username}@example.test");
    let form = [
        ("username", username.as_str()),
        ("email", &email),
        ("firstName", "Bob"),
        ("lastName", "Builder"),
        ("password", "can we fix it"),
        ("password-confirm", "can we fix it"),
        ("g-recaptcha-response", answer),
    ];
    let seen = send(server, &browser, &page, &form).await;
    let realm = server.realm().await;
    let store = &server.services.store;
    let made = store.find_user_named(&realm.id, &username).await.unwrap();
    if made.is_none() {
        let told = "could not tell that you are human";
        assert!(seen.text.contains(told), "{}", seen.text);
        return false;
    }
    done(&seen);
    true
}

/// Google is asked with the secret, which no page shows, and what it says counts.
///
/// spec: CAPT-06
#[tokio::test(flavor = "multi_thread")]
async fn google_says_whether_it_was_a_human() {
    let google = Google::start().await;
    let keys = [("site.key", "the-site"), ("secret.key", "the-secret")];
    let server = server(&google, "registration-recaptcha-action", &keys).await;
    google.answers(json!({"success": false}));
    assert!(!registers(&server, "token").await);
    let asked = google.asked();
    let (host, path, body) = asked.first().expect("Google is asked");
    assert_eq!(
        (host.as_str(), path.as_str()),
        (GOOGLE, "/recaptcha/api/siteverify")
    );
    assert!(body.contains("secret=the-secret&response=token"), "{body}");
    google.answers(json!("nonsense"));
    assert!(!registers(&server, "token").await);
    google.answers(json!({"success": true}));
    assert!(registers(&server, "token").await);
}

/// Keys that give a score: the action has to be the form's, and the score high enough.
///
/// spec: CAPT-08
#[tokio::test(flavor = "multi_thread")]
async fn a_score_and_an_action_are_looked_at() {
    let google = Google::start().await;
    let config = [
        ("site.key", "the-site"),
        ("secret.key", "the-secret"),
        ("recaptcha.v3", "true"),
        ("action", "join"),
        ("useRecaptchaNet", "true"),
    ];
    let server = server(&google, "registration-recaptcha-action", &config).await;
    for (answer, passes) in [
        (
            json!({"success": true, "action": "join", "score": 0.1}),
            false,
        ),
        (
            json!({"success": true, "action": "buy", "score": 0.9}),
            false,
        ),
        (json!({"success": true, "action": "join"}), false),
        (
            json!({"success": true, "action": "join", "score": 0.9}),
            true,
        ),
    ] {
        google.answers(answer.clone());
        assert_eq!(registers(&server, "token").await, passes, "{answer}");
        assert!(
            google
                .asked()
                .iter()
                .all(|(host, _, _)| host == RECAPTCHA_NET)
        );
    }
}

/// reCAPTCHA Enterprise is a step of its own: Google Cloud is asked for the project, with its key, and
/// the answer's score is to reach the threshold. Its page may load what the widget needs.
///
/// spec: CAPT-11, CAPT-12, CAPT-13, CAPT-14, CAPT-15, CAPT-16, CAPT-17
#[tokio::test(flavor = "multi_thread")]
async fn enterprise_assesses_the_registration() {
    let google = Google::start().await;
    let config = [
        ("project.id", "the-project"),
        ("site.key", "the-site"),
        ("api.key", "the-key"),
        ("recaptcha.v3", "true"),
        ("score.threshold", "0.5"),
    ];
    let provider = "registration-recaptcha-enterprise";
    let server_by_score = server(&google, provider, &config).await;
    let page = form(&server_by_score, &Browser::default()).await;
    assert!(
        page.text
            .contains("data-sitekey=\"the-site\" data-action=\"register\"")
    );
    assert!(
        page.text
            .contains("https://www.google.com/recaptcha/enterprise.js")
    );
    assert!(!page.text.contains("the-key"), "{}", page.text);
    let directive = |page: &Seen, name: &str| {
        let mut all = page.policy.split(';').map(str::trim);
        all.find(|d| d.starts_with(name))
            .unwrap_or_default()
            .to_owned()
    };
    for name in ["frame-src", "script-src"] {
        let allowed = directive(&page, name);
        assert!(allowed.contains("https://www.google.com"), "{allowed}");
    }
    let says = |valid: bool, action: &str, score: f64| {
        json!({"tokenProperties": {"valid": valid, "action": action},
            "riskAnalysis": {"score": score}})
    };
    for (answer, passes) in [
        (says(false, "register", 0.9), false),
        (says(true, "other", 0.9), false),
        (says(true, "register", 0.4), false),
        (json!({"error": {"code": 403}}), false),
        (says(true, "register", 0.5), true),
    ] {
        google.answers(answer.clone());
        assert_eq!(
            registers(&server_by_score, "token").await,
            passes,
            "{answer}"
        );
    }
    let asked = google.asked();
    assert_eq!(asked.len(), 5);
    for (host, path, body) in asked {
        assert_eq!(host, ENTERPRISE);
        assert_eq!(path, "/v1/projects/the-project/assessments?key=the-key");
        let event: Value = serde_json::from_str(&body).unwrap();
        let wanted = json!({"token": "token", "siteKey": "the-site", "expectedAction": "register"});
        assert_eq!(event["event"], wanted);
    }

    // Challenge keys give no score; the widget comes from another host where Google's own is barred.
    let config = [
        ("project.id", "the-project"),
        ("site.key", "the-site"),
        ("api.key", "the-key"),
        ("useRecaptchaNet", "true"),
    ];
    let by_challenge = server(&google, provider, &config).await;
    let page = form(&by_challenge, &Browser::default()).await;
    assert!(
        page.text
            .contains("<div class=\"g-recaptcha\" data-sitekey=\"the-site\">")
    );
    assert!(
        page.text
            .contains("https://www.recaptcha.net/recaptcha/enterprise.js")
    );
    assert!(directive(&page, "frame-src").contains("https://www.recaptcha.net"));
    google.answers(says(false, "", 0.0));
    assert!(!registers(&by_challenge, "token").await);
    google.answers(says(true, "", 0.0));
    assert!(registers(&by_challenge, "token").await);
    // Without its keys nobody passes, and nobody is asked.
    google.asked();
    let incomplete = server(&google, provider, &[("site.key", "the-site")]).await;
    let browser = Browser::default();
    let page = form(&incomplete, &browser).await;
    let form = [
        ("username", "bob"),
        ("email", "bob@example.test"),
        ("firstName", "Bob"),
        ("lastName", "Builder"),
        ("password", "can we fix it"),
        ("password-confirm", "can we fix it"),
        ("g-recaptcha-response", "token"),
    ];
    let seen = send(&incomplete, &browser, &page, &form).await;
    assert!(seen.location.is_none());
    assert!(google.asked().is_empty());
}
